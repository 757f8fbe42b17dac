"""Unpacks archives without letting them write anywhere but into their folder."""

from __future__ import annotations

import logging
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from humantrack.atomic import cannot_write, replace
from humantrack.errors import WeightsError

_log = logging.getLogger(__name__)


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack the files of a tar (plain or compressed) or zip archive, all or none.

    Links are left out. Files that are there already are replaced.

    Args:
        archive: the archive.
        folder: where its tree is put.

    Returns:
        The files.

    Raises:
        WeightsError: if it is damaged, no archive, or names a place outside the folder.
        OutputError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as scratch:
            names = list(_extract(archive, Path(scratch)))
            for name in names:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                replace(Path(scratch) / name, target)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return [folder / name for name in names]


def _extract(archive: Path, scratch: Path) -> Iterator[PurePosixPath]:
    """Write every file of the archive below ``scratch`` and yield its name."""
    try:
        for member, content in _members(archive):
            name = _safe(member, archive)
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            yield name
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        hint = "it is cut short or no archive; fetch it anew"
        raise WeightsError(f"cannot unpack ({error})", where=archive, hint=hint) from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every regular file."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if not info.is_dir():
                    yield info.filename, packed.open(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name, content
            elif not member.isdir():
                _log.warning("%s: left out %s, which is not a regular file", archive, member.name)


def _safe(name: str, archive: Path) -> PurePosixPath:
    """The name as a path below the folder."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or not path.parts
    if outside or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name):
        raise WeightsError(f"the archive would write outside its folder ({name})", where=archive)
    return path


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive that :func:`unpack` knows."""
    return path.name.lower().endswith((".tar.gz", ".tgz", ".tar", ".tar.xz", ".zip"))
