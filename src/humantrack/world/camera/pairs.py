"""The motion between two pictures of one background."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from humantrack.geometry.rotations import Array, frame, transpose, unit
from humantrack.types.arrays import BoolArray
from humantrack.world.camera.adjust import Cameras, Motion, Sightings, errors
from humantrack.world.camera.localise import localise

_DRAWS = 64
_NEAR_PX = 2.5
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Turn:
    """The second picture against the first, if the camera only turned (and zoomed)."""

    rotation: Array
    """(3,3) from the first camera's axes to the second's."""

    zoom: float
    """Logarithm of the second focal length over the first."""

    error_px: Array
    """(N,) distances left."""


def rays(xy: Array, focal: Array | float) -> Array:
    """(N,3) directions of length 1 to places (N,2) from the picture's middle."""
    return unit(np.concatenate([xy, np.broadcast_to(focal, (len(xy), 1))], axis=1))


def turn_between(xy_a: Array, xy_b: Array, focal: float, *, zooms: bool) -> Turn:
    """The turn that most points agree on.

    Args:
        xy_a: (N,2) places in the first picture, from its middle; two at least.
        xy_b: (N,2) in the second.
        focal: reduced pixels, of the first.
        zooms: let the second have another focal length.
    """
    starts = [0.0]
    if zooms:
        starts.append(_growth(xy_a, xy_b))
    best: Turn | None = None
    for zoom in starts:
        rotation = _drawn_rotation(rays(xy_a, focal), rays(xy_b, focal * np.exp(zoom)), focal)
        count = len(xy_a)
        start = Cameras(rotation[None], np.zeros((1, 3)), np.array([np.log(focal) + zoom]))
        seen = Sightings(np.zeros(count, int), np.arange(count), xy_b)
        points = rays(xy_a, focal)
        found = localise(start, points, seen, Motion(travels=False, zooms=zooms), rounds=6)
        error, depth = errors(found, points, seen)
        off = np.where(depth > 0, np.linalg.norm(error, axis=1), 1e3)
        turn = Turn(found.rotation[0], float(found.log_focal[0] - np.log(focal)), off)
        if best is None or (off < _NEAR_PX).sum() > (best.error_px < _NEAR_PX).sum():
            best = turn
    assert best is not None  # noqa: S101 - there is one start at least
    return best


def travel_between(xy_a: Array, xy_b: Array, focal: float) -> tuple[Array, Array, BoolArray]:
    """The turn and the direction of travel that most points agree on (five-point method).

    Args:
        xy_a: (N,2) places in the first picture, from its middle.
        xy_b: (N,2) in the second.
        focal: reduced pixels, of both.

    Returns:
        (3,3) rotation and (3,) direction of length 1 with ``d_b = rotation @ d_a + direction``;
        (N,) which points agree.
    """
    none = np.eye(3), np.zeros(3), np.zeros(len(xy_a), bool)
    if len(xy_a) < _FEWEST:
        return none
    cv2.setRNGSeed(0)
    camera = np.diag([focal, focal, 1.0])
    try:
        found, inlier = cv2.findEssentialMat(
            *(xy_a, xy_b, camera), method=cv2.RANSAC, prob=0.999, threshold=1.0, maxIters=400
        )
        if found is None or found.shape != (3, 3):
            return none
        agrees = inlier.ravel() > 0
        some = xy_a[agrees], xy_b[agrees]
        _, rotation, direction, _ = cv2.recoverPose(found, *some, camera)[:4]
    except cv2.error:
        return none
    turn, way = np.asarray(rotation, np.float64), np.asarray(direction, np.float64)
    return turn, way[:, 0], agrees


def _growth(xy_a: Array, xy_b: Array) -> float:
    """Logarithm of how much farther apart points are in the second picture, robustly."""
    draw = np.random.default_rng(0).integers(0, len(xy_a), (2, 200))
    apart_a, apart_b = (np.linalg.norm(xy[draw[0]] - xy[draw[1]], axis=1) for xy in (xy_a, xy_b))
    good = (apart_a > 20) & (apart_b > 1)
    return float(np.median(np.log(apart_b[good] / apart_a[good]))) if good.any() else 0.0


def _drawn_rotation(a: Array, b: Array, focal: float) -> Array:
    """(3,3) of most pairs of directions (N,3), by drawing two at a time."""
    first, second = np.random.default_rng(0).integers(0, len(a), (2, _DRAWS))
    turns = frame(b[first], b[second]) @ transpose(frame(a[first], a[second]))
    turns = np.concatenate([turns, np.eye(3)[None]])
    off = ((turns @ a.T - b.T) ** 2).sum(axis=1)
    near = (off < (2 * _NEAR_PX / focal) ** 2).sum(axis=1)
    return np.asarray(turns[near.argmax()])
