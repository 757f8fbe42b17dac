"""Where single pictures were taken from, the points being known: all pictures at once."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import IntArray
from humantrack.world.camera.adjust import (
    SOFT_PX,
    Cameras,
    Motion,
    Sightings,
    errors,
    moved,
    slopes,
    weights,
)

_SOFTEST_PX = 6.0
"""Where it begins: so far off a start may be and still be drawn in."""


def localise(
    cameras: Cameras, points: Array, seen: Sightings, motion: Motion, *, rounds: int = 9
) -> Cameras:
    """Move each camera to where the points are seen as they were; robust, each by itself.

    Args:
        cameras: K, to begin with; one without observations stays.
        points: (P,3) places, or directions.
        seen: the observations.
        motion: what is free.
        rounds: steps of Gauss-Newton, with weights that grow stricter.
    """
    if not len(seen.camera):
        return cameras
    soft = np.maximum(SOFT_PX, _SOFTEST_PX * 0.55 ** np.arange(rounds))
    for soft_px in soft:
        error, _ = errors(cameras, points, seen)
        slope, _ = slopes(cameras, points, seen, motion)
        weighted = (slope * weights(error, soft_px)[:, None, None]).swapaxes(1, 2)
        count = len(cameras.rotation)
        matrix = by_owner(weighted @ slope, seen.camera, count)
        right = by_owner((weighted @ error[:, :, None])[..., 0], seen.camera, count)
        rows = np.arange(motion.size)
        matrix[:, rows, rows] += 1e-6 * matrix[:, rows, rows] + 1e-6
        cameras = moved(cameras, np.linalg.solve(matrix, right[..., None])[..., 0], motion)
    return cameras


def by_owner(values: Array, owner: IntArray, count: int) -> Array:
    """Sums of (N,...) by owner, which rises: (count,...)."""
    out = np.zeros((count, *values.shape[1:]))
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    if len(first):
        out[owner[first]] = np.add.reduceat(values, first, axis=0)
    return out
