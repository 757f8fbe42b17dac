"""One export after another: which files go where, and what is kept when one of them is bad."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from humantrack.errors import ConfigError, HumantrackError, ResultsError
from humantrack.export.base import Exporter, Format
from humantrack.export.options import ExportOptions
from humantrack.export.output import OutputFiles, StandardOutput
from humantrack.export.source import ResultsSource
from humantrack.results import DEFAULT_MAX_SIZE

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

    Raises:
        ConfigError: if ``output`` cannot hold the formats.
        ResultsError: if the results cannot be read; no file is left behind.
        OutputError: if a file cannot be written; no file is left behind.
    """
    path = Path(path)
    outputs = _outputs(path, formats, output, force=force)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
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
    notes = list(dict.fromkeys(str(w.message) for w in caught))
    if not source.facts.fps_known:
        notes.append(
            f"{path} does not say its frame rate; {source.facts.fps:g} is assumed (--source-fps)"
        )
    return Done(source=path, files=[f for files in outputs for f in files.paths], notes=notes)


def _begun(kind: Format, source: ResultsSource, files: OutputFiles) -> Exporter:
    exporter = kind.load()(source, files, kind.suffix)
    exporter.begin()
    return exporter


def _outputs(
    path: Path, formats: Sequence[Format], output: str | Path | None, *, force: bool
) -> list[OutputFiles]:
    """Where each format writes."""
    if output is None:
        return [OutputFiles(path.with_suffix(""), overwrite=force) for _ in formats]
    single = len(formats) == 1 and formats[0].is_single
    if str(output) == STDOUT:
        if not single:
            raise ConfigError(
                "only one file fits standard output", where="-o -", hint="name a folder"
            )
        return [StandardOutput()]
    target = Path(output)
    if is_folder(output):
        return [OutputFiles(target / path.stem, overwrite=force) for _ in formats]
    if single:
        return [OutputFiles(target, overwrite=force, exact=target)]
    stem = target.with_suffix("") if len(formats) == 1 else target
    return [OutputFiles(stem, overwrite=force) for _ in formats]


def is_folder(output: str | Path) -> bool:
    """True for an existing folder, or a name with a slash at its end."""
    return str(output).endswith(("/", "\\")) or Path(output).is_dir()


def find_results(inputs: Sequence[str]) -> Iterator[tuple[Path, Path]]:
    """The results files that a command line names, each with its place below the folder named.

    Raises:
        ResultsError: if a folder holds none.
    """
    for name in inputs:
        path = Path(name)
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        found = sorted(
            p for p in path.rglob("*.pkl") if p.is_file() and not p.name.endswith(_OWN_SUFFIXES)
        )
        if not found:
            raise ResultsError("the folder holds no results (.pkl)", where=path)
        for file in found:
            yield file, file.relative_to(path)
