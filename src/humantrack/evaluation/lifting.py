"""Motion seen by a camera, placed in the world by a camera that is known."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.motion.camera import ray_rotations
from humantrack.types.arrays import FloatArray, IntArray


def before_real_camera(
    pelvis: FloatArray, size: IntArray, intrinsics: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Where people under PHALP's long lens stand before a real camera, and how they are turned.

    The pelvis stays where it is in the picture; its depth scales with the focal length, so that
    bodies keep their size there; the body is turned about it by its viewing ray, as PHALP's lens
    sees everybody as from straight ahead.

    Args:
        pelvis: (P,3) metres, under PHALP's lens (a joint and ``cam_t``).
        size: (P,2) H and W of the frames.
        intrinsics: (P,3,3) or (3,3) of the real camera, pixels.

    Returns:
        Pelvises (P,3) in metres and rotations (P,3,3), both in the real camera's axes.
    """
    intrinsics = np.broadcast_to(intrinsics, (len(pelvis), 3, 3)).astype(np.float64)
    side = size.max(axis=1)
    long_px = side * (FOCAL_PX / SQUARE_PX)
    centre = side[:, None] / 2 - (side[:, None] - size[:, ::-1]) // 2
    seen_px = pelvis[:, :2] / pelvis[:, 2:] * long_px[:, None] + centre
    focal = intrinsics[:, [0, 1], [0, 1]]
    across = (seen_px - intrinsics[:, :2, 2]) / focal
    depth = pelvis[:, 2] * np.sqrt(focal.prod(axis=1)) / long_px
    place = np.concatenate([across, np.ones((len(across), 1))], axis=1) * depth[:, None]
    return place, ray_rotations(place)
