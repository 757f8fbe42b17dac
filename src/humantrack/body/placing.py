"""Bodies seen in crops -> the same bodies in the padded square of their frame."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.cameras import PaddedSquare, crop_to_full, project_to_square
from humantrack.types import BodyBatch
from humantrack.types.arrays import FloatArray


def place_bodies(
    *,
    global_orient: FloatArray,
    body_pose: FloatArray,
    betas: FloatArray,
    cam_crop: FloatArray,
    joints: FloatArray,
    padded_xyxy_px: FloatArray,
    square: PaddedSquare,
) -> BodyBatch:
    """Move the cameras from the crops to the square, and project the joints.

    Args:
        global_orient: (N,1,3,3).
        body_pose: (N,23,3,3).
        betas: (N,10).
        cam_crop: (N,3) = (s,tx,ty).
        joints: (N,44,3) metres, without translation; a 45th, zero, shows the root's place.
        padded_xyxy_px: (N,4) the boxes that were cut.
        square: the frame's padded square.
    """
    cam_t = crop_to_full(cam_crop, padded_xyxy_px, square).astype(np.float32)
    joints = np.pad(joints, ((0, 0), (0, 1), (0, 0)))
    return BodyBatch(
        global_orient=global_orient,
        body_pose=body_pose,
        betas=betas,
        cam_crop=cam_crop,
        cam_t=cam_t,
        joints_3d=joints,
        joints_2d=project_to_square(joints, cam_t).astype(np.float32),
    )
