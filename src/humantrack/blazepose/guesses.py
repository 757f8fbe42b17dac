"""Landmarks of people whom the network does not see: as last seen, or standing."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import HIPS
from humantrack.blazepose.mirror import MIRROR
from humantrack.blazepose.network import Landmarks
from humantrack.blazepose.regions import CROP_PX, from_boxes
from humantrack.types.arrays import FloatArray

_SLIMMEST = 0.45
"""Width over height of somebody who stands with hanging arms. A wider box shows part of him."""

_HEIGHT_M = 1.71

_LEFT = {
    0: (0.0, 0.085, -0.06),
    1: (0.012, 0.068, -0.05),
    2: (0.018, 0.068, -0.05),
    3: (0.024, 0.068, -0.045),
    7: (0.042, 0.075, 0.0),
    9: (0.013, 0.105, -0.05),
    11: (0.1, 0.185, 0.0),
    13: (0.125, 0.36, 0.01),
    15: (0.135, 0.495, -0.01),
    17: (0.14, 0.54, 0.0),
    19: (0.135, 0.545, -0.02),
    21: (0.125, 0.525, -0.02),
    23: (0.062, 0.51, 0.0),
    25: (0.065, 0.745, -0.005),
    27: (0.065, 0.955, 0.01),
    29: (0.065, 0.985, 0.03),
    31: (0.075, 0.995, -0.09),
}
"""Of somebody who stands and faces the viewer, in heights: to his left, down from the crown, and
away."""


def _standing() -> FloatArray:
    """(33,3) in heights."""
    out = np.zeros((len(MIRROR), 3))
    for i, place in _LEFT.items():
        out[i] = place
        out[MIRROR[i]] = np.multiply(place, [-1, 1, 1])
    out[0, 0] = 0
    return out


_STANDING = _standing()


def standing(box: FloatArray) -> Landmarks:
    """Landmarks (N = 1) of somebody who stands in a box (4,) and faces the viewer."""
    x0, y0, x1, y1 = box
    height = max(y1 - y0, (x1 - x0) / _SLIMMEST, 1.0)
    xy = _STANDING[:, :2] * height + [(x0 + x1) / 2, y0]
    world = (_STANDING - _STANDING[list(HIPS)].mean(axis=0)) * _HEIGHT_M
    return _landmarks(box, xy, world, np.zeros(len(xy)))


def moved(
    box: FloatArray, old_box: FloatArray, xy_px: FloatArray, world: FloatArray, seen: FloatArray
) -> Landmarks:
    """Landmarks (N = 1) as they were in an old box, carried to a new one.

    Args:
        box: (4,) now.
        old_box: (4,) then.
        xy_px: (33,2) then.
        world: (33,3) then.
        seen: (33,) visibility then.
    """
    size = np.maximum(old_box[2:] - old_box[:2], 1.0)
    share = (xy_px - old_box[:2]) / size
    return _landmarks(box, box[:2] + share * (box[2:] - box[:2]), world, seen)


def _landmarks(
    box: FloatArray, xy: FloatArray, world: FloatArray, visibility: FloatArray
) -> Landmarks:
    region = from_boxes(box[None])
    return Landmarks(
        xy_px=xy[None],
        z_px=np.zeros((1, len(xy))),
        visibility=visibility[None],
        presence=visibility[None],
        world=world[None],
        flag=np.zeros(1),
        region=region,
        next_region=region,
        segmentation=np.full((1, CROP_PX, CROP_PX), -1.0, np.float32),
    )
