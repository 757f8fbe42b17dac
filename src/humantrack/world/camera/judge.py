"""What kind of motion a shot's points show: none, turning, or travelling.

Pairs of pictures as far apart as they still share points are compared: a still camera moves
nothing; a turn (with a zoom) leaves as few points unexplained as travelling does; else the camera
travels, as only different depths make points move differently.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.camera.pairs import travel_between, turn_between
from humantrack.world.camera.turn_focal import turning_focal
from humantrack.world.camera.window import OTHERS_MOVE_PX, STANDS_PX, matching

MOVES_PX = 0.35
"""Reduced pixels by which the background must move: compression makes it tremble by less."""

_SMALL_PX, _CONSENSUS = 2.0, 0.6
"""A motion as small as this counts if this share of the points agrees on it."""

_NEAR_PX = 1.5
"""Distance (in two directions) that counts as explained; as wide as the essential matrix's."""

_EVERY = 10
"""Frames between pictures that later ones are compared with; doubled as a shot grows long."""

_REFERENCES = 12
_PAIRS = 24
_LEAST_PAIRS, _MOST_PAIRS = 3, 8
"""Pairs that decide: a third of all, those that a turn explains least of."""

_SHARED = 30
_FEWEST = 12
_NOT_WORSE = 0.12
"""Share of points that travelling must explain beyond what turning does."""

_ZOOM_NOT_WORSE = 0.2
"""The same, for a zoom to be tried."""

_TURNS = 0.8
"""A turn that explains so many points is one: the rest are things that move."""

_PERHAPS = 0.5
"""A turn that explains so many is tried: people whom no silhouette covers also look like depth."""

_AGREED = 0.5

_FOCAL_MOVED_PX = 40.0
"""The picture must move so far for a turn to say what the focal length is."""

_FOCAL_NOT_WORSE = 0.04
"""... and must leave no more points to travelling than things that move leave by chance: a fifth of
the points at most, of which one in five lies near its line. A camera carried sideways looks like
one that turns behind a longer lens, but not for all of its points."""

_FOCAL_SD = 0.15
"""... and the pairs must agree so far on its logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a shot shows."""

    frames: int
    moved_px: float
    """Largest motion of the picture between two that share points, reduced pixels."""

    usable: float
    """Share of frames in which the background was followed."""

    pairs: int
    """Pairs that were compared for turning and travelling."""

    turn_share: float
    """Share of points that a turn explains, in the mean of the pairs it explains least of."""

    zoom_share: float
    """... a turn with a zoom."""

    travel_share: float
    """... travelling."""

    focal_ratio: float
    """Focal length, over the given one, with which turns explain most; 1 if nothing is known."""

    focal_sd: float
    """How far its logarithm may be off."""

    @property
    def is_still(self) -> bool:
        """True if nothing shows that the camera moves."""
        return self.moved_px < MOVES_PX

    @property
    def is_torn(self) -> bool:
        """True if not even half of the points agree on any motion."""
        return self.pairs > 0 and self.travel_share < _AGREED

    @property
    def zooms(self) -> bool:
        """True if a turn needs a zoom."""
        return (
            self.pairs > 0
            and self.turn_share < self.travel_share - _NOT_WORSE
            and self.zoom_share > self.turn_share + _NOT_WORSE / 2
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """One of "still", "turning" and "free", or the last two where both must be tried.

        A camera carried forward and a zoom look alike.
        """
        if self.is_still or self.is_torn:
            return ("still",)
        if (
            self.moved_px < _SMALL_PX
            or not self.pairs
            or self.turn_share >= min(self.travel_share - _NOT_WORSE, _TURNS)
        ):
            return ("turning",)
        zoom = self.zooms and self.zoom_share >= self.travel_share - _ZOOM_NOT_WORSE
        return ("free", "turning") if zoom or self.turn_share > _PERHAPS else ("free",)


class Judge:
    """Looks at one shot's frames in order, in constant memory.

    Args:
        focal: of the reduced picture, pixels.
    """

    def __init__(self, focal: float) -> None:
        self._focal = focal
        self._count = self._usable = 0
        self._every = _EVERY
        self._references: deque[tuple[int, IntArray, Array]] = deque(maxlen=_REFERENCES)
        self._anchor: tuple[IntArray, Array] | None = None
        self._moved: deque[float] = deque(maxlen=3)
        self._most = 0.0
        self._pairs: list[tuple[Array, Array]] = []
        self._tested = -1

    def add(self, frame: FrameTracks) -> None:
        """Look at the next frame."""
        number, self._count = self._count, self._count + 1
        if len(frame.ids) < _FEWEST:
            return
        self._usable += 1
        middle = np.array([frame.width, frame.height]) / frame.scale / 2
        xy = frame.xy - middle
        self._look_for_motion(frame.ids, xy, float(middle.max()))
        if number % self._every:
            return
        self._compare(number, frame.ids, xy)
        self._references.append((number, frame.ids, xy))

    def verdict(self) -> Verdict:
        """What all frames so far show."""
        pairs = self._pairs if self._most >= MOVES_PX else []
        turned = [_turn_share(a, b, self._focal) for a, b in pairs]
        order = np.argsort(turned, kind="stable")[: max(_LEAST_PAIRS, len(pairs) // 3)]
        hard = [pairs[row] for row in order[:_MOST_PAIRS]]
        turn = float(np.mean([turned[row] for row in order[:_MOST_PAIRS]])) if hard else 1.0
        zoom = float(np.mean([_zoom_share(a, b, self._focal) for a, b in hard])) if hard else 1.0
        travel = max(turn, _travel_share(hard, self._focal)) if hard else 1.0
        ratio, off = 1.0, np.inf
        if self._most >= _FOCAL_MOVED_PX:
            ratio, off = turning_focal(hard, self._focal)
            focal = self._focal * ratio
            turned = [_turn_share(a, b, focal) for a, b in hard]
            other = float(np.mean(turned))
            # Only a turn says anything of the focal length.
            most = max(travel, _travel_share(hard, focal))
            if other < most - _FOCAL_NOT_WORSE or off > _FOCAL_SD:
                ratio, off = 1.0, np.inf
            elif turn < travel - _NOT_WORSE:
                turn, travel = other, max(other, travel)
        return Verdict(
            frames=self._count,
            moved_px=self._most,
            usable=self._usable / max(self._count, 1),
            pairs=len(hard),
            turn_share=turn,
            zoom_share=max(turn, zoom),
            travel_share=travel,
            focal_ratio=ratio,
            focal_sd=float(off),
        )

    def _look_for_motion(self, ids: IntArray, xy: Array, half: float) -> None:
        if self._anchor is not None:
            a, b = _common(*self._anchor, ids, xy)
            enough = max(_FEWEST, len(self._anchor[0]) // 4)
            if len(a) >= enough:
                moved, agreed = picture_motion(a, b, half)
                # So little is motion only if most points share it.
                is_noise = moved < _SMALL_PX and agreed < _CONSENSUS
                self._moved.append(0.0 if is_noise else moved)
                # One picture alone may be a decoder's slip.
                if len(self._moved) == self._moved.maxlen:
                    self._most = max(self._most, float(np.median(self._moved)))
                if len(a) >= 0.4 * len(self._anchor[0]):
                    return
        self._anchor = ids, xy
        self._moved.clear()

    def _compare(self, number: int, ids: IntArray, xy: Array) -> None:
        """Keep the pair with the oldest picture that still shares enough."""
        for _, older_ids, older_xy in self._references:
            a, b = _common(older_ids, older_xy, ids, xy)
            keep = ~is_overlay(a, b)
            if keep.sum() >= max(_SHARED, 0.3 * len(ids)):
                self._pairs.append((a[keep], b[keep]))
                break
        if len(self._pairs) >= 2 * _PAIRS:
            self._pairs = self._pairs[::2]
            self._every *= 2


def _turn_share(a: Array, b: Array, focal: float) -> float:
    return float((turn_between(a, b, focal, zooms=False).error_px < _NEAR_PX).mean())


def _zoom_share(a: Array, b: Array, focal: float) -> float:
    return float((turn_between(a, b, focal, zooms=True).error_px < _NEAR_PX).mean())


def _travel_share(pairs: list[tuple[Array, Array]], focal: float) -> float:
    return float(np.mean([travel_between(a, b, focal)[2].mean() for a, b in pairs]))


def picture_motion(a: Array, b: Array, half: float) -> tuple[float, float]:
    """How far most of a picture moved: the mean of its corners, reduced pixels.

    By the similarity that fits best, robustly (Cauchy weights); also the share of points that
    agree with it.

    Args:
        a: (N,2) places, from the middle.
        b: (N,2) later.
        half: half of the picture's longer side.
    """
    start = np.median(b - a, axis=0)
    za, zb = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    grown, shift = 1 + 0j, complex(start[0], start[1])
    for _ in range(4):
        off = np.abs(zb - grown * za - shift)
        soft = max(0.1, float(np.median(off)))
        w = 1 / (1 + (off / soft) ** 2)
        mean_a, mean_b = (w * za).sum() / w.sum(), (w * zb).sum() / w.sum()
        spread = (w * np.abs(za - mean_a) ** 2).sum()
        # Points close together say little of a turn or growth.
        held = len(a) * (half / 4) ** 2 * 1e-3
        grown = 1 + (w * np.conj(za - mean_a) * (zb - mean_b - za + mean_a)).sum() / (spread + held)
        shift = mean_b - grown * mean_a
    corners = half * 0.7 * np.array([-1 - 0.56j, 1 - 0.56j, -1 + 0.56j, 1 + 0.56j])
    moved = float(np.abs(grown * corners + shift - corners).mean())
    return moved, float((np.abs(zb - grown * za - shift) < max(MOVES_PX, moved / 2)).mean())


def is_overlay(a: Array, b: Array) -> BoolArray:
    """(N,) points that stand still where others move far: drawn onto the picture afterwards."""
    moved = np.linalg.norm(b - a, axis=1)
    stands = moved < STANDS_PX
    rest = moved[~stands]
    moves = len(rest) >= _FEWEST and float(np.median(rest)) > OTHERS_MOVE_PX
    return np.asarray(stands & moves)


def _common(ids_a: IntArray, xy_a: Array, ids_b: IntArray, xy_b: Array) -> tuple[Array, Array]:
    here, there = matching(ids_a, ids_b)
    return xy_a[here], xy_b[there]
