"""Puts model files into the caches: looked into first, converted where that is needed, whole."""

from __future__ import annotations

import fnmatch
import logging
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from humantrack.atomic import atomic_write, cannot_write
from humantrack.errors import WeightsError
from humantrack.weights import archives, hashes, smpl_table, usable
from humantrack.weights.catalog import FILES, ModelFile, cache_root, home_of

_log = logging.getLogger(__name__)

_SUFFIXES = (".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar", ".zip")


def recognise(name: str) -> ModelFile | None:
    """The file of the catalogue that goes by a name, or by what browsers make of one.

    Capitals do not count; neither does ``(1)`` before the suffix, nor another suffix of an archive.
    """
    name = re.sub(r" ?\(\d+\)(?=\.|$)", "", name)
    for wanted in (name, stem(name)):
        for file in FILES:
            names = [n.lower() for n in (file.name, *file.aliases)]
            if wanted.lower() in names or (file.is_archive and stem(file.name) == wanted.lower()):
                return file
    return None


def stem(name: str) -> str:
    """A name without the suffix of an archive."""
    return next((name[: -len(s)] for s in _SUFFIXES if name.lower().endswith(s)), name)


def keep(source: Path, file: ModelFile, root: Path | None = None) -> Path:
    """Copy a file to its place in the cache; its hash is checked or noted.

    SMPL's model is converted into plain arrays unless it is that already, and goes to every place
    where somebody looks for it.

    Raises:
        WeightsError: it cannot be used as this file.
        OutputError: the cache cannot be written.
    """
    if file.sha256 is not None and hashes.sha256_of(source) != file.sha256:
        raise WeightsError(f"this is not the official {file.name}", where=source)
    usable.check(file, source)
    if file.holds == "smpl" and (other := _gender(source.name)):
        _log.warning("%s is a %s model by its name; it is taken as the neutral one", source, other)
    convert = file.holds == "smpl" and not smpl_table.is_plain(source)
    home = home_of(file, root)
    if convert or not (home.exists() and home.samefile(source)):
        with atomic_write(home) as out:
            if convert:
                smpl_table.convert(source, out)
            else:
                _copy(source, out)
        hashes.note_path(home).unlink(missing_ok=True)
        hashes.check(home, file.sha256)
    if file.everywhere:
        for place in file.places[1:]:
            _repeat(home, (root or cache_root()) / place)
    return home


def _gender(name: str) -> str | None:
    match = re.search(r"(?<![a-z])(female|male|f|m)(?![a-z])", Path(name).stem.lower())
    return None if match is None else "female" if match[1].startswith("f") else "male"


def _repeat(home: Path, other: Path) -> None:
    """The same file in another place."""
    if other.is_file() and hashes.sha256_of(other) == hashes.sha256_of(home):
        return
    with atomic_write(other) as out:
        _copy(home, out)
    hashes.note_path(other).unlink(missing_ok=True)


def _copy(source: Path, out: object) -> None:
    try:
        with source.open("rb") as content:
            shutil.copyfileobj(content, out, 1 << 20)  # type: ignore[arg-type]
    except PermissionError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=source) from error


def install_archive(
    file: ModelFile,
    archive: Path,
    root: Path | None = None,
    *,
    needed: Iterable[ModelFile] = (),
) -> list[Path]:
    """Unpack an official archive where it belongs and note the hashes of what it brings.

    What the catalogue knows goes to its place, wherever in the archive it lies; everything else of
    HMR2.0b's goes where the genuine program has it. Nothing is put anywhere unless all is well.

    Args:
        file: the archive's entry in the catalogue.
        archive: the archive.
        root: the folder of the caches; None is the usual one.
        needed: what it has to bring.

    Returns:
        The files, those that the catalogue knows first.

    Raises:
        WeightsError: as :func:`humantrack.weights.archives.unpack`, or what it brings is damaged,
            or what is needed is not in it.
        OutputError: the cache cannot be written.
    """
    folder = home_of(file, root).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as temporary:
            scratch = Path(temporary)
            names = archives.extract(archive, scratch)
            brings = {
                other: name
                for other in FILES
                if other.archive == file.name
                and (name := _inside(other, names, scratch, folder, root)) is not None
            }
            for other in needed:
                if other not in brings:
                    raise WeightsError(f"the archive does not hold {other.name}", where=archive)
            for other, name in brings.items():
                _look_into(other, scratch / name, archive)
            return _distribute(scratch, names, brings, folder, root)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _inside(
    file: ModelFile, names: Iterable[PurePosixPath], scratch: Path, folder: Path, root: Path | None
) -> PurePosixPath | None:
    """Which file of an archive is the one that the catalogue means: by its place, then its name."""
    at_home = [n for n in names if folder / n == home_of(file, root)]
    for pattern in file.inside:
        found = [n for n in names if fnmatch.fnmatchcase(n.name.lower(), pattern.lower())]
        found = [n for n in at_home if n in found] or found
        if found:  # of several checkpoints the largest: others are kept for going on with training
            return max(found, key=lambda n: ((scratch / n).stat().st_size, -len(n.parts), str(n)))
    return None


def _look_into(file: ModelFile, path: Path, archive: Path) -> None:
    try:
        usable.check(file, path)
    except WeightsError as error:
        what = f"the archive's {file.name} cannot be used: {error.what}"
        raise WeightsError(what, where=archive, hint=error.hint) from error


def _distribute(
    scratch: Path,
    names: Iterable[PurePosixPath],
    brings: dict[ModelFile, PurePosixPath],
    folder: Path,
    root: Path | None,
) -> list[Path]:
    """Move unpacked files to their places."""
    put = []
    for other, name in brings.items():
        home = home_of(other, root)
        archives.put(scratch / name, home)
        hashes.note_path(home).unlink(missing_ok=True)  # of an earlier version
        hashes.check(home, other.sha256)
        put.append(home)
    taken = set(brings.values())
    for name in names:
        target = folder / name
        if name in taken or target in put:
            continue
        archives.put(scratch / name, target)
        hashes.note_path(target).unlink(missing_ok=True)
        put.append(target)
    return put


def known_files(folder: Path) -> list[tuple[Path, ModelFile]]:
    """The files below a folder that the catalogue knows by their names, one path for each."""
    found: dict[ModelFile, Path] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        file = at_place(path) or recognise(path.name)
        if file is not None and not file.is_archive:
            found.setdefault(file, path)
    return [(path, file) for file, path in found.items()]


def at_place(path: Path) -> ModelFile | None:
    """The file whose place in the cache a path ends with."""
    text = path.as_posix()
    for file in FILES:
        if any(text.endswith("/" + place.removeprefix("~/")) for place in file.places):
            return file
    return None
