"""One export after another: which files go where, and what is kept when one of them is bad."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.errors import ConfigError, HumantrackError, ResultsError
from humantrack.export.formats.base import Exporter, Format
from humantrack.export.output import OutputFiles, StandardOutput
from humantrack.results import DEFAULT_MAX_SIZE, meta_path

STDOUT = "-"

_OWN_SUFFIXES = (".phalp.pkl", ".blender.pkl")
"""Pickles that an export has written; a folder's are not exported again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one results file."""

    source: Path
    files: list[Path]
    notes: list[str] = field(default_factory=list)
    """What the user may want to know, a line each."""

    error: HumantrackError | None = None


Progress = Callable[[ResultsSource], Callable[[int], None]]
"""Told of a file before it is walked; gives what is told how many frames were taken."""


def export(
    path: str | Path,
    formats: Sequence[Format],
    output: str | Path | None = None,
    options: ExportOptions | None = None,
    *,
    force: bool = False,
    strict: bool = False,
    max_size: int = DEFAULT_MAX_SIZE,
    progress: Progress | None = None,
    keep: Collection[Path] = (),
) -> Done:
    """Export one results file to one or more formats, in one walk through it.

    Args:
        path: the results.
        formats: from ``base.FORMATS``.
        output: a file's name (one format that writes one file), a folder (an existing one, or
            with a slash at its end), ``-`` for standard output; None writes beside the results.
        options: choices that formats share.
        force: whether files that are there already may be replaced.
        strict: raise for results that are cut short, instead of a note.
        max_size: most decompressed bytes to accept.
        progress: see ``Progress``.
        keep: files that are not replaced even so; the results themselves never are.

    Raises:
        ConfigError: if ``output`` cannot hold the formats.
        ResultsError: if the results cannot be read; no file is left behind.
        OutputError: if a file cannot be written; no file is left behind.
    """
    path = Path(path)
    outputs = _outputs(path, formats, output, force=force, keep=(path, meta_path(path), *keep))
    notes: list[str] = []
    # Formats say themselves what they make of numbers that are none.
    with reading(path, notes.append), np.errstate(all="ignore"):
        source = ResultsSource(path, options, strict=strict, max_size=max_size)
        advance = None if progress is None else progress(source)
        with ExitStack() as stack:
            exporters = [
                _begun(kind, source, stack.enter_context(files))
                for kind, files in zip(formats, outputs, strict=True)
            ]
            for batch in source.batches(advance):
                for exporter in exporters:
                    exporter.write(batch)
            for exporter in exporters:
                exporter.finish()
    if not source.facts.fps_known:
        notes.append(
            f"{path} does not say its frame rate; {source.facts.fps:g} is assumed (--source-fps)"
        )
    return Done(source=path, files=[f for files in outputs for f in files.paths], notes=notes)


@contextmanager
def reading(path: Path, note: Callable[[str], None]) -> Iterator[None]:
    """Tell of what the block warns of, each thing once; name the file in errors of a frame."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except ResultsError as error:
            if error.where is None or str(path) in str(error.where):
                raise
            what = f"{error.what}, frame {error.where!s:.200}"
            raise type(error)(what, where=path, hint=error.hint) from error
    for line in dict.fromkeys(str(w.message) for w in caught if w.category is not RuntimeWarning):
        note(line)


def _begun(kind: Format, source: ResultsSource, files: OutputFiles) -> Exporter:
    exporter = kind.load()(source, files, kind.suffix)
    exporter.begin()
    return exporter


def _outputs(
    path: Path,
    formats: Sequence[Format],
    output: str | Path | None,
    *,
    force: bool,
    keep: Collection[Path],
) -> list[OutputFiles]:
    """Where each format writes."""

    def named(stem: Path, exact: Path | None = None) -> list[OutputFiles]:
        return [OutputFiles(stem, overwrite=force, exact=exact, keep=keep) for _ in formats]

    if output is None:
        return named(path.with_suffix(""))
    single = len(formats) == 1 and formats[0].is_single
    if str(output) == STDOUT:
        if not single:
            raise ConfigError(
                "only one file fits standard output", where="-o -", hint="name a folder"
            )
        return [StandardOutput()]
    target = Path(output)
    if is_folder(output):
        return named(target / path.stem)
    if single:
        return named(target, exact=target)
    return named(target.with_suffix("") if len(formats) == 1 else target)


def is_folder(output: str | Path) -> bool:
    """True for an existing folder, or a name with a slash at its end."""
    name = str(output)
    try:
        return name != STDOUT and (name.endswith(("/", "\\")) or Path(name).is_dir())
    except OSError:  # a name that is too long, say: opening the file will tell
        return False


def find_results(inputs: Sequence[str]) -> list[tuple[Path, Path]]:
    """The results files that a command line names, each with its place in an output folder.

    That is its place below the folder named; where two would meet, all are placed as they lie
    below their common folder.

    Raises:
        ConfigError: for an empty name, such as a variable that is not set gives.
        ResultsError: if a folder holds none.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for name in inputs:
        if not name:
            raise ConfigError("a name is empty", hint="write . for this folder")
        for path, place in _named(Path(name)):
            file = os.path.abspath(path)  # noqa: PTH100, links are files of their own
            found.setdefault(file, (path, place))
    places = Counter(place.with_suffix("") for _, place in found.values())
    if len(places) == len(found):
        return list(found.values())
    try:
        root = os.path.commonpath([Path(file).parent for file in found])
    except ValueError:  # on different drives
        return list(found.values())
    return [(path, Path(file).relative_to(root)) for file, (path, _) in found.items()]


def _named(path: Path) -> Iterator[tuple[Path, Path]]:
    """A file, or those of a folder."""
    try:
        is_folder = path.is_dir()
    except OSError:  # a name that is too long, say: opening the file will tell
        is_folder = False
    if not is_folder:
        yield path, Path(path.name)
        return
    found = sorted(
        p for p in path.rglob("*.pkl") if p.is_file() and not p.name.endswith(_OWN_SUFFIXES)
    )
    if not found:
        raise ResultsError("the folder holds no results (.pkl)", where=path)
    for file in found:
        yield file, file.relative_to(path)
