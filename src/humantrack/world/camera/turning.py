"""A camera that turns in one place, perhaps while it zooms."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import Array, unit
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.adjust import Cameras, Motion, Sightings, adjust
from humantrack.world.camera.fitted import Fitted, fitted, spread
from humantrack.world.camera.known import KnownPlaces
from humantrack.world.camera.localise import by_owner, localise
from humantrack.world.camera.pairs import rays, turn_between
from humantrack.world.camera.window import Window, keyframes

KEYFRAMES = 150
"""Most that are adjusted together."""

_FEWEST = 6
_ZOOM_PRIOR = 30.0
"""Weight that holds focal lengths to their start where the points do not say."""


def solve_turning(
    window: Window, known: KnownPlaces, begin: Cameras, *, fixed: int, zooms: bool
) -> Fitted:
    """The rotations (and focal lengths) in a window's frames.

    Args:
        window: the frames.
        known: places found in earlier windows of the shot; taken further here.
        begin: (T,) cameras to begin with; the first ``fixed`` of them are right and stay.
        fixed: see there; 1 at least.
        zooms: let focal lengths change.
    """
    motion = Motion(travels=False, zooms=zooms)
    rows = keyframes(window, most=KEYFRAMES)
    if not len(rows):
        return fitted(window, begin, np.zeros((len(window.ids), 3)), motion, keyframes=0)
    keys, points, placed = _chained(window, known, rows, begin.at(slice(fixed)), zooms=zooms)
    seen = window.sightings_of(rows, placed)
    stays = rows < fixed
    if not stays.any():
        stays[0] = True
    keys, points = adjust(keys, points, seen, motion, stays, zoom_prior=_ZOOM_PRIOR)
    start = spread(rows, keys, len(window))
    every = window.sightings_of(np.arange(len(window)), placed)
    found = localise(start, points, every, motion)
    found = _with_start(found, begin, fixed)
    known.keep(window.ids[placed], points[placed])
    return fitted(window, found, np.where(placed[:, None], points, np.nan), motion, len(rows))


def _with_start(found: Cameras, begin: Cameras, fixed: int) -> Cameras:
    """The same with the first cameras as they were."""
    rotation, focal = found.rotation.copy(), found.log_focal.copy()
    rotation[:fixed], focal[:fixed] = begin.rotation[:fixed], begin.log_focal[:fixed]
    return Cameras(rotation, found.position, focal)


def _chained(
    window: Window, known: KnownPlaces, rows: IntArray, fixed: Cameras, *, zooms: bool
) -> tuple[Cameras, Array, BoolArray]:
    """Key frames one after the other, and the directions of places from all who see them."""
    rotation, log_focal = [], []
    count = len(fixed.rotation)
    for number, row in enumerate(rows):
        if row < count or not number:
            at = min(int(row), count - 1)
            rotation.append(fixed.rotation[at])
            log_focal.append(fixed.log_focal[at])
            continue
        _, a, b = window.common(int(rows[number - 1]), int(row))
        turn: Array = np.eye(3)
        focal = log_focal[-1]
        if len(a) >= _FEWEST:
            between = turn_between(a, b, float(np.exp(focal)), zooms=zooms)
            turn, focal = between.rotation, focal + between.zoom
        rotation.append(turn @ rotation[-1])
        log_focal.append(focal)
    keys = Cameras(np.array(rotation), np.zeros((len(rows), 3)), np.array(log_focal))
    seen = window.sightings_of(rows, np.ones(len(window.ids), bool))
    points, placed = directions(keys, seen, len(window.ids))
    is_known, where = known.of(window.ids)
    points[is_known] = where[is_known]
    return keys, points, placed


def directions(cameras: Cameras, seen: Sightings, count: int) -> tuple[Array, BoolArray]:
    """(P,3) mean directions of places, (P,) which are seen by two cameras."""
    focal = np.exp(cameras.log_focal[seen.camera])[:, None]
    ray = np.einsum("nji,nj->ni", cameras.rotation[seen.camera], rays(seen.xy, focal))
    order = np.argsort(seen.point, kind="stable")
    total = by_owner(ray[order], seen.point[order], count)
    times = np.bincount(seen.point, minlength=count)
    return unit(total), times >= 2
