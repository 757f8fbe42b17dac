"""A stretch of a shot with its points as columns, which is what is solved at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.adjust import Sightings
from humantrack.world.camera.evidence import FrameTracks

_FEWEST = 8
_KEPT = 0.6


STANDS_PX, OTHERS_MOVE_PX = 0.4, 12.0
"""What moves less while the rest moves more is no part of the scene: a logo, a clock."""


class SamePlaces:
    """Which numbers of points stand for one place, as links come in."""

    def __init__(self) -> None:
        self._older: dict[int, int] = {}

    def add(self, links: IntArray) -> None:
        """Take (M,2) links: a newer and an older number of one place."""
        for new, old in links.tolist():
            if new not in self._older and new > old:
                self._older[new] = self._older.get(old, old)

    def of(self, ids: IntArray) -> IntArray:
        """The oldest number for each."""
        if not self._older:
            return ids
        return np.array([self._older.get(number, number) for number in ids.tolist()], np.int64)


@dataclass(frozen=True)
class Window:
    """T frames and what was seen in them."""

    ids: IntArray
    """(P,) numbers of the places, rising."""

    seen: Sightings
    """Frame (as ``camera``) and place of each observation, by frame."""

    first: IntArray
    """(T+1,) where each frame's observations begin."""

    side: float
    """Longer side of the picture, reduced pixels."""

    @staticmethod
    def of(frames: Sequence[FrameTracks], same: SamePlaces) -> Window:
        """The columns of these frames of one shot."""
        counts = [len(frame.ids) for frame in frames]
        numbers = same.of(np.concatenate([frame.ids for frame in frames]))
        ids, place = np.unique(numbers, return_inverse=True)
        middles = [[f.width / f.scale / 2, f.height / f.scale / 2] for f in frames]
        xy = np.concatenate([frame.xy for frame in frames]) - np.repeat(middles, counts, axis=0)
        seen = Sightings(np.repeat(np.arange(len(frames)), counts), place.reshape(-1), xy)
        scenery = ~overlays(seen, len(frames), len(ids))[seen.point]
        kept = seen.at(scenery)
        first = np.searchsorted(kept.camera, np.arange(len(frames) + 1))
        return Window(ids, kept, first, 2 * float(np.max(middles[0])))

    def __len__(self) -> int:
        return len(self.first) - 1

    def points(self, row: int) -> tuple[IntArray, Array]:
        """Places and where they are in one frame; each place once."""
        mine = slice(self.first[row], self.first[row + 1])
        place, once = np.unique(self.seen.point[mine], return_index=True)
        return place, self.seen.xy[mine][once]

    def common(self, a: int, b: int) -> tuple[IntArray, Array, Array]:
        """Places seen in both frames, and where in each."""
        (place_a, xy_a), (place_b, xy_b) = self.points(a), self.points(b)
        here, there = matching(place_a, place_b)
        return place_a[here], xy_a[here], xy_b[there]

    def sightings_of(self, rows: IntArray, places: BoolArray) -> Sightings:
        """Observations in some frames of some places; cameras are numbered as in ``rows``."""
        number = np.full(len(self), -1)
        number[rows] = np.arange(len(rows))
        camera = number[self.seen.camera]
        return Sightings(camera, self.seen.point, self.seen.xy).at(
            (camera >= 0) & places[self.seen.point]
        )


def overlays(seen: Sightings, frames: int, places: int) -> BoolArray:
    """(P,) places that stand still in the picture while the rest of it moves."""
    out = np.zeros(places, bool)
    if not len(seen.point):
        return out
    order = np.argsort(seen.point, kind="stable")  # by place, and each place by frame
    point, frame, xy = seen.point[order], seen.camera[order], seen.xy[order]
    begin = np.flatnonzero(np.diff(point, prepend=-1))
    owner = np.repeat(np.arange(len(begin)), np.diff(np.append(begin, len(point))))
    away = np.linalg.norm(xy - xy[begin][owner], axis=1)
    stands = np.maximum.reduceat(away, begin) < STANDS_PX
    # How far the rest moves from each frame to the next.
    step = np.flatnonzero((np.diff(point) == 0) & ~stands[owner[1:]])
    length = np.linalg.norm(xy[step + 1] - xy[step], axis=1)
    arrives = frame[step + 1]
    by_frame = np.lexsort([length, arrives])
    counts = np.bincount(arrives, minlength=frames)
    middle = np.concatenate([[0], np.cumsum(counts)[:-1]]) + counts // 2
    moves = np.zeros(frames)
    moves[counts >= _FEWEST] = length[by_frame][middle[counts >= _FEWEST]]
    way = np.cumsum(moves)
    last = np.append(begin[1:], len(point)) - 1
    out[point[begin]] = stands & (way[frame[last]] - way[frame[begin]] > OTHERS_MOVE_PX)
    return out


def matching(a: IntArray, b: IntArray) -> tuple[IntArray, IntArray]:
    """Rows of two rising arrays that hold the same numbers."""
    if not len(a) or not len(b):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(b, a), len(b) - 1)
    here = np.flatnonzero(b[at] == a)
    return here, at[here]


def keyframes(window: Window, *, most: int, far: float = 0.05, longest: int = 45) -> IntArray:
    """Frames that stand for the rest: each shares enough with the one before.

    A new one is taken when less than ``_KEPT`` of the last one's points is left, when half of them
    have moved by ``far`` sides of the picture, or after ``longest`` frames; the last frame is one.
    """
    far *= window.side
    while True:
        rows: list[int] = []
        last_seen = -1
        for row in range(len(window)):
            if window.first[row + 1] - window.first[row] < _FEWEST:
                continue
            if not rows or _is_far(window, rows[-1], row, far, longest):
                # The one before still shares what this one has lost.
                between = last_seen > rows[-1] if rows else False
                shares = rows and len(window.common(rows[-1], row)[0]) >= 3 * _FEWEST
                if rows and not shares and between:
                    rows.append(last_seen)
                rows.append(row)
            last_seen = row
        if rows and last_seen > rows[-1]:
            rows.append(last_seen)
        if len(rows) <= most:
            return np.array(rows, np.int64)
        far, longest = far * 1.6, longest * 2


def _is_far(window: Window, a: int, b: int, far: float, longest: int) -> bool:
    if b - a >= longest:
        return True
    place, xy_a, xy_b = window.common(a, b)
    if len(place) < _KEPT * (window.first[a + 1] - window.first[a]) or len(place) < _FEWEST:
        return True
    return bool(np.median(np.linalg.norm(xy_b - xy_a, axis=1)) > far)
