"""Limbs that nobody sees: hang them down or stretch them, as far as made-up points are worse.

The network gives all 33 points always. How far to trust them was measured by the error of the
bones' directions, on the shipped clips, as they are and cut off at the waist, the knees and the
shins, and on drawn people who bend their limbs at random:

* Of forearms of a visibility below 0.1, the network's are wrong by 33 degrees on people who bend
  their arms, and stretched ones by 68; on drawn walkers, whose arms are straight, by 17 and 17.
  Shins below 0.3: 11 and 45 degrees, 5 and 11. So a hidden limb is mostly what the network guesses,
  mixed with a stretched one by the squares of these errors of forearms. The elbows of a real man
  seen from behind were wrong by 26 degrees with stretched forearms, and by 15 so.
* Ankles more than 0.2 m outside the image are wrong by 36 degrees, stretched shins by 14; up to
  0.1 m outside there is no difference.
"""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import (
    HEELS,
    HIPS,
    INDEXES,
    LIMB_END,
    LIMB_MIDDLE,
    LIMB_ROOT,
    PINKIES,
    SHOULDERS,
    TOES,
    halfway,
)
from humantrack.geometry.rotations import frame, norm, unit
from humantrack.types.arrays import FloatArray

_NEAR_M, _FAR_M = 0.1, 0.2
"""A point this far outside the image is trusted, or is not."""

_HIDDEN, _SEEN = 0.1, 0.3
"""A wrist or ankle of this visibility is hidden, or is seen."""

_GUESS = 0.78
"""Share of the network's guess where a wrist or ankle is hidden: errors squared, walkers and people
who bend their arms counting alike, (68^2 + 17^2) / (68^2 + 17^2 + 33^2 + 17^2)."""

_BONE_M, _HAND_M, _FOOT_M = 0.3, 0.1, 0.2
"""Lengths of what is put in place; only directions matter later."""


def inside(xy_px: FloatArray, scale: FloatArray, height: int, width: int) -> FloatArray:
    """Trust (N,33) in points for where they lie: 1 in the image and near it, 0 far outside.

    Args:
        xy_px: (N,33,2) landmarks in image pixels.
        scale: (N,) px per metre.
        height: rows of the image.
        width: columns of the image.
    """
    over = np.maximum(-xy_px, xy_px - [width, height]).max(axis=-1)
    return np.asarray(np.clip((_FAR_M - over / scale[:, None]) / (_FAR_M - _NEAR_M), 0, 1))


def straighten_hidden(points: FloatArray, trust: FloatArray, visibility: FloatArray) -> FloatArray:
    """Points (N,33,3) with each limb nobody sees in a neutral pose; shares between are mixed.

    Upper bones hang along the trunk, lower ones continue the upper, hands continue the forearm,
    feet point where the body does. Fully trusted points stay as they are. What is hidden in the
    picture keeps most of what the network guesses.

    Args:
        points: (N,33,3) metres.
        trust: (N,33) from :func:`inside`.
        visibility: (N,33) 0..1.
    """
    seen = np.clip((visibility[:, LIMB_END] - _HIDDEN) / (_SEEN - _HIDDEN), 0, 1)
    seen = _GUESS + (1 - _GUESS) * seen
    upper_trust = trust[:, LIMB_MIDDLE, None]
    lower_trust = upper_trust * (trust[:, LIMB_END] * seen)[..., None]
    is_whole = (lower_trust.min(axis=(1, 2)) == 1) & (trust.min(axis=1) == 1)
    if is_whole.all():
        return points
    tip_trust = lower_trust * trust[:, INDEXES + TOES, None]

    left = halfway(points, (HIPS[0], SHOULDERS[0]))
    right = halfway(points, (HIPS[1], SHOULDERS[1]))
    up = halfway(points, SHOULDERS) - halfway(points, HIPS)
    trunk = frame(up, left - right)
    down, forward = -trunk[:, None, :, 0], -trunk[:, None, :, 2]
    root, middle, end = points[:, LIMB_ROOT], points[:, LIMB_MIDDLE], points[:, LIMB_END]

    upper = _mix(_BONE_M * down, middle - root, upper_trust)
    lower = _mix(_BONE_M * unit(upper), end - middle, lower_trust)
    pinkies, indexes = points[:, PINKIES], points[:, INDEXES]
    palm = (pinkies + indexes) / 2 - end[:, :2]
    hand = _mix(_HAND_M * unit(lower[:, :2]), palm, tip_trust[:, :2])
    across = _mix(_HAND_M * forward, indexes - pinkies, tip_trust[:, :2])
    foot = _mix(_FOOT_M * forward, points[:, TOES] - points[:, HEELS], tip_trust[:, 2:])

    out = points.copy()
    wrists, ankles = np.split(root + upper + lower, 2, axis=1)
    out[:, LIMB_MIDDLE] = root + upper
    out[:, LIMB_END] = root + upper + lower
    out[:, PINKIES] = wrists + hand - across / 2
    out[:, INDEXES] = wrists + hand + across / 2
    out[:, HEELS] = ankles
    out[:, TOES] = ankles + foot
    return np.where(is_whole[:, None, None], points, out)


def _mix(neutral: FloatArray, measured: FloatArray, trust: FloatArray) -> FloatArray:
    """Bones (N,K,3) whose directions are mixed, and whose lengths.

    Mixed as they stand, bones that the network takes for short would count for less than their
    share: elbows of drawn people who move their arms in everyday ways were 2 % further off so.
    """
    length = norm(neutral) + trust * (norm(measured) - norm(neutral))
    return length * unit(unit(neutral) + trust * (unit(measured) - unit(neutral)))
