"""The world of a clip as a picture: ways from above, standing feet and knees over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from humantrack.clips.paths import ClipPaths, TrackPath
from humantrack.render.palette import identity_colour
from humantrack.types.arrays import FloatArray, IntArray

BLOCK_IN = 4.6
"""Height of the block of one clip."""

MOST_TRACKS = 8
"""Those with the most frames are drawn; more would not be told apart."""

_INK, _FAINT, _GRID = "#333333", "#888888", "#e6e6e6"
_FEET = ("left heel", "left toe", "right heel", "right toe")


def draw_world(figure: Any, box: tuple[float, float, float, float], paths: ClipPaths) -> None:
    """Draw into a figure.

    Args:
        figure: matplotlib's.
        box: left, bottom, width and height in parts of the figure.
        paths: of the clip.
    """
    left, bottom, width, height = box
    shown = sorted(paths.tracks, key=lambda t: -len(t.frame))[:MOST_TRACKS]
    shown.sort(key=lambda t: t.track_id)
    above = figure.add_axes((left, bottom, 0.36 * width, height))
    _draw_above(above, paths, shown)
    right = left + 0.46 * width
    knees = figure.add_axes((right, bottom, 0.54 * width, 0.4 * height))
    feet = figure.add_axes((right, bottom + 0.52 * height, 0.54 * width, 0.48 * height))
    _draw_knees(knees, shown)
    _draw_feet(feet, shown)
    frames = [t.frame for t in shown if len(t.frame)]
    if frames:
        limits = min(f[0] for f in frames), max(f[-1] for f in frames) + 1
        knees.set_xlim(*limits)
        feet.set_xlim(*limits)
    left_out = len(paths.tracks) - len(shown)
    if left_out:
        text = f"{left_out} shorter tracks are left out"
        above.annotate(text, (0, 1), (0, 4), **_ABOVE, fontsize=8, color=_FAINT)


_ABOVE = {"xycoords": "axes fraction", "textcoords": "offset points"}


def _draw_above(axes: Any, paths: ClipPaths, shown: list[TrackPath]) -> None:
    """The floor from above: x to the right, what the first camera looks along upwards."""
    for a, b in _runs(paths.camera_shot):
        x, z = paths.camera_m[a:b].T
        axes.plot(x, -z, color=_FAINT, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.plot(x[:1], -z[:1], marker="^", color=_FAINT, markersize=7)
    for track in shown:
        colour = _colour(track.track_id)
        for a, b in _runs(track.shot, track.frame):
            x, z = track.place_m[a:b].T
            axes.plot(x, -z, color=colour, linewidth=1.8, solid_capstyle="round")
        if len(track.frame):
            x, z = track.place_m[-1]
            axes.plot([x], [-z], marker="o", color=colour, markersize=5)
            place = {"textcoords": "offset points", "fontsize": 9, "color": _INK}
            axes.annotate(str(track.track_id), (x, -z), (5, 4), **place)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.set_xlabel("from above, metres (dashed: the camera)", color=_FAINT, fontsize=9)
    _styled(axes)
    axes.grid(color=_GRID, linewidth=0.8)


def _draw_feet(axes: Any, shown: list[TrackPath]) -> None:
    """A lane for heel and toe, left and right, of each track."""
    lanes = len(_FEET) * len(shown)
    for i, track in enumerate(shown):
        colour = _colour(track.track_id)
        for part in range(len(_FEET)):
            y = len(_FEET) * i + part
            bars = _spans(track.frame, track.contacts[:, part])
            axes.broken_barh(
                bars, (y - 0.4, 0.8), facecolor=colour, edgecolor=colour, linewidth=0.3
            )
        if i:
            axes.axhline(len(_FEET) * i - 0.5, color=_GRID, linewidth=0.8)
    axes.set_ylim(max(lanes, 1) - 0.5, -0.5)
    if len(shown) <= 2:
        names = [f"{track.track_id} {foot}" for track in shown for foot in _FEET]
        axes.set_yticks(range(lanes), names)
    else:
        middle = [len(_FEET) * i + 1.5 for i in range(len(shown))]
        axes.set_yticks(middle, [f"track {track.track_id}" for track in shown])
    axes.set_xlabel("feet that stand, by frame", color=_FAINT, fontsize=9, labelpad=1)
    _styled(axes)


def _draw_knees(axes: Any, shown: list[TrackPath]) -> None:
    for track in shown:
        for a, b in _runs(track.shot, track.frame):
            for side, line in enumerate(("-", (0, (3, 1.5)))):
                axes.plot(
                    track.frame[a:b],
                    track.knees_deg[a:b, side],
                    color=_colour(track.track_id),
                    linewidth=1.1,
                    linestyle=line,
                )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("bent knees, degrees by frame (dashed: right)", color=_FAINT, fontsize=9)
    _styled(axes)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)


def _styled(axes: Any) -> None:
    axes.tick_params(color=_FAINT, labelcolor=_FAINT, labelsize=8, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(_FAINT)
    axes.set_axisbelow(True)


def _colour(track_id: int) -> tuple[float, float, float]:
    red, green, blue = identity_colour(track_id)
    return red / 255, green / 255, blue / 255


def _runs(shot: IntArray, frame: IntArray | None = None) -> list[tuple[int, int]]:
    """First rows, and rows behind the last, of stretches without a cut or a gap."""
    if not len(shot):
        return []
    breaks = np.diff(shot) != 0
    if frame is not None:
        breaks |= np.diff(frame) > 1
    cuts = (np.flatnonzero(breaks) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(shot)], strict=True))


def _spans(frame: IntArray, stands: FloatArray | Any) -> list[tuple[int, int]]:
    """Starts and lengths, in frames, of stretches in which a foot stands."""
    rows = np.flatnonzero(stands)
    if not len(rows):
        return []
    numbers = frame[rows]
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 2) > 1)
    ends = [*(starts[1:] - 1).tolist(), len(numbers) - 1]
    return [
        (int(numbers[a]), int(numbers[b] - numbers[a] + 1))
        for a, b in zip(starts.tolist(), ends, strict=True)
    ]
