"""Where the heads of drawn people are, by their truth."""

from __future__ import annotations

import numpy as np

HEAD_M = 0.12
"""Radius of a ball that holds a drawn head, from chin to crown."""

_SPINE = (3, 6, 9, 12, 15)
"""Joints from the root to the head in SMPL's order."""


def disc_of_head(truth, frame: int, person: int, shape: tuple[int, int]) -> np.ndarray:
    """(H,W) bool: where a head is, by the truth."""
    turn = truth["global_orient"][frame, person]
    for joint in _SPINE:
        turn = turn @ truth["body_pose"][frame, person, joint - 1]
    middle = truth["joints3d"][frame, person, 15] + turn @ (0, 0.07, 0.03)
    x, y = (truth["K"] @ middle)[:2] / middle[2]
    radius = truth["K"][0, 0] * HEAD_M / middle[2]
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 < radius**2)
