"""Image and world landmarks -> one set of points in space, in metres."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import (
    HIPS,
    LIMB_END,
    LIMB_MIDDLE,
    SHOULDERS,
)
from humantrack.types.arrays import FloatArray

LIMBS = (*SHOULDERS, *LIMB_MIDDLE[:2], *LIMB_END[:2], *HIPS, *LIMB_MIDDLE[2:], *LIMB_END[2:])
"""The 12 landmarks that are also joints of the body."""

_HIPS_LOW = 0.12
"""BlazePose's hips lie lower than the joints by this share of the trunk."""

_LEAST_WEIGHT = 0.05


def weights(visibility: FloatArray) -> FloatArray:
    """(N,12,1) weights of the 12 limb landmarks in fits, summing to 1 per person."""
    w = np.clip(visibility[:, LIMBS], _LEAST_WEIGHT, 1)[..., None]
    return np.asarray(w / w.sum(axis=1, keepdims=True))


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


def lift(
    xy_px: FloatArray, world: FloatArray, visibility: FloatArray, least_scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Points in space: x and y from the image, z from the world landmarks.

    The network's world x and y do not match the picture; under weak perspective the image's do,
    once the scale is known: the one that maps world x and y best to the image.

    Args:
        xy_px: (N,33,2) image landmarks.
        world: (N,33,3) world landmarks, metres.
        visibility: (N,33) 0..1.
        least_scale: (N,) positive; taken where the landmarks give no sensible scale.

    Returns:
        Points (N,33,3) in metres from the middle of the hips, and the scale (N,) in px per metre.
    """
    limbs = list(LIMBS)
    scale = fit_scale(world[:, limbs, :2], xy_px[:, limbs], weights(visibility))
    scale = np.maximum(scale, least_scale)
    middle = xy_px[:, HIPS].mean(axis=1, keepdims=True)
    return np.concatenate([(xy_px - middle) / scale[:, None, None], world[..., 2:]], -1), scale


def raise_hips(points: FloatArray) -> FloatArray:
    """Landmarks (N,33,k), in space or the image, with the hips where the body's hip joints are."""
    trunk = points[:, SHOULDERS].mean(axis=1) - points[:, HIPS].mean(axis=1)
    out = points.copy()
    out[:, HIPS] += _HIPS_LOW * trunk[:, None]
    return out
