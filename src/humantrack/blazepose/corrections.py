"""Systematic errors of the landmark networks' metric output, measured once and taken away.

Two kinds, both of the network and not of the people it looks at:

* **Asymmetry.** A picture and its mirror image show the same person, so where a network gives
  other points for them, half the difference is its own error. No ground truth is needed for this.
  Measured on 231 people of eight clips, real and drawn; the median of a clip is within 7 mm of the
  median of all. The full network is all but symmetric (5 mm), heavy is not (22 mm in depth).
* **Depth.** Ankles come out too far away, elbows too near, and the wrists of a person seen from
  the side too close to each other. Measured against ground truth on three real cameras and on
  drawn clips, each set's figure tried on the other; only what helped on both was kept. An offset of
  ankles that grows the more somebody faces along the view, or the higher the camera, is no better
  on people it was not fitted to.
* **Forearms: hanging ones are not as others.** Seen from the side, the wrist of a hanging forearm
  truly lies further from the trunk than heavy says, by 9 cm of drawn walkers, 3 of drawn people who
  move their arms in everyday ways and 14 of a real man; that of one that is level or raised does
  not (-1 to 0, and -1). Level and raised ones lead 4 cm (3 of the man) more towards the viewer than
  it says, from wherever they are seen. Both figures used were chosen on drawn people: their elbows
  are best at 3 to 7 cm of the latter, PA-MPJPE at 7 to 10. On the man errors of elbows fall by
  9 %. Full does the same with hanging forearms (10, 5 and 11 cm), hardly with others (2 and 3).
* **Elbows seen from front or behind.** They bend backwards, and heavy puts them too near the line
  from shoulder to wrist: by 4 cm on drawn people of many poses, and up to 5 on a real man; walkers'
  arms are nearly straight. With 1 cm elbows are better on each (2 to 3 %), with 2 worse of walkers.
  Full has no such error on walkers, and is left as it is.
* **Width seen from the side.** What is sideways of a body lies along the view there, and the
  networks then say what bodies do on average: legs stand too far apart (knees and ankles 10 to
  60 mm each), elbows and wrists lie too close to the trunk. Seen from the front none of this
  happens. Both networks do it on each of six drawn clips and on two of three real cameras; the
  third sees the man from the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from humantrack.blazepose.facing import facing
from humantrack.blazepose.inverse_kinematics import (
    HIPS,
    LIMB_END,
    LIMB_MIDDLE,
    LIMB_ROOT,
    SHOULDERS,
)
from humantrack.blazepose.mirror import MIRROR
from humantrack.geometry.rotations import dot, unit
from humantrack.types.arrays import FloatArray

_LEFT_ARM_END, _RIGHT_ARM_END = (15, 17, 19, 21), (16, 18, 20, 22)
_LEFT_LEG_END, _RIGHT_LEG_END = (27, 29, 31), (28, 30, 32)
"""Wrist and hand, ankle and foot."""

_ARM_ENDS, _LEG_ENDS = _LEFT_ARM_END + _RIGHT_ARM_END, _LEFT_LEG_END + _RIGHT_LEG_END
_TO_LEFT = np.repeat([1.0, -1.0], len(_LEFT_ARM_END))
_ENDS = _ARM_ENDS + _LEG_ENDS
_LIMB_OF_END = np.array([0] * 4 + [1] * 4 + [2] * 3 + [3] * 3)
"""Of ``_ENDS``, in the order of ``LIMB_END``."""

_LEGS_APART, _ARMS_APART = 0.5, 1.3
"""A leg's and an arm's bones lead sideways by this share of what the networks say, where sideways
is along the view. Best for legs was 0.4 to 0.6, for arms 1.3 to 1.6, on drawn and real people
alike: PA-MPJPE falls by 5 to 15 %."""
_WIDER = np.array([_ARMS_APART, _ARMS_APART, _LEGS_APART, _LEGS_APART]) - 1

_HANGS = 0.8
"""Cosine of forearm and trunk from which on a forearm hangs. Of those between this and a right
angle some are as hanging ones are and some are not."""

_ONE_SIDE = [0, 1, 2, 3, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31]
"""The nose and the landmarks of the left half of the body."""


@dataclass(frozen=True, kw_only=True)
class Corrections:
    """What to take away from a network's world landmarks."""

    asymmetry_m: FloatArray
    """(33,3) metres, camera axes."""

    shin_m: float
    """Ankles and feet come this much nearer."""

    upper_arm_m: float
    """Elbows and what hangs on them go this much away."""

    elbow_back_m: float
    """Elbows go this much to the back of who is seen from the front or from behind."""

    forearm_m: float
    """Wrists of hanging forearms, seen from the side, move apart by this much each."""

    raised_m: float
    """Wrists of forearms that are level or raised come this much nearer."""

    @cached_property
    def _always_m(self) -> FloatArray:
        """(33,3) what is taken away whichever way somebody stands."""
        out = self.asymmetry_m.copy()
        out[[*LIMB_MIDDLE[:2], *_ARM_ENDS], 2] -= self.upper_arm_m
        out[_LEG_ENDS, 2] += self.shin_m
        return out

    def __call__(self, world: FloatArray) -> FloatArray:
        """World landmarks (N,33,3) in metres, camera axes -> the same, put right."""
        out = np.asarray(world - self._always_m)
        depth = out[..., 2]
        across = _across(out)
        hanging = np.repeat(_hanging(out), len(_LEFT_ARM_END), axis=1)
        if self.elbow_back_m:
            depth[:, LIMB_MIDDLE[:2]] -= self.elbow_back_m * facing(out)[:, 2:]
        apart = self.forearm_m * across[:, 2:] * _TO_LEFT
        depth[:, _ARM_ENDS] += apart * hanging - self.raised_m * (1 - hanging)
        _widen(out, unit(across))
        return out


def _across(world: FloatArray) -> FloatArray:
    """(N,3) from right to left, a unit vector where hips and shoulders agree.

    Its z is 1 where the left side is away from the viewer, -1 where it is near, 0 from the front.
    """
    pairs = [world[:, pair[0]] - world[:, pair[1]] for pair in (SHOULDERS, HIPS)]
    return np.asarray((unit(pairs[0]) + unit(pairs[1])) / 2)


def _hanging(world: FloatArray) -> FloatArray:
    """(N,2) how far the left and the right forearm hang along the trunk: 1, or 0 from level on."""
    trunk = unit(world[:, HIPS].mean(axis=1) - world[:, SHOULDERS].mean(axis=1))
    forearms = unit(world[:, LIMB_END[:2]] - world[:, LIMB_MIDDLE[:2]])
    return np.asarray(np.clip(dot(forearms, trunk[:, None])[..., 0] / _HANGS, 0, 1))


def _widen(world: FloatArray, across: FloatArray) -> None:
    """Put legs closer and arms farther out, as far as sideways is depth.

    Args:
        world: (N,33,3) metres, camera axes; changes in place.
        across: (N,3) unit vectors from right to left.
    """
    along_view = across[:, 2:] * np.abs(across[:, 2:])
    root, middle, end = world[:, LIMB_ROOT], world[:, LIMB_MIDDLE], world[:, LIMB_END]
    share = _WIDER * along_view
    upper, lower = (
        share * (bone * across[:, None]).sum(axis=-1) for bone in (middle - root, end - middle)
    )
    world[:, LIMB_MIDDLE, 2] += upper
    world[:, _ENDS, 2] += (upper + lower)[:, _LIMB_OF_END]


def _both_sides(left_mm: list[tuple[int, int, int]]) -> FloatArray:
    """(33,3) metres from the nose's and the left half's millimetres: y and z change sign."""
    out = np.zeros((len(MIRROR), 3))
    out[_ONE_SIDE] = np.array(left_mm) / 1000
    right = [MIRROR[i] for i in _ONE_SIDE[1:]]
    out[right] = out[_ONE_SIDE[1:]] * [1, -1, -1]
    return out


FULL = Corrections(
    asymmetry_m=np.zeros((33, 3)),
    shin_m=0.025,
    upper_arm_m=0.02,
    elbow_back_m=0.0,
    forearm_m=0.09,
    raised_m=0.0,
)
HEAVY = Corrections(
    asymmetry_m=_both_sides(
        [
            *((-14, 0, 0), (-6, 4, 4), (-4, 4, 18), (-2, -2, 4), (4, -22, -8), (4, -16, 12)),
            *((12, 32, -32), (20, -8, -10), (12, 2, 38), (14, 6, 64), (16, 20, 62), (16, 16, 44)),
            *((2, 6, 20), (16, 38, 2), (10, 12, -8), (-2, 12, 16), (-10, 18, 20)),
        ]
    ),
    shin_m=0.075,
    upper_arm_m=0.035,
    elbow_back_m=0.01,
    forearm_m=0.09,
    raised_m=0.06,
)
