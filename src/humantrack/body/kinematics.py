"""Forward kinematics of SMPL's 24 joints, whatever body they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from humantrack.body.joints import SMPL_PARENTS

Array = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

JOINTS = len(SMPL_PARENTS)
PARENTS = np.array(SMPL_PARENTS)


def _levels() -> list[tuple[IntArray, IntArray]]:
    """Joints by their depth below the root, each with their parents: one product per depth."""
    depth = [0] * JOINTS
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        depth[joint] = depth[parent] + 1
    joints = [np.flatnonzero(np.array(depth) == d) for d in range(1, max(depth) + 1)]
    return [(j, PARENTS[j]) for j in joints]


_LEVELS = _levels()


def forward_kinematics(local: Array, rest: Array) -> tuple[Array, Array]:
    """Where the joints go.

    G_0 = R_0, J_0 = rest_0; for a joint j with parent p: G_j = G_p R_j and
    J_j = J_p + G_p (rest_j - rest_p).

    Args:
        local: (N,24,3,3) rotations, the root's first, the others relative to their parents.
        rest: (N,24,3) or (24,3) joints of the T pose.

    Returns:
        Global rotations (N,24,3,3) and joints (N,24,3), float64, in the root's outer axes.
    """
    turned = np.array(local, np.float64)
    joints = np.array(np.broadcast_to(rest, (len(turned), JOINTS, 3)), np.float64)
    offset = joints[:, 1:] - joints[:, PARENTS[1:]]
    for level, parents in _LEVELS:
        above = turned[:, parents]
        turned[:, level] = above @ turned[:, level]
        joints[:, level] = joints[:, parents] + (above @ offset[:, level - 1, :, None])[..., 0]
    return turned, joints
