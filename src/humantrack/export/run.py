"""One export after another: which files go where, and what is kept when one of them is bad."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.errors import HumantrackError, ResultsError
from humantrack.export.formats.base import Exporter, Format
from humantrack.export.names import misnamed, outputs_of
from humantrack.export.output import OutputFiles
from humantrack.results import DEFAULT_MAX_SIZE, meta_path, world_path


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
        output: a file's name, a folder (an existing one, or with a slash at its end), ``-`` for
            standard output, a pipe or device; None writes beside the results. See ``names``.
        options: choices that formats share.
        force: whether files that are there already may be replaced.
        strict: raise for results that are cut short, instead of a note.
        max_size: most decompressed bytes to accept.
        progress: see ``Progress``.
        keep: files that are not replaced even so; the results themselves never are.

    Raises:
        ConfigError: if ``output`` cannot hold the formats.
        SelectionError: if the results have no such track or frame; nothing is written.
        ResultsError: if the results cannot be read; no file is left behind.
        OutputError: if a file cannot be written; no file is left behind.
    """
    path = Path(path)
    outputs = outputs_of(path, formats, output, force=force, keep=(path, meta_path(path), *keep))
    notes: list[str] = []
    # Formats say themselves what they make of numbers that are none.
    with reading(path, notes.append), np.errstate(all="ignore"):
        source = ResultsSource(path, options, strict=strict, max_size=max_size)
        source.check_selection()
        advance = None if progress is None else progress(source)
        with ExitStack() as stack:
            begun = zip(formats, outputs, strict=True)
            exporters = [_begun(kind, source, stack.enter_context(files)) for kind, files in begun]
            context = any(exporter.needs_context for exporter in exporters)
            world = any(exporter.in_world for exporter in exporters)
            pairs = list(zip(outputs, exporters, strict=True))
            for batch in source.batches(advance, context=context, world=world):
                for files, exporter in pairs:
                    with files.naming():
                        exporter.write(batch if exporter.needs_context else batch.selected)
            for files, exporter in pairs:
                with files.naming():
                    exporter.finish()
    if note := misnamed(output, formats):
        notes.append(note)
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
            where = str(error.where)
            if error.where is None or str(path) in where or where == str(world_path(path)):
                raise
            what = f"{error.what}, frame {error.where!s:.200}"
            raise type(error)(what, where=path, hint=error.hint) from error
    for line in dict.fromkeys(str(w.message) for w in caught if w.category is not RuntimeWarning):
        note(line)


def _begun(kind: Format, source: ResultsSource, files: OutputFiles) -> Exporter:
    exporter = kind.load()(source, files, kind.suffix)
    with files.naming():
        exporter.begin()
    return exporter
