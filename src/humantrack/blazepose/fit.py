"""Landmarks -> bodies: lift into space, solve for the rotations, place before the camera."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from humantrack.blazepose.camera import translation, weak_camera
from humantrack.blazepose.inverse_kinematics import (
    END_JOINT,
    MIDDLE_JOINT,
    ROOT_JOINT,
    InverseKinematics,
)
from humantrack.blazepose.lift import LIMBS, lift, raise_hips, weights
from humantrack.body import Mannequin
from humantrack.geometry.cameras import PaddedSquare, full_to_crop, project_to_square
from humantrack.geometry.rotations import geodesic_angle
from humantrack.types import BodyBatch
from humantrack.types._check import FloatArray

LIMB_JOINTS = (
    *(ROOT_JOINT[:2] + MIDDLE_JOINT[:2] + END_JOINT[:2]),
    *(ROOT_JOINT[2:] + MIDDLE_JOINT[2:] + END_JOINT[2:]),
)
"""The body's joints that the 12 landmarks ``LIMBS`` show, in the same order."""

MIRROR = (
    *(0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    *(18, 17, 20, 19, 22, 21, 24, 23, 26, 25, 28, 27, 30, 29, 32, 31),
)
"""The same landmark on the other side of the body."""

_TALLEST_M = 4.0
"""Nobody is seen so small that his box would be this large: bounds the scale from below."""

_MAX_TURN = np.deg2rad(90)
"""Nobody turns further from one frame to the next."""


def fit_bodies(  # noqa: PLR0917
    xy_px: FloatArray,
    world: FloatArray,
    visibility: FloatArray,
    padded_xyxy_px: FloatArray,
    height: int,
    width: int,
    body: Mannequin,
    *,
    previous: FloatArray | None = None,
) -> BodyBatch:
    """Bodies of N people of one frame; betas are 0, the mean adult.

    Args:
        xy_px: (N,33,2) landmarks in image pixels.
        world: (N,33,3) world landmarks, metres, camera axes.
        visibility: (N,33) 0..1.
        padded_xyxy_px: (N,4) boxes of aspect 3:4 that the crop cameras refer to.
        height: rows of the image.
        width: columns of the image.
        body: the body model.
        previous: (N,3,3) rotations of the roots in the frame before, NaN for new people; a turn
            of more than 90 degrees since then is taken for a mix-up of left and right.

    Returns:
        The bodies, float32; rotations are proper whatever the landmarks are (if finite).
    """
    n = len(xy_px)
    if n == 0:
        return BodyBatch.empty()
    square, solve = PaddedSquare(height, width), _solver(body)
    boxes = np.asarray(padded_xyxy_px, np.float64)
    side = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 1.0)
    least_scale = side / _TALLEST_M

    xy = np.asarray(xy_px, np.float64)
    points, _ = lift(xy, world, visibility, least_scale)
    points, seen = raise_hips(points), raise_hips(xy)
    rotations = solve(points)
    if previous is not None:
        mixed_up = np.flatnonzero(geodesic_angle(previous, rotations[:, 0]) > _MAX_TURN)
        if len(mixed_up):
            rotations[mixed_up] = solve(points[mixed_up][:, MIRROR])
            seen[mixed_up] = seen[mixed_up][:, MIRROR]

    orient, pose, betas = rotations[:, :1], rotations[:, 1:], np.zeros((n, 10))
    turned, joints = body.forward_kinematics(orient, pose, betas)
    joints_3d = body.phalp_joints(turned, joints, betas)
    camera = weak_camera(joints[:, LIMB_JOINTS], seen[:, LIMBS], weights(visibility), least_scale)
    cam_t = translation(*camera, square)
    f32 = np.float32
    return BodyBatch(
        global_orient=orient.astype(f32),
        body_pose=pose.astype(f32),
        betas=betas.astype(f32),
        cam_crop=full_to_crop(cam_t, boxes, square).astype(f32),
        cam_t=cam_t.astype(f32),
        joints_3d=joints_3d,
        joints_2d=project_to_square(joints_3d, cam_t).astype(f32),
    )


@lru_cache(maxsize=4)
def _solver(body: Mannequin) -> InverseKinematics:
    """The solver for a body's mean adult."""
    return InverseKinematics(body.rest_joints())
