"""The turn of a body to the ray along which a camera sees it, by scipy."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def ray_turn(point):
    """(3,3) the shortest turn from straight ahead to a point (3,)."""
    axis = np.cross([0, 0, 1], point)
    length = np.linalg.norm(axis)
    if length == 0:
        return np.eye(3)
    return Rotation.from_rotvec(np.arctan2(length, point[2]) * axis / length).as_matrix()


def seen_joints(joints, camera, lens):
    """(45,3) where joints are, in camera axes, through a lens that much shorter than PHALP's."""
    pelvis = (joints[8] + camera) * (1, 1, lens)
    out = (joints - joints[8]) @ ray_turn(pelvis).T + pelvis
    out[44] = pelvis - joints[8]
    return out
