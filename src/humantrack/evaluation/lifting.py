"""Motion seen by a camera, placed in the world by a camera that is known."""

from __future__ import annotations

import numpy as np

from humantrack.evaluation.joints import PELVIS_OF_45
from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.motion.camera import ray_rotations
from humantrack.types.arrays import FloatArray, IntArray


def to_real_camera(
    joints: FloatArray, cam_t: FloatArray, size: IntArray, intrinsics: FloatArray
) -> FloatArray:
    """People under PHALP's long lens -> the same people before a real camera.

    The pelvis stays where it is in the picture; its depth scales with the focal length, so that
    bodies keep their size there; the body is turned about it by its viewing ray, as PHALP's lens
    sees everybody as from straight ahead.

    Args:
        joints: (P,J,3) metres without translation, PHALP's 45 first, or at least their pelvis.
        cam_t: (P,3) metres.
        size: (P,2) H and W of the frames.
        intrinsics: (P,3,3) or (3,3) of the real camera, pixels.

    Returns:
        (P,J,3) metres in the real camera's axes.
    """
    intrinsics = np.broadcast_to(intrinsics, (len(joints), 3, 3)).astype(np.float64)
    side = size.max(axis=1)
    long_px = side * (FOCAL_PX / SQUARE_PX)
    centre = side[:, None] / 2 - (side[:, None] - size[:, ::-1]) // 2
    pelvis = joints[:, PELVIS_OF_45] + cam_t
    seen_px = pelvis[:, :2] / pelvis[:, 2:] * long_px[:, None] + centre
    focal = intrinsics[:, [0, 1], [0, 1]]
    across = (seen_px - intrinsics[:, :2, 2]) / focal
    depth = pelvis[:, 2] * np.sqrt(focal.prod(axis=1)) / long_px
    place = np.concatenate([across, np.ones((len(across), 1))], axis=1) * depth[:, None]
    bare = joints - joints[:, PELVIS_OF_45, None]
    return np.asarray(bare @ ray_rotations(place).transpose(0, 2, 1) + place[:, None])


def to_world(points: FloatArray, rotation: FloatArray, position: FloatArray) -> FloatArray:
    """Camera points (P,J,3) -> world: R^T x + position, with X_camera = R (X_world - position).

    Args:
        points: metres.
        rotation: (P,3,3) world to camera.
        position: (P,3) of the camera.
    """
    return np.asarray(points @ rotation + position[:, None])
