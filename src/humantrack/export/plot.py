"""The tracks of clips as a picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from humantrack.clips.paths import ClipPaths
from humantrack.clips.spans import ClipSpans, TrackSpans, facts_of
from humantrack.errors import ConfigError, DependencyError, printable
from humantrack.export.plot_world import BLOCK_IN, draw_world
from humantrack.render.palette import identity_colour

SUFFIXES = (".png", ".svg")

_WIDTH_IN, _ROW_IN, _HEAD_IN, _FOOT_IN = 10.0, 0.28, 0.7, 0.5
_RIGHT = 0.69
"""Where the bars end, and the numbers begin."""

_HIGHEST_IN, _MOST_LABELS = 100.0, 350
"""Rows of more tracks than fit get thinner, and not all are named."""

_INK, _FAINT = "#333333", "#888888"


def check(path: Path) -> None:
    """See that a picture of this name can be drawn.

    Raises:
        ConfigError: if its suffix is not one of ``SUFFIXES``.
        DependencyError: if matplotlib is missing.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError("not a kind of picture", where=f"--plot {path}", hint="use .png or .svg")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "drawing needs matplotlib", hint="install it: pip install 'humantrack[plot]'"
        ) from error


def draw(
    clips: Sequence[ClipSpans], suffix: str, worlds: Sequence[ClipPaths | None] | None = None
) -> bytes:
    """A picture with a panel per clip; the same clips give the same bytes.

    Args:
        clips: at least one.
        suffix: one of ``SUFFIXES``.
        worlds: of each clip, drawn below its tracks; None where there is none.
    """
    worlds = worlds or [None] * len(clips)
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [
        _HEAD_IN
        + _FOOT_IN
        + _ROW_IN * max(len(clip.tracks), 1)
        + (0 if world is None else BLOCK_IN + _FOOT_IN)
        for clip, world in zip(clips, worlds, strict=True)
    ]
    total = min(sum(heights), _HIGHEST_IN)
    longest = max((len(str(track.track_id)) for clip in clips for track in clip.tracks), default=1)
    left = 0.062 + 0.009 * longest
    picture = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "humantrack"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(_WIDTH_IN, total))
        FigureCanvasAgg(figure)
        top = 1.0
        for clip, world, height in zip(clips, worlds, heights, strict=True):
            share = height / sum(heights)
            foot = _FOOT_IN if world is None else BLOCK_IN + 2 * _FOOT_IN
            low, high = top - share * (1 - foot / height), top - share * _HEAD_IN / height
            _panel(figure.add_axes((left, low, _RIGHT - left, high - low)), clip)
            if world is not None:
                bottom, tall = top - share * (1 - _FOOT_IN / height), share * BLOCK_IN / height
                draw_world(figure, (left, bottom, 0.97 - left, 0.92 * tall), world)
            top -= share
        extra = {"Date": None} if suffix == ".svg" else {}
        figure.savefig(picture, format=suffix[1:], dpi=120, metadata=extra)
    return picture.getvalue()


def _panel(axes: Any, clip: ClipSpans) -> None:
    """One clip's tracks, the first on top."""
    rows = len(clip.tracks)
    axes.set_xlim(clip.first, clip.last + 1)
    axes.set_ylim(max(rows, 1) - 0.5, -0.5)
    few = range(0, rows, 1 + rows // _MOST_LABELS)
    for y, track in enumerate(clip.tracks):
        _bars(axes, y, track)
        if y in few:
            _numbers(axes, y, track)
    axes.set_yticks(few, [f"track {clip.tracks[y].track_id}" for y in few])
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.tick_params(axis="x", color=_FAINT, labelcolor=_FAINT, labelsize=9)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("frame", color=_FAINT, fontsize=9, labelpad=1)
    axes.spines[["top", "left", "right"]].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    name = printable(clip.name)
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "parse_math": False}
    axes.annotate(name[:100], (0, 1), (0, 22), weight="bold", color=_INK, **above)
    axes.annotate(", ".join(facts_of(clip)), (0, 1), (0, 8), color=_FAINT, fontsize=9, **above)


def _bars(axes: Any, y: int, track: TrackSpans) -> None:
    """A bar for each stretch, and a line through the gaps."""
    colour = tuple(c / 255 for c in identity_colour(track.track_id))
    axes.hlines(y, track.first, track.last + 1, colors=[colour], linewidth=1.5)
    bars = [(first, last + 1 - first) for first, last in track.spans]
    axes.broken_barh(bars, (y - 0.32, 0.64), facecolor=colour, edgecolor=colour, linewidth=0.5)


def _numbers(axes: Any, y: int, track: TrackSpans) -> None:
    """The table's numbers, beside the bars."""
    score = "" if track.mean_score is None else f", score {track.mean_score:.2f}"
    plural = "s" if track.gaps > 1 else ""
    gaps = f", {track.gaps} gap{plural} ({track.missed})" if track.gaps else ""
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    words = f"{track.seen} frames{score}{gaps}"
    axes.annotate(
        words, (1, y), (8, 0), **place, va="center", fontsize=9, color=_INK, annotation_clip=False
    )
