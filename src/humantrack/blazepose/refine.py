"""Turns a body's joints so that they lie on their landmarks: Gauss-Newton on the rotations.

The closed form (``inverse_kinematics``) meets the directions of bones; with bones of other lengths
than the person's, joints then miss the landmarks they came from. Here the rotations move a little
so that joints meet points, bone lengths fixed, weighted by confidence.
"""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.inverse_kinematics import END_JOINT, MIDDLE_JOINT, ROOT_JOINT
from humantrack.body.kinematics import PARENTS, forward_kinematics
from humantrack.geometry.rotations import axis_angle_to_matrix, transpose
from humantrack.types.arrays import FloatArray

LIMB_JOINTS = (
    *(ROOT_JOINT[:2] + MIDDLE_JOINT[:2] + END_JOINT[:2]),
    *(ROOT_JOINT[2:] + MIDDLE_JOINT[2:] + END_JOINT[2:]),
)
"""The body's joints that the 12 landmarks ``LIMBS`` show, in the same order."""

_TURNED = np.array([0, 1, 2, 3, 6, 9, 13, 14, 16, 17, 18, 19, 4, 5])
"""Joints that turn: pelvis, hips, spine, collars, shoulders, elbows, knees."""

_STIFFNESS = 0.1 * np.array([1, 1, 1, 2, 2, 2, 3, 3, 1, 1, 1, 1, 1, 1])
"""Weight of a turn (radians squared) against a distance (metres squared times confidence)."""

_DEPTH = 0.5
"""Weight of depth against the picture's two directions, which are known better."""

_STEPS = 3
_LONGEST_TURN = 0.5


def _moves() -> FloatArray:
    """(12,14) 1 where a joint of ``_TURNED`` moves one of ``LIMB_JOINTS``, that is, lies above."""
    out = np.zeros((len(LIMB_JOINTS), len(_TURNED)))
    for row, joint in enumerate(LIMB_JOINTS):
        above = PARENTS[joint]
        while above >= 0:
            out[row, above == _TURNED] = 1
            above = PARENTS[above]
    return out


_MOVES = _moves()
_TURNED_ABOVE = PARENTS[_TURNED]


def refine(
    rotations: FloatArray, rest: FloatArray, points: FloatArray, weight: FloatArray
) -> FloatArray:
    """Rotations whose joints lie nearer to points.

    Minimises sum w |x - p - s|^2 + stiffness |turn|^2 over turns of 14 joints, where x are the 12
    limb joints, p their points and s a free shift of the whole body.

    Args:
        rotations: (N,24,3,3) relative to the parent, to begin with.
        rest: (N,24,3) joints of the T pose, metres.
        points: (N,12,3) where the limb joints should be, metres, camera axes.
        weight: (N,12) 0..1.

    Returns:
        (N,24,3,3), proper rotations.
    """
    n = len(rotations)
    if n == 0:
        return rotations
    local = np.array(rotations)
    w = weight[..., None] * np.array([1, 1, _DEPTH])
    share = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-9)
    stiff = np.repeat(_STIFFNESS, 3)
    total = np.zeros((n, len(stiff)))
    for _ in range(_STEPS):
        turned, joints = forward_kinematics(local, rest)
        off = points - joints[:, LIMB_JOINTS]
        off -= (off * share).sum(axis=1, keepdims=True)
        slope = _slopes(joints)
        slope -= (slope * share[..., None]).sum(axis=1, keepdims=True)
        rows = slope.reshape(n, -1, len(stiff))
        weighted = (rows * w.reshape(n, -1, 1)).swapaxes(1, 2)
        left = weighted @ rows
        left[:, np.arange(len(stiff)), np.arange(len(stiff))] += stiff
        right = (weighted @ off.reshape(n, -1, 1))[..., 0] - stiff * total
        turn = np.linalg.solve(left, right[..., None])[..., 0].reshape(n, -1, 3)
        length = np.linalg.norm(turn, axis=-1, keepdims=True)
        turn = turn * np.minimum(1, _LONGEST_TURN / np.maximum(length, 1e-9))
        total += turn.reshape(n, -1)
        above = turned[:, _TURNED_ABOVE]
        above[:, _TURNED_ABOVE < 0] = np.eye(3)
        local[:, _TURNED] = (
            transpose(above) @ axis_angle_to_matrix(turn) @ above @ local[:, _TURNED]
        )
    return local


def _slopes(joints: FloatArray) -> FloatArray:
    """(N,12,3,42) how the limb joints move with small turns, about the camera's axes.

    A turn w of joint i moves joint x below it by w x (x - x_i).
    """
    arm = joints[:, LIMB_JOINTS, None] - joints[:, None, _TURNED]
    arm *= _MOVES[..., None]
    out = np.zeros((*arm.shape[:2], 3, arm.shape[2], 3))
    out[..., 0, :, 1], out[..., 0, :, 2] = arm[..., 2], -arm[..., 1]
    out[..., 1, :, 0], out[..., 1, :, 2] = -arm[..., 2], arm[..., 0]
    out[..., 2, :, 0], out[..., 2, :, 1] = arm[..., 1], -arm[..., 0]
    return out.reshape(*arm.shape[:2], 3, -1)
