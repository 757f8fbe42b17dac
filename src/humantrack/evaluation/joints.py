"""The 12 joints of the limbs that every body has: right before left, shoulders to ankles."""

from __future__ import annotations

LIMBS = tuple(
    side + joint
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("right ", "left ")
)
LIMBS_OF_45 = (2, 5, 3, 6, 4, 7, 9, 12, 10, 13, 11, 14)
"""Their places in ``3d_joints``, which begin with OpenPose's 25."""

LIMBS_OF_SMPL = (17, 16, 19, 18, 21, 20, 2, 1, 5, 4, 8, 7)
HIPS, ANKLES = (6, 7), (10, 11)
"""Places among the 12."""

PELVIS_OF_45 = 8
"""OpenPose's mid hip, which is SMPL's root."""
