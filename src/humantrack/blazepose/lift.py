"""Image and world landmarks -> one set of points in space, in metres."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import (
    HIPS,
    LIMB_END,
    LIMB_MIDDLE,
    SHOULDERS,
    halfway,
)
from humantrack.types.arrays import FloatArray

LIMBS = (*SHOULDERS, *LIMB_MIDDLE[:2], *LIMB_END[:2], *HIPS, *LIMB_MIDDLE[2:], *LIMB_END[2:])
"""The 12 landmarks that are also joints of the body."""

_HIPS_LOW, _SHOULDERS_HIGH = 0.045, 0.02
"""BlazePose's hips lie lower, and its shoulders higher, than the joints by this share of the
trunk."""

_ANKLES_HIGH = 0.05
"""Its ankles lie higher than the joints by this share of the shin. All three measured in pictures
with ground truth, as the middle between what drawn people (hips 0.01, shoulders 0.055) and
triangulated real ones (0.07, 0.01) say: their joints are not defined alike."""


def fit_scale(source: FloatArray, target: FloatArray, weight: FloatArray) -> FloatArray:
    """Least squares a in ``target`` = a ``source`` + b over points (N,K,2), weights (N,K,1).

    Returns:
        (N,) scale; 0 where all source points coincide.
    """
    a = source - (source * weight).sum(axis=1, keepdims=True)
    b = target - (target * weight).sum(axis=1, keepdims=True)
    spread = (a * a * weight).sum(axis=(1, 2))
    common = (a * b * weight).sum(axis=(1, 2))
    return np.asarray(common / np.where(spread > 1e-12, spread, np.inf))


def lift(xy_px: FloatArray, depth: FloatArray, scale: FloatArray) -> FloatArray:
    """Points in space: x and y from the image, z from the world landmarks.

    The network's world x and y do not match the picture; under weak perspective the image's do,
    once the scale is known.

    Args:
        xy_px: (N,33,2) image landmarks.
        depth: (N,33) world landmarks' z, metres.
        scale: (N,) px per metre.

    Returns:
        (N,33,3) metres from the middle of the hips, camera axes.
    """
    out = np.empty((*depth.shape, 3))
    out[..., :2] = (xy_px - halfway(xy_px, HIPS)[:, None]) / scale[:, None, None]
    out[..., 2] = depth - halfway(depth, HIPS)[:, None]
    return out


def at_joints(points: FloatArray) -> FloatArray:
    """Landmarks (N,33,k), in space or the image, with the limbs' where the body's joints are."""
    trunk = halfway(points, SHOULDERS) - halfway(points, HIPS)
    shins = points[:, LIMB_END[2:]] - points[:, LIMB_MIDDLE[2:]]
    out = points.copy()
    out[:, HIPS] += _HIPS_LOW * trunk[:, None]
    out[:, SHOULDERS] -= _SHOULDERS_HIGH * trunk[:, None]
    out[:, LIMB_END[2:]] += _ANKLES_HIGH * shins
    return out
