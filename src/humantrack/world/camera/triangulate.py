"""Where places are, from the cameras that see them."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import BoolArray
from humantrack.world.camera.adjust import Cameras, Sightings, errors
from humantrack.world.camera.localise import by_owner
from humantrack.world.camera.pairs import rays

NEAR_PX = 3.0
_ANGLE_DEG = 0.7
"""Least angle between the rays to a place: below it, its depth would be noise."""


def triangulate(
    cameras: Cameras, seen: Sightings, count: int, *, near_px: float = NEAR_PX
) -> tuple[Array, BoolArray, Array]:
    """The places nearest to all rays to them.

    Args:
        cameras: that are known.
        seen: what they see.
        count: of places, P.
        near_px: reduced pixels that a place may be off, in the mean.

    Returns:
        (P,3) places, (P,) which of them are good, (P,) angle between the rays, degrees.
    """
    focal = np.exp(cameras.log_focal[seen.camera])[:, None]
    ray = np.einsum("nji,nj->ni", cameras.rotation[seen.camera], rays(seen.xy, focal))
    order = np.argsort(seen.point, kind="stable")
    ray, camera, point = ray[order], seen.camera[order], seen.point[order]
    aside = np.eye(3) - ray[:, :, None] * ray[:, None, :]
    matrix = by_owner(aside, point, count)
    right = by_owner(np.einsum("nij,nj->ni", aside, cameras.position[camera]), point, count)
    times = np.bincount(point, minlength=count)
    values, axes = np.linalg.eigh(matrix)
    # Two rays at an angle a leave 1 - cos(a) in the direction that both know least of.
    least = values[:, 0] / np.maximum(times / 2, 1)
    angle = np.rad2deg(np.arccos(np.clip(1 - least, -1, 1)))
    inverse = np.einsum("pij,pj,pkj->pik", axes, 1 / np.maximum(values, 1e-9), axes)
    points = np.einsum("pij,pj->pi", inverse, right)
    sorted_seen = Sightings(camera, point, seen.xy[order])
    error, depth = errors(cameras, points, sorted_seen)
    off = by_owner((error**2).sum(axis=1), point, count) / np.maximum(times, 1)
    behind = by_owner((depth <= 0).astype(float), point, count)
    good = (times >= 2) & (angle > _ANGLE_DEG) & (off < near_px**2) & (behind == 0)
    return points, good, angle
