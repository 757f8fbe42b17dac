"""Measures of 3D joints that only the real clips need; the others are humantrack.evaluation's.

Joints are the 12 of the limbs (shoulders, elbows, wrists, hips, knees, ankles), right before left,
in metres and the camera's axes, with the middle of the hips at the origin.
"""

from __future__ import annotations

import numpy as np

from humantrack.evaluation.joints import LIMBS, LIMBS_OF_45

NAMES = LIMBS
OF_BODY25 = list(LIMBS_OF_45)
"""Their places in ``3d_joints`` and ``2d_joints``, which begin with OpenPose's 25."""

OF_BLAZEPOSE = [12, 11, 14, 13, 16, 15, 24, 23, 26, 25, 28, 27]
OTHER_SIDE = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]
HIPS, SHOULDERS = [6, 7], [0, 1]

ANGLES = {
    "knee": ("hip", "knee", "ankle"),
    "hip": ("shoulder", "hip", "knee"),
    "elbow": ("shoulder", "elbow", "wrist"),
}
"""The angle at the middle one of three joints."""


def at_hips(joints: np.ndarray) -> np.ndarray:
    """(...,12,3) moved so that the middle of the hips is the origin."""
    return joints - joints[..., HIPS, :].mean(axis=-2, keepdims=True)


def to_axis(point: np.ndarray) -> np.ndarray:
    """(3,3) the shortest rotation that brings a point of the camera's axes onto its z axis."""
    ray = point / np.linalg.norm(point)
    axis = np.cross(ray, [0, 0, 1])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + ray[2])


def angles_deg(joints: np.ndarray, name: str) -> np.ndarray:
    """(...,2) angle of ``ANGLES`` on the right and the left, 180 = straight."""
    sides = []
    for side in ("right ", "left "):
        a, at, b = (joints[..., NAMES.index(side + joint), :] for joint in ANGLES[name])
        u, v = a - at, b - at
        cosine = (u * v).sum(-1) / np.linalg.norm(u, axis=-1) / np.linalg.norm(v, axis=-1)
        sides.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.stack(sides, axis=-1)


class Intervals:
    """How many errors lie within the radii that were stated for them."""

    def __init__(self) -> None:
        self._inside: list[np.ndarray] = []

    def add(self, errors_mm: np.ndarray, stated_mm: np.ndarray | None) -> None:
        """Errors (12,) and the radii (45,2) within which 50 % and 90 % should lie, if stated."""
        if stated_mm is not None:
            self._inside.append(errors_mm[:, None] < np.asarray(stated_mm)[OF_BODY25])

    def shares(self) -> dict[str, float]:
        """Share of errors inside either radius, and how many there were; empty if none."""
        if not self._inside:
            return {}
        inside = np.concatenate(self._inside)
        half, most = inside.mean(axis=0)
        return {"inside_50": float(half), "inside_90": float(most), "intervals": len(inside)}
