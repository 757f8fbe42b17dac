"""A camera that travels: structure from motion on keyframes, then every frame for itself.

Incremental, as in Schoenberger and Frahm, "Structure-from-Motion Revisited", CVPR 2016: a pair
of keyframes to begin with, then those that see most of what is known, one after the other.
"""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.adjust import Cameras, Motion, Sightings, adjust, errors
from humantrack.world.camera.fitted import Fitted, fitted, spread
from humantrack.world.camera.known import KnownPlaces
from humantrack.world.camera.localise import localise
from humantrack.world.camera.resection import first_pairs, resected
from humantrack.world.camera.triangulate import triangulate
from humantrack.world.camera.window import Window, keyframes

KEYFRAMES = 100
"""Most that are adjusted together."""

_FAR, _LONGEST = 0.04, 20
"""Of ``keyframes``: closer than for a turning camera, as new places need two of them."""

_TRAVELS = Motion(travels=True)
_OFF_PX = 4.0
_FEWEST = 12
_TRIES = 3
"""Pairs to begin with that are tried until one explains the window."""

_GOOD_SHARE = 0.6
_POOR_SHARE = 0.35


def solve_free(window: Window, known: KnownPlaces, begin: Cameras, *, fixed: int) -> Fitted | None:
    """The cameras in a window's frames, or None if they cannot be found.

    Args:
        window: the frames.
        known: places found in earlier windows of the shot; taken further here.
        begin: (T,) cameras to begin with; where places are known already, the first ``fixed`` of
            them are right and stay.
        fixed: see there.
    """
    rows = keyframes(window, most=KEYFRAMES, far=_FAR, longest=_LONGEST)
    if len(rows) < 2:
        return None
    best: tuple[float, Fitted, Array] | None = None
    goes_on = bool(len(known.ids))
    pairs = [None] if goes_on else first_pairs(window, rows, begin.log_focal[0], _TRIES)
    for pair in pairs:
        build = _Build(window, rows, begin)
        if pair is None:
            build.go_on(known, begin, fixed)
        else:
            build.begin(*pair)
        build.grow()
        result = build.finish(begin, fixed if goes_on else 0)
        if result is None:
            continue
        fit, points = result
        share = float(fit.agreeing.sum() / max(len(window.seen.point), 1))
        if best is None or share > best[0]:
            best = share, fit, points
        if share > _GOOD_SHARE and fit.is_solved.mean() > 0.9:
            break
    if best is None or best[0] < _POOR_SHARE or best[1].is_solved.mean() < 0.5:
        return None
    _, fit, points = best
    placed = np.isfinite(points[:, 0])
    known.keep(window.ids[placed], points[placed])
    return fit


class _Build:
    """A window's keyframes and places while they are found."""

    def __init__(self, window: Window, rows: IntArray, begin: Cameras) -> None:
        self.window, self.rows = window, rows
        count = len(rows)
        self.cameras = Cameras(
            np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)), begin.log_focal[rows]
        )
        self.done = np.zeros(count, bool)
        self.stays = np.zeros(count, bool)
        self.points: Array = np.zeros((len(window.ids), 3))
        self.placed = np.zeros(len(window.ids), bool)
        self.seen = window.sightings_of(rows, np.ones(len(window.ids), bool))
        self.trusted = np.ones(len(self.seen.camera), bool)

    def begin(self, first: int, second: int, rotation: Array, direction: Array) -> None:
        """With two keyframes a unit apart, and the second against the first."""
        self._set(first, np.eye(3), np.zeros(3))
        self._set(second, rotation, -rotation.T @ direction)
        self.stays[first] = True
        self._triangulate()
        self._adjust(10)

    def go_on(self, known: KnownPlaces, begin: Cameras, fixed: int) -> None:
        """From what is known of an earlier window."""
        self.placed, self.points = known.of(self.window.ids)
        for number in np.flatnonzero(self.rows < fixed).tolist():
            row = self.rows[number]
            self._set(number, begin.rotation[row], begin.position[row])
            self.stays[number] = True

    def grow(self) -> None:
        """Add keyframes until none sees enough of what is known."""
        since, failed = 0, np.zeros(len(self.rows), bool)
        while True:
            sees = self._visible()
            sees[self.done | failed] = 0
            number = int(sees.argmax())
            if sees[number] < _FEWEST:
                if since:  # what was added may have made more places known
                    self._improve(6)
                    since = 0
                    failed[:] = False
                    continue
                break
            if not self._resect(number):
                failed[number] = True
                continue
            since += 1
            if since >= max(3, self.done.sum() // 4):
                self._improve(5)
                since = 0
                failed[:] = False
            else:
                self._triangulate()
        self._improve(25)
        self._improve(25)

    def finish(self, begin: Cameras, fixed: int) -> tuple[Fitted, Array] | None:
        """All frames, and the places (NaN where unknown); None if hardly any were found."""
        if self.done.sum() < 2 or self.placed.sum() < _FEWEST:
            return None
        rows = self.rows[self.done]
        window, count = self.window, len(self.window)
        start = spread(rows, self.cameras.at(self.done), count)
        seen = window.sightings_of(np.arange(count), self.placed)
        found = localise(start, self.points, seen, _TRAVELS)
        if fixed:
            rotation, position = found.rotation.copy(), found.position.copy()
            rotation[:fixed], position[:fixed] = begin.rotation[:fixed], begin.position[:fixed]
            found = Cameras(rotation, position, found.log_focal)
        points = np.where(self.placed[:, None], self.points, np.nan)
        fit = fitted(window, found, points, _TRAVELS, int(self.done.sum()))
        return fit, points

    def _set(self, number: int, rotation: Array, position: Array) -> None:
        self.cameras.rotation[number], self.cameras.position[number] = rotation, position
        self.done[number] = True

    def _visible(self) -> IntArray:
        """(K,) places that are known and each keyframe sees."""
        mine = self.placed[self.seen.point]
        return np.bincount(self.seen.camera[mine], minlength=len(self.rows))

    def _resect(self, number: int) -> bool:
        mine = (self.seen.camera == number) & self.placed[self.seen.point]
        done = np.flatnonzero(self.done)
        near = done[np.abs(done - number).argmin()]
        found = resected(
            self.points[self.seen.point[mine]],
            self.seen.xy[mine],
            self.cameras.at(np.array([near])),
        )
        if found is None:
            return False
        self._set(number, found.rotation[0], found.position[0])
        return True

    def _improve(self, rounds: int) -> None:
        self._triangulate()
        self._adjust(rounds)
        self._judge()
        self._triangulate()

    def _triangulate(self) -> None:
        """Places that are not known yet and that two known keyframes see."""
        mine = self.done[self.seen.camera] & self.trusted & ~self.placed[self.seen.point]
        points, good, _ = triangulate(self.cameras, self.seen.at(mine), len(self.points))
        self.points[good] = points[good]
        self.placed |= good

    def _mine(self) -> BoolArray:
        return self.done[self.seen.camera] & self.trusted & self.placed[self.seen.point]

    def _adjust(self, rounds: int) -> None:
        # A place that a single keyframe sees would only be carried along.
        mine = self._mine()
        times = np.bincount(self.seen.point[mine], minlength=len(self.points))
        mine &= times[self.seen.point] >= 2
        numbers, places = np.flatnonzero(self.done), np.flatnonzero(times >= 2)
        if not len(places):
            return
        camera, point = np.zeros(len(self.done), int), np.zeros(len(self.points), int)
        camera[numbers], point[places] = np.arange(len(numbers)), np.arange(len(places))
        some = self.seen.at(mine)
        part = Sightings(camera[some.camera], point[some.point], some.xy)
        cameras, points = adjust(
            *(self.cameras.at(numbers), self.points[places], part, _TRAVELS),
            self.stays[numbers],
            rounds=rounds,
        )
        self.cameras.rotation[numbers] = cameras.rotation
        self.cameras.position[numbers] = cameras.position
        self.points[places] = points

    def _judge(self) -> None:
        """See which observations agree, and forget places that hardly any agrees with."""
        known = self.done[self.seen.camera] & self.placed[self.seen.point]
        error, depth = errors(self.cameras, self.points, self.seen)
        good = (np.linalg.norm(error, axis=1) < _OFF_PX) & (depth > 0)
        self.trusted = ~known | good
        times = np.bincount(self.seen.point[known & good], minlength=len(self.points))
        looked = np.bincount(self.seen.point[known], minlength=len(self.points))
        self.placed &= (times >= 2) | (looked == 0)
