"""Landmarks -> bodies: lift into space, solve for the rotations, place before the camera."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from humantrack.blazepose.camera import translation, weak_camera
from humantrack.blazepose.hidden import inside, straighten_hidden
from humantrack.blazepose.inverse_kinematics import (
    END_JOINT,
    MIDDLE_JOINT,
    ROOT_JOINT,
    InverseKinematics,
)
from humantrack.blazepose.lift import LIMBS, lift, raise_hips, weights
from humantrack.body import Mannequin
from humantrack.geometry.cameras import PaddedSquare, full_to_crop, project_to_square
from humantrack.types import BodyBatch
from humantrack.types.arrays import FloatArray

LIMB_JOINTS = (
    *(ROOT_JOINT[:2] + MIDDLE_JOINT[:2] + END_JOINT[:2]),
    *(ROOT_JOINT[2:] + MIDDLE_JOINT[2:] + END_JOINT[2:]),
)
"""The body's joints that the 12 landmarks ``LIMBS`` show, in the same order."""

_TALLEST_M = 4.0
"""Nobody is seen so small that his box would be this large: bounds the scale from below."""


def fit_bodies(  # noqa: PLR0917
    xy_px: FloatArray,
    world: FloatArray,
    visibility: FloatArray,
    padded_xyxy_px: FloatArray,
    height: int,
    width: int,
    body: Mannequin,
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
    points, scale = lift(xy, world, visibility, least_scale)
    trust = inside(xy, scale, height, width)
    points, seen = raise_hips(points), raise_hips(xy)
    rotations = solve(straighten_hidden(points, trust, visibility))

    orient, pose, betas = rotations[:, :1], rotations[:, 1:], np.zeros((n, 10))
    turned, joints = body.forward_kinematics(orient, pose, betas)
    joints_3d = body.phalp_joints(turned, joints, betas)
    weight = weights(visibility * trust)
    camera = weak_camera(joints[:, LIMB_JOINTS], seen[:, LIMBS], weight, least_scale)
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
