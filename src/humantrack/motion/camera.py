"""PHALP's long lens -> a real camera's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from humantrack.motion.skeleton import PELVIS_ROW
from humantrack.results import PeopleColumns
from humantrack.types.arrays import FloatArray, IntArray


def through_lens(people: PeopleColumns, to_px: FloatArray | float | None) -> PeopleColumns:
    """The same people as a camera of another focal length sees them.

    A pelvis keeps its place in the picture, at a depth that scales with the focal length. The body
    is turned about it by :func:`ray_rotations`: its root rotation and its joints. The row of zeros
    among the joints, the body's origin, stays one.

    Args:
        people: P people with PHALP's focal length.
        to_px: the other camera's, one or (P,), in pixels of the frames; None changes nothing.
    """
    if to_px is None:
        return people
    rest = people.joints_3d[:, PELVIS_ROW].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        place = camera_with_focal(people.cam_t + rest, people.focal_px(), to_px)
    turn = np.tile(np.eye(3), (len(people), 1, 1))
    there = np.isfinite(place).all(axis=1) & (place[:, 2] > 0)
    turn[there] = ray_rotations(place[there])
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number stays none
        joints = rest[:, None] + (people.joints_3d - rest[:, None]) @ turn.transpose(0, 2, 1)
        joints[:, -1] = people.joints_3d[:, -1]
        orient = turn[:, None] @ people.global_orient
        return replace(
            people,
            cam_t=(place - rest).astype(people.cam_t.dtype),
            global_orient=orient.astype(people.global_orient.dtype),
            joints_3d=joints.astype(people.joints_3d.dtype),
        )


def camera_with_focal(
    cam_t: FloatArray, from_px: FloatArray, to_px: FloatArray | float | None
) -> FloatArray:
    """Translations (P,3) as a camera of another focal length sees the same people.

    A body keeps its place and size in the picture when its depth scales with the focal length.

    Args:
        cam_t: (P,3) metres.
        from_px: (P,) focal lengths they belong to, in pixels of the frames.
        to_px: the other camera's, one or (P,); None changes nothing.
    """
    if to_px is None:
        return cam_t
    scaled = cam_t.copy()
    scaled[:, 2] *= to_px / from_px
    return scaled


def usual_focal_px(size: FloatArray | IntArray) -> FloatArray:
    """(P,2) heights and widths -> (P,) the focal length to guess where nobody knows better.

    The picture's diagonal: a view of 53 degrees from corner to corner, about a 43 mm lens on
    35 mm film.
    """
    return np.hypot(size[:, 0], size[:, 1])


def ray_rotations(points: FloatArray) -> FloatArray:
    """(P,3) camera axes -> (P,3,3) the shortest turn from the optical axis to each point's ray.

    PHALP's lens is so long that it sees every body as from straight ahead. A body estimated from
    its crop therefore looks, to a real camera, as it does along its own ray: turned about its
    pelvis by this rotation, it faces where the person did.

    Args:
        points: in front of the camera (z > 0), in any unit: where the pelvises are.

    Source:
        Rodrigues' formula for the axis (-y, x, 0) and the angle between (0, 0, 1) and (x, y, z).
    """
    x, y, z = (points / np.linalg.norm(points, axis=1, keepdims=True)).T
    part = 1 / (1 + z)
    rows = [1 - part * x * x, -part * x * y, x, -part * x * y, 1 - part * y * y, y, -x, -y, z]
    return np.stack(rows, axis=1).reshape(-1, 3, 3)
