"""Systematic errors of the landmark networks' metric output, measured once and taken away.

Two kinds, both of the network and not of the people it looks at:

* **Asymmetry.** A picture and its mirror image show the same person, so where a network gives
  other points for them, half the difference is its own error. No ground truth is needed for this.
  Measured on 231 people of eight clips, real and drawn; the median of a clip is within 7 mm of the
  median of all. The full network is all but symmetric (5 mm), heavy is not (22 mm in depth).
* **Depth.** Ankles come out too far away, elbows too near, and the wrists of a person seen from
  the side too close to each other. Measured against ground truth on three real cameras and on
  drawn clips, each set's figure tried on the other; only what helped on both was kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.blazepose.inverse_kinematics import HIPS, LIMB_END, LIMB_MIDDLE, SHOULDERS
from humantrack.blazepose.mirror import MIRROR
from humantrack.geometry.rotations import unit
from humantrack.types.arrays import FloatArray

_HANDS = ((17, 19, 21), (18, 20, 22))
_FEET = ((29, 31), (30, 32))
_ONE_SIDE = [0, 1, 2, 3, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31]
"""The nose and the landmarks of the left half of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What to take away from a network's world landmarks."""

    asymmetry_m: FloatArray
    """(33,3) metres, camera axes."""

    shin_m: float
    """Ankles and feet come this much nearer."""

    upper_arm_m: float
    """Elbows and what hangs on them go this much away."""

    forearm_m: float
    """Wrists seen from the side move apart by this much each."""

    def __call__(self, world: FloatArray) -> FloatArray:
        """World landmarks (N,33,3) in metres, camera axes -> the same, put right."""
        out = world - self.asymmetry_m
        left_away = _left_away(out)
        for side, sign in ((0, 1.0), (1, -1.0)):
            hand = [LIMB_END[side], *_HANDS[side]]
            foot = [LIMB_END[2 + side], *_FEET[side]]
            out[:, [LIMB_MIDDLE[side], *hand], 2] += self.upper_arm_m
            out[:, hand, 2] += (sign * self.forearm_m * left_away)[:, None]
            out[:, foot, 2] -= self.shin_m
        return out


def _left_away(world: FloatArray) -> FloatArray:
    """(N,) 1 where the left side is away from the viewer, -1 where it is near, 0 from the front."""
    across = [world[:, pair[0]] - world[:, pair[1]] for pair in (SHOULDERS, HIPS)]
    return np.asarray((unit(across[0]) + unit(across[1]))[:, 2] / 2)


def _both_sides(left_mm: list[tuple[int, int, int]]) -> FloatArray:
    """(33,3) metres from the nose's and the left half's millimetres: y and z change sign."""
    out = np.zeros((len(MIRROR), 3))
    out[_ONE_SIDE] = np.array(left_mm) / 1000
    right = [MIRROR[i] for i in _ONE_SIDE[1:]]
    out[right] = out[_ONE_SIDE[1:]] * [1, -1, -1]
    return out


FULL = Corrections(asymmetry_m=np.zeros((33, 3)), shin_m=0.025, upper_arm_m=0.02, forearm_m=0.05)
HEAVY = Corrections(
    asymmetry_m=_both_sides(
        [
            *((-14, 0, 0), (-6, 4, 4), (-4, 4, 18), (-2, -2, 4), (4, -22, -8), (4, -16, 12)),
            *((12, 32, -32), (20, -8, -10), (12, 2, 38), (14, 6, 64), (16, 20, 62), (16, 16, 44)),
            *((2, 6, 20), (16, 38, 2), (10, 12, -8), (-2, 12, 16), (-10, 18, 20)),
        ]
    ),
    shin_m=0.09,
    upper_arm_m=0.035,
    forearm_m=0.045,
)
