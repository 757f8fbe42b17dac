"""Where a body faces."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import HIPS, SHOULDERS
from humantrack.geometry.rotations import cross, unit
from humantrack.types.arrays import FloatArray


def facing(points: FloatArray) -> FloatArray:
    """(N,3) unit vectors to where trunks face: z is -1 seen from the front, 1 from behind.

    Args:
        points: (N,33,3) landmarks in any unit, camera axes.
    """
    hips, shoulders = (points[:, pair] for pair in (HIPS, SHOULDERS))
    up = shoulders.mean(axis=1) - hips.mean(axis=1)
    to_left = unit(shoulders[:, 0] - shoulders[:, 1]) + unit(hips[:, 0] - hips[:, 1])
    return np.asarray(unit(cross(to_left, up)))
