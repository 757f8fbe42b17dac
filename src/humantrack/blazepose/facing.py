"""Where a body faces."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import HIPS, SHOULDERS, halfway
from humantrack.geometry.rotations import cross, unit
from humantrack.types.arrays import FloatArray


def facing(points: FloatArray) -> FloatArray:
    """(N,3) unit vectors to where trunks face: z is -1 seen from the front, 1 from behind.

    Args:
        points: (N,33,3) landmarks in any unit, camera axes.
    """
    up = halfway(points, SHOULDERS) - halfway(points, HIPS)
    shoulders, hips = (points[:, left] - points[:, right] for left, right in (SHOULDERS, HIPS))
    to_left = unit(shoulders) + unit(hips)
    return np.asarray(unit(cross(to_left, up)))
