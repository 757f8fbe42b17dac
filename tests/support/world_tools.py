"""Worlds made of results files and a camera that is known, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.results import iter_results
from humantrack.types.world import WorldFrame, WorldPerson
from humantrack.world.file import WorldWriter

FACTS = {"lens": {"focal_px": 800.0, "how": "given"}, "camera": [{"kind": "free"}]}

Camera = tuple[np.ndarray, np.ndarray, float]
"""Rotation, position, focal length in pixels."""


def moving_camera(index: int) -> Camera:
    """A camera 1.5 m above the floor that travels, turns and looks slightly down."""
    pitch = axis_angle_to_matrix(np.array([0.1 + np.pi, 0, 0]))
    turn = axis_angle_to_matrix(np.array([0, 0.01 * index, 0]))
    return pitch @ turn, np.array([0.05 * index, 1.5, -0.02 * index]), 800.0


def still_camera(index: int) -> Camera:
    """A camera 1.5 m above the floor that looks level along -z."""
    return np.diag([1.0, -1.0, -1.0]), np.array([0, 1.5, 0]), 800.0


def lifted(
    key: Any, frame: dict[str, Any], camera: Callable[[int], Camera] = moving_camera, shot: int = 0
) -> WorldFrame:
    """A frame of results as this camera would have seen it, everybody 1/50 as far away."""
    index = frame["time"]
    rotation, position, focal_px = camera(index)
    people = []
    for i, track_id in enumerate(frame["tid"]):
        if frame["tracked_time"][i] > 0:
            continue
        place = frame["camera"][i] * (0.02, 0.02, 0.02)
        joints = (frame["3d_joints"][i] + place) @ rotation + position
        people.append(
            WorldPerson(
                track_id=track_id,
                is_observed=True,
                root_position=joints[8],
                root_rotation=rotation.T @ frame["smpl"][i]["global_orient"][0],
                body_pose=frame["smpl"][i]["body_pose"],
                betas=frame["smpl"][i]["betas"],
                joints=joints,
                contacts=np.array([index % 2, 0, 1, track_id % 2], bool),
                confidence=0.5 + 0.01 * track_id,
            )
        )
    return WorldFrame(
        index=index,
        time_s=float(frame["time_s"]),
        shot=shot,
        camera_rotation=rotation,
        camera_position=position,
        focal_px=focal_px,
        centre_px=np.array([320.0, 240.0]),
        people=tuple(people),
    )


def lifted_frames(
    results: Path, camera: Callable[[int], Camera] = moving_camera
) -> Iterator[WorldFrame]:
    """Every frame of a results file, lifted; cuts count."""
    shot = 0
    for key, frame in iter_results(results):
        shot += bool(frame["shot"])
        yield lifted(key, frame, camera, shot)


def make_world(results: Path, camera: Callable[[int], Camera] = moving_camera) -> Path:
    """Write the world file beside a results file."""
    with WorldWriter(results) as writer:
        for frame in lifted_frames(results, camera):
            writer.write(frame)
        writer.facts.update(FACTS)
    return writer.path
