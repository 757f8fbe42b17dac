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


def _levels() -> list[tuple[slice, slice | IntArray]]:
    """Joints by their depth below the root, each with their parents: one product per depth.

    Those of a depth follow one another; where their parents do too, slices save copies.
    """
    depth = [0] * JOINTS
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        depth[joint] = depth[parent] + 1
    out: list[tuple[slice, slice | IntArray]] = []
    for d in range(1, max(depth) + 1):
        joints = slice(depth.index(d), depth.index(d) + depth.count(d))
        parents = PARENTS[joints]
        if (parents == parents[0]).all():
            out.append((joints, slice(parents[0], parents[0] + 1)))
        elif (np.diff(parents) == 1).all():
            out.append((joints, slice(parents[0], parents[-1] + 1)))
        else:
            out.append((joints, parents))
    return out


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
    rest = np.asarray(rest, np.float64)
    motion = np.zeros((len(local), JOINTS, 4, 4))  # turns and offsets in one
    motion[..., :3, :3] = local
    motion[..., :3, 3] = rest
    motion[:, 1:, :3, 3] -= rest[..., PARENTS[1:], :]
    motion[..., 3, 3] = 1
    for level, parents in _LEVELS:
        motion[:, level] = motion[:, parents] @ motion[:, level]
    return motion[..., :3, :3].copy(), motion[..., :3, 3].copy()
