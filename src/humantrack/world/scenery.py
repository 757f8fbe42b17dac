"""The floor as the background shows it to a camera that travels: its tilt, and how far down it is.

A travelling camera's path has a unit of its own. The floor's distance below the camera is known in
that unit from the points that lie on it, and in metres from the people who stand on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.types.arrays import FloatArray
from humantrack.world.camera.adjust import Cameras, Sightings
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.camera.triangulate import triangulate
from humantrack.world.types import CameraPath

MOST_FRAMES = 120
"""Of a shot, evenly, in which points are looked at."""

MOST_POINTS = 4000
_TRIES = 400
_TILT_DEG = 6.0
"""How far the floor may lie from what people say."""

_SOFT = 0.012
"""How far a point is off, as a part of its distance."""

_ANGLE_DEG = 0.8
"""Least angle between the rays to a point."""

_LEAST_OVER = 0.03
"""Height of every camera above the floor, as a part of the points' distance."""

_FEWEST = 25
_BELOW_SHARE = 0.15
"""Part of a floor's points that may lie below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorPlane:
    """A plane in the axes and the unit of a shot's camera path."""

    normal: FloatArray
    """(3,) of unit length, up."""

    height: float
    """Along the normal, from the path's origin."""

    points: int


def background_points(
    evidence: Iterable[FrameTracks], path: CameraPath
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Shot, points (K,3) and the cameras' places (F,3), of every shot whose camera travels."""
    shot_of = dict(zip(path.index.tolist(), path.shot.tolist(), strict=True))
    counts = np.bincount(path.shot) if len(path.shot) else np.zeros(1, int)
    for shot, frames in groupby(evidence, lambda frame: shot_of.get(frame.index, -1)):
        if shot < 0 or path.kinds[shot] != "free":
            continue
        every = max(-(-int(counts[shot]) // MOST_FRAMES), 1)
        some = [frame for i, frame in enumerate(frames) if i % every == 0]
        yield shot, *_points(some, path)


def _points(frames: list[FrameTracks], path: CameraPath) -> tuple[FloatArray, FloatArray]:
    rows = np.searchsorted(path.index, [frame.index for frame in frames])
    scale = np.array([frame.scale for frame in frames])
    cameras = Cameras(path.rotation[rows], path.position[rows], np.log(path.focal_px[rows] / scale))
    counts = [len(frame.ids) for frame in frames]
    middles = np.array([(f.width / 2, f.height / 2) for f in frames]) / scale[:, None]
    xy = np.concatenate([frame.xy for frame in frames]) - np.repeat(middles, counts, axis=0)
    ids, point = np.unique(np.concatenate([frame.ids for frame in frames]), return_inverse=True)
    camera = np.repeat(np.arange(len(frames)), counts)
    points, good, angle = triangulate(
        cameras, Sightings(camera, point.reshape(-1), xy), len(ids), near_px=1.5
    )
    good &= angle > _ANGLE_DEG
    points = points[good]
    if len(points) > MOST_POINTS:
        points = points[:: -(-len(points) // MOST_POINTS)]
    return points, path.position[rows]


def find_floor(points: FloatArray, cameras: FloatArray, up: FloatArray) -> FloorPlane | None:
    """The lowest plane that lies nearly flat and holds many points (RANSAC, always the same).

    Args:
        points: (K,3) of the background.
        cameras: (F,3) from where they were seen.
        up: (3,) roughly.
    """
    middle = cameras.mean(axis=0)
    below = points[points @ up < (cameras @ up).min()]
    if len(below) < _FEWEST:
        return None
    soft = _SOFT * np.linalg.norm(below - middle, axis=1)
    random = np.random.default_rng(0)
    three = below[random.integers(0, len(below), (_TRIES, 3))]
    normal = unit(np.cross(three[:, 1] - three[:, 0], three[:, 2] - three[:, 0]))
    normal = normal * np.sign(normal @ up)[:, None]
    flat = normal @ up > np.cos(np.radians(_TILT_DEG))
    normal, height = normal[flat], (normal * three[:, 0]).sum(axis=1)[flat]
    if not len(normal):
        return None
    least = _LEAST_OVER * float(np.median(np.linalg.norm(below - middle, axis=1)))
    above = (cameras @ normal.T).min(axis=0) - height > least
    normal, height = normal[above], height[above]
    if not len(normal):
        return None
    away = (below @ normal.T - height) / soft[:, None]
    near = (np.abs(away) < 1).sum(axis=0)
    lower = ((away < -3) & (away > -60)).sum(axis=0)
    score = np.where(lower < _BELOW_SHARE * near, near, 0)
    best = int(score.argmax())
    if score[best] < max(_FEWEST, 0.05 * len(below)):
        return None
    found = _fitted(below, soft, normal[best], float(height[best]))
    if found is None or found.normal @ up < np.cos(np.radians(_TILT_DEG)):
        return None
    return found if (cameras @ found.normal).min() - found.height > least else None


def _fitted(
    points: FloatArray, soft: FloatArray, normal: FloatArray, height: float
) -> FloorPlane | None:
    """The plane through the points near it, in the least-squares sense."""
    near = np.ones(len(points), bool)
    for _ in range(4):
        near = np.abs(points @ normal - height) < 1.5 * soft
        if near.sum() < _FEWEST:
            return None
        weight = 1 / soft[near] ** 2
        middle = (weight[:, None] * points[near]).sum(axis=0) / weight.sum()
        apart = (points[near] - middle) * np.sqrt(weight)[:, None]
        values, axes = np.linalg.eigh(apart.T @ apart)
        if values[1] < 25 * values[0]:
            return None  # a line, or a cloud
        fitted = axes[:, 0] * np.sign(axes[:, 0] @ normal)
        normal, height = fitted, float(middle @ fitted)
    return FloorPlane(normal=normal, height=height, points=int(near.sum()))
