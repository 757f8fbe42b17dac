"""Summary of a clip's tracks over time: a table for the terminal, and the same as a picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from humantrack.atomic import cannot_write
from humantrack.clips.options import ExportOptions
from humantrack.clips.paths import ClipPaths, clip_paths
from humantrack.clips.source import ResultsSource
from humantrack.clips.spans import ClipSpans, TrackSpans, clip_spans, facts_of
from humantrack.errors import HumantrackError, printable
from humantrack.export.output import OutputFiles, StreamOutput
from humantrack.export.run import reading
from humantrack.export.streams import is_stream
from humantrack.render.palette import identity_colour
from humantrack.results import DEFAULT_MAX_SIZE

_BLOCKS, _ASCII = " ▁▄▇", " -+#"
"""A cell in which the track is: not there, in a gap, seen in part, seen throughout."""

_NUMBERS = ("track", "first", "last", "seen", "length", "gaps", "missed", "score")
_LEAST = 16
"""Cells of a time line, however narrow the terminal."""


def show(
    paths: Sequence[Path],
    options: ExportOptions,
    *,
    summary: bool,
    plot: Path | None,
    force: bool = False,
    strict: bool = False,
    max_size: int = DEFAULT_MAX_SIZE,
    note: Callable[[str], None] = lambda line: None,
) -> list[HumantrackError]:
    """Print the tracks of results files, and draw them.

    Args:
        paths: the files; a bad one costs no other.
        options: which frames and tracks.
        summary: whether to print a table per file to standard output.
        plot: a picture to draw, .png or .svg, with all files one below the other; or None.
        force: whether a picture that is there already may be replaced.
        strict: raise for results that are cut short, instead of a note.
        max_size: most decompressed bytes to accept.
        note: told what the user may want to know.

    Returns:
        The errors of the files that could not be read.

    Raises:
        ConfigError: if the picture has another suffix.
        DependencyError: if matplotlib is missing.
        OutputError: if the picture cannot be written.
    """
    console = _Console(highlight=False)
    errors: list[HumantrackError] = []
    clips: list[ClipSpans] = []
    worlds: list[ClipPaths | None] = []
    picture = None if plot is None else _picture(plot, force, paths)
    for path in paths:
        try:
            with reading(path, note):
                source = ResultsSource(path, options, strict=strict, max_size=max_size)
                source.check_selection()
                clip = clip_spans(source)
                has_world = picture is not None and source.is_in_world(is_motion=True)
                world = clip_paths(source) if has_world else None
        except HumantrackError as error:
            errors.append(error)
            continue
        if summary:
            try:
                print_clip(console, clip, below=bool(clips))
            except BrokenPipeError:  # no error: who reads has had enough
                raise
            except OSError as error:
                raise cannot_write(Path("standard output"), error) from error
        clips.append(clip)
        worlds.append(world)
    if picture is not None and clips:
        picture(clips, worlds)
    return errors


def _picture(
    path: Path, force: bool, keep: Collection[Path]
) -> Callable[[Sequence[ClipSpans], Sequence[ClipPaths | None]], None]:
    """What draws the picture, once it is sure that it can be drawn and have this name."""
    from humantrack.export.plot import check, draw

    check(path)
    outputs: OutputFiles = (
        StreamOutput(path)
        if is_stream(path)
        else OutputFiles(path, overwrite=force, exact=path, keep=keep)
    )
    outputs.check_free(path)

    def write(clips: Sequence[ClipSpans], worlds: Sequence[ClipPaths | None]) -> None:
        with outputs:
            outputs.open(path.suffix).write(draw(clips, path.suffix.lower(), worlds))

    return write


class _Console(Console):
    """Standard output, whose errors are the command's to tell."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def print_clip(console: Console, clip: ClipSpans, *, below: bool = False) -> None:
    """Print one file's facts, and its tracks with their time line; ``below`` those of others."""
    if below:
        console.print()
    heads = (printable(clip.name), "bold"), (", ".join(facts_of(clip)), "dim")
    for line, style in heads:
        shown = line.encode(console.encoding, "backslashreplace").decode(console.encoding)
        console.print(Text(shown, style=style), soft_wrap=True)
    if not clip.tracks:
        return
    rows = [list(map(str, numbers_of(track))) for track in clip.tracks]
    widths = [max(map(len, column)) for column in zip(_NUMBERS, *rows, strict=True)]
    used = sum(widths) + 2 * len(widths)
    cells = max(console.width - used, _LEAST)
    glyphs = _ASCII if console.options.ascii_only else _BLOCKS
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for heading in _NUMBERS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(_axis(clip.first, clip.last, cells), no_wrap=True)
    for track, row in zip(clip.tracks, rows, strict=True):
        colour = "rgb({},{},{})".format(*identity_colour(track.track_id))
        line = bar(track, clip, cells, glyphs)
        table.add_row(Text(row[0], style=colour), *row[1:], Text(line, style=colour))
    console.width = max(console.width, used + cells)  # a narrow terminal folds the lines itself
    console.print(table)


def numbers_of(track: TrackSpans) -> tuple[int | str, ...]:
    """The table's numbers, in the order of its columns."""
    score = track.mean_score
    return (
        track.track_id,
        track.first,
        track.last,
        track.seen,
        track.length,
        track.gaps or "-",
        track.missed or "-",
        "-" if score is None else f"{score:.2f}",
    )


def bar(track: TrackSpans, clip: ClipSpans, cells: int, glyphs: str = _BLOCKS) -> str:
    """The track's time line, a character a cell; a gap shows however short it is."""
    seen, there = track.cover(np.linspace(clip.first, clip.last + 1, cells + 1))
    tiny = 1e-6
    kind = np.where(seen > tiny, np.where(there - seen > tiny, 2, 3), 1)
    return "".join(glyphs[k] for k in np.where(there > tiny, kind, 0).tolist())


def _axis(first: int, last: int, cells: int) -> str:
    """The first frame's number at the left, the last one's at the right."""
    left, right = str(first), str(last)
    return left + right.rjust(max(cells - len(left), len(right) + 1))
