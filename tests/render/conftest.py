"""A frame and people to draw over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from humantrack.body import load_mannequin
from humantrack.geometry.cameras import PaddedSquare, project_to_square
from humantrack.types import BodyBatch, Frame, FrameRecord, Observation, TrackedPerson

HEIGHT, WIDTH = 180, 320


@pytest.fixture(scope="session")
def body():
    return load_mannequin()


@pytest.fixture
def frame(make_frame) -> Frame:
    """A picture with a gradient and stripes, so that nothing drawn is lost in it."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([90 + x * 0.3, 120 + y * 0.4, 150 - x * 0.2 + 12 * (x // 20 % 2)], axis=-1)
    return make_frame(height=HEIGHT, width=WIDTH, rgb=rgb.astype(np.uint8))


@pytest.fixture(scope="session")
def pose():
    """Rotations of someone who walks, arms down, facing the camera but turned by an angle."""

    def build(turn: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
        local = np.tile(np.eye(3), (23, 1, 1))
        for joint, axis, angle in (
            *((16, 2, -1.2), (17, 2, 1.2)),  # upper arms down
            *((18, 1, -0.6), (19, 1, 0.6)),  # elbows
            *((1, 0, -0.5), (2, 0, 0.4), (4, 0, 0.3), (5, 0, 0.5)),  # a step
        ):
            local[joint - 1] = _about(axis, angle)
        upright = np.diag([1.0, -1.0, -1.0]) @ _about(1, turn)
        return upright[None].astype(np.float32), local.astype(np.float32)

    return build


def _about(axis: int, angle: float) -> np.ndarray:
    turned = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turned[i, i] = turned[j, j] = np.cos(angle)
    turned[j, i], turned[i, j] = np.sin(angle), -np.sin(angle)
    return turned


@pytest.fixture
def person(body, pose, make_observation):
    """Builds a TrackedPerson of the mannequin at a place in metres, with joints, box and mask."""

    def build(
        track_id: int = 1, at=(0.0, 0.1, 100.0), missed: int = 0, turn: float = 0.4, **changes: Any
    ) -> TrackedPerson:
        orient, local = pose(turn)
        cam_t = np.array(at, np.float32)
        alone = {
            "global_orient": orient,
            "body_pose": local,
            "betas": np.zeros(10, np.float32),
            "cam_crop": np.array([1, 0, 0], np.float32),
            "cam_t": cam_t,
        }
        empty = {"joints_3d": np.zeros((1, 45, 3)), "joints_2d": np.zeros((1, 45, 2))}
        batch = BodyBatch(**{k: v[None] for k, v in alone.items()}, **empty)
        joints = body.joints(batch)
        square = PaddedSquare(HEIGHT, WIDTH)
        surface = square.project(body.vertices(batch)[0] + cam_t)
        x0, y0, x1, y1 = box = np.concatenate([surface.min(0), surface.max(0)]).astype(np.float32)
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        inside = (2 * x - x0 - x1) ** 2 / (x1 - x0) ** 2 + (2 * y - y0 - y1) ** 2 / (y1 - y0) ** 2
        rle = coco_mask.encode(np.asfortranarray((inside < 1).astype(np.uint8)))
        values: dict[str, Any] = {
            **alone,
            "joints_3d": joints[0],
            "joints_2d": project_to_square(joints, cam_t[None])[0],
            "xyxy_px": box,
            "image_size": (HEIGHT, WIDTH),
            "mask": {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()},
        }
        seen: Observation = make_observation(**{**values, **changes})
        return TrackedPerson(track_id=track_id, missed=missed, observation=seen)

    return build


@pytest.fixture
def record():
    """Builds a FrameRecord of people."""

    def build(*people: TrackedPerson) -> FrameRecord:
        return FrameRecord(
            index=0,
            source_index=0,
            key="clip/000001.jpg",
            time_s=0.0,
            is_shot_start=False,
            image_size=(HEIGHT, WIDTH),
            people=people,
        )

    return build
