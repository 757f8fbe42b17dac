"""Joint angles of each person over time as a picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.errors import printable
from humantrack.export.output import OutputFiles, StreamOutput
from humantrack.export.plot import check
from humantrack.export.run import reading
from humantrack.export.streams import is_stream
from humantrack.motion.angles import NAMES, SIDES, joint_angles, trust_of
from humantrack.motion.motion import Motion
from humantrack.motion.world import collector_for
from humantrack.results import DEFAULT_MAX_SIZE
from humantrack.types.arrays import BoolArray, FloatArray

PANELS = (
    *("hip_flexion", "knee_flexion", "ankle_dorsiflexion"),
    *("trunk_flexion", "shoulder_elevation", "elbow_flexion"),
)
"""The angles that are drawn, three a row."""

MOST_TRACKS = 20
"""More are not drawn."""

SURE = 0.5
"""Angles whose joint is less likely than this to be within 100 mm are dotted."""

_MOST_POINTS = 4000
_COLOURS = {"left_": "#2a6fbb", "right_": "#c8452d", "": "#444444"}
_FAINT, _GAP = "#888888", "#eeeeee"
_BLOCK_IN, _WIDTH_IN, _HEAD_IN = 4.4, 11.0, 0.5


def plot_angles(
    path: Path,
    options: ExportOptions,
    picture: Path,
    *,
    force: bool = False,
    strict: bool = False,
    max_size: int = DEFAULT_MAX_SIZE,
    keep: Collection[Path] = (),
    note: Callable[[str], None] = lambda line: None,
) -> None:
    """Draw the angles of a results file's people.

    Gaps are grey, and their lines, as those of joints that are not to be trusted, dotted.

    Args:
        path: the results.
        options: which frames and tracks, gaps, rate, smoothing.
        picture: a .png or .svg to write.
        force: whether one that is there already may be replaced.
        strict: raise for results that are cut short, instead of a note.
        max_size: most decompressed bytes to accept.
        keep: files that are not replaced.
        note: told what the user may want to know.

    Raises:
        ConfigError: if the picture has another suffix.
        DependencyError: if matplotlib is missing.
        ResultsError: if the results cannot be read.
        OutputError: if the picture cannot be written.
    """
    check(picture)
    outputs: OutputFiles = (
        StreamOutput(picture)
        if is_stream(picture)
        else OutputFiles(picture, overwrite=force, exact=picture, keep=(path, *keep))
    )
    outputs.check_free(picture)
    with reading(path, note), np.errstate(all="ignore"), outputs:
        source = ResultsSource(path, options, strict=strict, max_size=max_size)
        source.check_selection()
        tracks = list(_tracks(source))
        if len(tracks) > MOST_TRACKS:
            note(f"of {len(tracks)} tracks the first {MOST_TRACKS} are drawn (--tracks)")
        data = _drawn(source.path.name, tracks[:MOST_TRACKS], picture.suffix.lower())
        outputs.open(picture.suffix).write(data)


_Track = tuple[str, FloatArray, FloatArray, BoolArray, BoolArray]
"""Name, (T,) seconds, (T,33) angles, (T,) observed, (T,33) whether they are to be trusted."""


def _tracks(source: ResultsSource) -> Iterator[_Track]:
    """Every track or part of one, thinned out if it is long."""
    collector = collector_for(source, source.options)
    for batch in source.batches(context=True, world=source.is_in_world(is_motion=True)):
        collector.add(batch)
    first, stop = source.options.frames
    for motion in collector.motions():
        start = int(np.searchsorted(motion.frame, first))
        end = len(motion) if stop is None else int(np.searchsorted(motion.frame, stop))
        if start < end:
            yield _thinned(motion, slice(start, end))


def _thinned(motion: Motion, rows: slice) -> _Track:
    every = -(-(rows.stop - rows.start) // _MOST_POINTS)
    parts: list[tuple[Any, ...]] = []
    row = 0
    for part in motion.parts(rows):
        some = slice(-row % every, None, every)
        row += len(part)
        trust = trust_of(part.joint_source[some], part.joint_confidence[some])
        doubtful = [trust[name.rsplit("_", 1)[0]][1] < SURE for name in NAMES]
        parts.append(
            (
                part.time_s[some],
                joint_angles(part.matrices[some]),
                part.observed[some],
                ~np.stack(doubtful, axis=1),
            )
        )
    time_s, angles, observed, sure = (np.concatenate(p) for p in zip(*parts, strict=True))
    return motion.name, time_s, angles, observed, sure


def _drawn(name: str, tracks: list[_Track], suffix: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = io.BytesIO()
    rows = max(len(tracks), 1)
    height = _HEAD_IN + _BLOCK_IN * rows
    with matplotlib.rc_context({"svg.hashsalt": "humantrack"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(_WIDTH_IN, height))
        FigureCanvasAgg(figure)
        figure.text(0.06, 1 - 0.25 / height, printable(name)[:100], weight="bold", parse_math=False)
        for block, track in enumerate(tracks):
            for i, panel in enumerate(PANELS):
                low = 1 - (_HEAD_IN + block * _BLOCK_IN + (i // 3 + 1) * 2.1) / height
                place = (0.06 + (i % 3) * 0.32, low + 0.42 / height, 0.27, 1.45 / height)
                _panel(figure.add_axes(place), panel, track, is_first=i == 0)
        extra = {"Date": None} if suffix == ".svg" else {}
        figure.savefig(picture, format=suffix[1:], dpi=110, metadata=extra)
    return picture.getvalue()


def _panel(axes: Any, panel: str, track: _Track, *, is_first: bool) -> None:
    """One angle of one person, left and right."""
    name, time_s, angles, observed, sure = track
    sides = [s for s in ("", *(f"{side}_" for side in SIDES)) if f"{s}{panel}" in NAMES]
    for start, stop in _runs(~observed):
        axes.axvspan(time_s[max(start - 1, 0)], time_s[min(stop, len(time_s) - 1)], color=_GAP)
    for side in sides:
        column = NAMES.index(f"{side}{panel}")
        good = observed & sure[:, column]
        axes.plot(time_s, angles[:, column], color=_COLOURS[side], linewidth=0.8, linestyle=":")
        line = np.where(good, angles[:, column], np.nan)
        axes.plot(time_s, line, color=_COLOURS[side], linewidth=1.3, label=side.rstrip("_"))
    title = f"{name}: {panel}" if is_first else panel
    axes.set_title(title.replace("_", " "), fontsize=9, loc="left", parse_math=False)
    axes.tick_params(labelsize=8, color=_FAINT, labelcolor=_FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.set_ylabel("degrees", fontsize=8, color=_FAINT)
    axes.set_xlabel("seconds", fontsize=8, color=_FAINT, labelpad=1)
    if is_first:
        axes.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)


def _runs(mask: BoolArray) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of stretches that are True."""
    edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0)).tolist()
    yield from zip(edges[::2], edges[1::2], strict=True)
