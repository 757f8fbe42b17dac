"""A walk of the synthetic SMPL body before a moving camera, and results that hold it."""

from __future__ import annotations

from typing import Any

import numpy as np
from eval_tools import Person
from golden_rule import synthetic_smpl

from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.motion.camera import ray_rotations
from humantrack.types import BodyBatch

SIZE = (480, 640)
STANDS_FROM = 12


def smpl_walk(count: int = 20, seed: int = 0) -> dict[str, Any]:
    """Truth of T frames: the body walks, and stands still from frame ``STANDS_FROM`` on."""
    rng = np.random.default_rng(seed)
    time = np.minimum(np.arange(count), STANDS_FROM)[:, None]
    poses = 0.1 * rng.normal(size=72) + 0.02 * rng.normal(size=72) * time
    poses[:, :3] = [0.1, 0.3, 0.05]
    trans = np.array([0.2, 1.0, 0.0]) + np.array([0.04, 0, 0.01]) * time
    turn = axis_angle_to_matrix(np.array([[np.pi + 0.02, 0.005 * t, 0.01] for t in range(count)]))
    position = np.array([0.0, 1.2, 4.0]) + np.array([0.02, 0, 0]) * np.arange(count)[:, None]
    extrinsics = np.tile(np.eye(4), (count, 1, 1))
    extrinsics[:, :3, :3] = turn
    extrinsics[:, :3, 3] = -(turn @ position[..., None])[..., 0]
    walk = {
        "poses": poses,
        "trans": trans,
        "betas": rng.normal(0, 0.5, 10),
        "K": np.array([[600.0, 0, 320], [0, 600.0, 240], [0, 0, 1]]),
        "extrinsics": extrinsics,
        "size": SIZE,
    }
    vertices = in_world(walk)[0]
    seen = vertices @ turn.transpose(0, 2, 1) + extrinsics[:, None, :3, 3]
    px = (seen @ walk["K"].T)[..., :2] / seen[..., 2:]
    boxes = np.concatenate([px.min(axis=1), px.max(axis=1)], axis=-1)
    return walk | {"boxes": np.clip(boxes, 0, [640, 480, 640, 480])}


def posed(rotations: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Surface, PHALP's 45 joints and root joint by smplx, in float32."""
    bodies = BodyBatch(
        global_orient=rotations[:, :1].astype(np.float32),
        body_pose=rotations[:, 1:].astype(np.float32),
        betas=np.tile(betas, (len(rotations), 1)).astype(np.float32),
        cam_crop=np.zeros((len(rotations), 3), np.float32),
        cam_t=np.zeros((len(rotations), 3), np.float32),
        joints_3d=np.zeros((len(rotations), 45, 3), np.float32),
        joints_2d=np.zeros((len(rotations), 45, 2), np.float32),
    )
    model = synthetic_smpl()
    joints = model.joints(bodies).astype(float)
    return model.vertices(bodies).astype(float), joints, joints[:, 8]


def in_world(walk: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Surface and pelvis of the walk, world axes."""
    rotations = axis_angle_to_matrix(walk["poses"].reshape(-1, 24, 3))
    vertices, _, root = posed(rotations, walk["betas"])
    return vertices + walk["trans"][:, None], root + walk["trans"]


def people_of_walk(walk: dict[str, Any], *, along_ray: bool) -> list[list[Person]]:
    """Results with the truth: as PHALP's lens sees it (``along_ray``), or with its rotations."""
    rotations = axis_angle_to_matrix(walk["poses"].reshape(-1, 24, 3))
    camera = walk["extrinsics"]
    pelvis = in_world(walk)[1]
    pelvis = (camera[:, :3, :3] @ pelvis[..., None])[..., 0] + camera[:, :3, 3]
    root = camera[:, :3, :3] @ rotations[:, 0]
    if along_ray:
        root = ray_rotations(pelvis).transpose(0, 2, 1) @ root
    rotations[:, 0] = root
    _, joints, at = posed(rotations, walk["betas"])
    height, width = walk["size"]
    long_px = FOCAL_PX * width / SQUARE_PX
    px = (pelvis @ walk["K"].T)[:, :2] / pelvis[:, 2:]
    depth = pelvis[:, 2] * long_px / 600
    place = np.column_stack([(px - [width / 2, height / 2]) / long_px * depth[:, None], depth])
    return [
        [Person(1, walk["boxes"][t], joints[t], place[t] - at[t], rotations[t], walk["betas"])]
        for t in range(len(rotations))
    ]
