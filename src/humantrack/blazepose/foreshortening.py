"""How far limbs lead along the view, from the network's depth and from how short they look.

The network draws depths to what is usual: where a limb leads steeply along the view it gives 0.3 to
0.9 of the depth, so that bent elbows and knees come out too straight. A bone of known length that
looks short must lead along the view; which way is for the network to say. Neither is exact, so both
are weighed by their variances.
"""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import (
    END_JOINT,
    LIMB_END,
    LIMB_MIDDLE,
    LIMB_ROOT,
    MIDDLE_JOINT,
    ROOT_JOINT,
)
from humantrack.types.arrays import FloatArray

_DEPTH_SPREAD_M = 0.06
"""How far the network's depth of a bone is off."""

_LENGTH_SPREAD_M = 0.06
"""How far the length of a bone in space may be off, as it looks, since points lie 2 to 4 cm beside
the joints, lengths are learned, and the view is not quite parallel. From 5 to 10 cm for either
spread figures hardly change, of drawn and of real people."""

_DEPTHS = np.linspace(-0.5, 0.5, 101)

_TIPS = ((17, 19, 21), (18, 20, 22), (29, 31), (30, 32))
"""What hangs on the end of each limb."""


def steepened(points: FloatArray, rest: FloatArray) -> FloatArray:
    """Points whose limbs lead along the view as far as they should, given their lengths.

    Only depths of limbs change. That of a bone becomes its mean (the estimate of least squared
    error) given the network's depth z and the length l, with s how long it looks and both errors
    normal: of exp(-(d - z)^2 / 2 a^2 - (sqrt(s^2 + d^2) - l)^2 / 2 b^2) over depths d. The mean
    goes smoothly from one way to the other.

    Args:
        points: (N,33,3) landmarks, metres, camera axes, limbs' where the body's joints are.
        rest: (N,24,3) joints of the T pose, metres.

    Returns:
        (N,33,3), the same axes and unit.
    """
    if not len(points):
        return points
    chain = points[:, [LIMB_ROOT, LIMB_MIDDLE, LIMB_END]]
    bones = np.diff(chain, axis=1)
    lengths = np.linalg.norm(
        np.diff(rest[:, [ROOT_JOINT, MIDDLE_JOINT, END_JOINT]], axis=1), axis=-1
    )
    flat = np.linalg.norm(bones[..., :2], axis=-1)[..., None]
    odds = -0.5 * ((_DEPTHS - bones[..., 2:]) / _DEPTH_SPREAD_M) ** 2
    odds -= 0.5 * ((np.hypot(flat, _DEPTHS) - lengths[..., None]) / _LENGTH_SPREAD_M) ** 2
    weight = np.exp(odds - odds.max(axis=-1, keepdims=True))
    depth = (weight * _DEPTHS).sum(axis=-1) / weight.sum(axis=-1)
    upper, lower = np.moveaxis((depth - bones[..., 2]).cumsum(axis=1), 1, 0)
    out = points.copy()
    out[:, LIMB_MIDDLE, 2] += upper
    out[:, LIMB_END, 2] += lower
    for limb, tips in enumerate(_TIPS):
        out[:, tips, 2] += lower[:, limb, None]
    return out
