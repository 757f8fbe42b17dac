"""Results of people made up, written by an exact estimator that takes everybody for an adult."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from world_cases import results_of, with_people

from humantrack.body.kinematics import forward_kinematics
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.motion.camera import ray_rotations
from humantrack.results import iter_results
from humantrack.results.encode import END, HEADER, encode_frame
from humantrack.world.bodies import TrackBody
from humantrack.world.stretch import View

SIZE = 480, 854
_TRUST = ("joint_confidence", "joint_error_mm", "joint_source")


@dataclass(frozen=True)
class Walker:
    """Somebody on the floor of the world."""

    local: np.ndarray
    pelvis: np.ndarray
    size: float = 1.0

    def moved(self, turn_deg: float, to: Sequence[float], size: float = 1.0) -> Walker:
        """The same walk, turned about y, smaller or larger, its middle at (x, z)."""
        turn = axis_angle_to_matrix(np.array([0, np.radians(turn_deg), 0]))
        local = self.local.copy()
        local[:, 0] = turn @ local[:, 0]
        middle = self.pelvis.mean(axis=0) * [1, 0, 1]
        pelvis = size * ((self.pelvis - middle) @ turn.T) + np.array([to[0], 0, to[1]])
        return Walker(local, pelvis, size)


def looking_down(count: int, focal_px: float, height: float, pitch_deg: float) -> View:
    """A camera that stands still above the origin and looks along -z and down."""
    tilt = axis_angle_to_matrix(np.array([np.radians(pitch_deg), 0, 0]))
    return View(
        rotation=np.tile(tilt @ np.diag([1.0, -1, -1]), (count, 1, 1)),
        position=np.tile([0, height, 0.0], (count, 1)),
        focal_px=np.full(count, focal_px),
        centre_px=np.tile(np.array(SIZE[::-1]) / 2, (count, 1)),
    )


def _seen(walker: Walker, view: View, person: TrackBody) -> list[dict[str, Any]]:
    """By frame, PHALP's entries of one person."""
    turned, joints = forward_kinematics(walker.local, person.rest)
    world = walker.size * person.joints45(turned, joints) + walker.pelvis[:, None]
    place = view.to_camera(world)
    px = view.focal_px[:, None, None] * place[..., :2] / place[..., 2:] + view.centre_px[:, None]
    pelvis = view.to_camera(walker.pelvis[:, None])[:, 0]
    to_crop = np.swapaxes(ray_rotations(pelvis), 1, 2) @ view.rotation
    body = (to_crop[:, None] @ (world - walker.pelvis[:, None])[..., None])[..., 0] / walker.size
    root = to_crop @ walker.local[:, 0]
    side = max(SIZE)
    square = (px + (side - np.array(SIZE[::-1])) // 2) / side
    near, far = px.min(axis=1), px.max(axis=1)
    depth = side * (5000 / 256) * pelvis[:, 2] / (walker.size * view.focal_px)
    return [
        {
            "bbox": np.concatenate([near[i], far[i] - near[i]]).astype(np.float32),
            "camera": np.array([0, 0, depth[i]], np.float32),
            "3d_joints": body[i].astype(np.float32),
            "2d_joints": square[i].ravel().astype(np.float32),
            "smpl": {
                "global_orient": root[i, None].astype(np.float32),
                "body_pose": walker.local[i, 1:].astype(np.float32),
                "betas": person.betas.astype(np.float32),
            },
        }
        for i in range(len(walker.pelvis))
    ]


def write_people(
    path: Path, walkers: Sequence[Walker], view: View, person: TrackBody, *, is_rated: bool = True
) -> Path:
    """Results in which they are seen 30 times a second, with track ids from 1.

    Args:
        path: of the results.
        walkers: who walks.
        view: the camera.
        person: the body that the estimator takes everybody for.
        is_rated: whether the results say how far joints are to be trusted, as HMR2's do not.
    """
    _, template = next(iter(iter_results(results_of("pan"))))
    every = [_seen(walker, view, person) for walker in walkers]
    stream = zlib.compressobj(1)
    data = [stream.compress(HEADER)]
    for i in range(len(view.position)):
        frame = with_people(template, [0] * len(walkers))
        frame |= {key: [seen[i][key] for seen in every] for key in every[0][i]}
        frame |= {"tid": [n + 1 for n in range(len(every))], "time": i, "time_s": i / 30}
        if not is_rated:
            frame = {key: value for key, value in frame.items() if key not in _TRUST}
        data.append(stream.compress(encode_frame(f"x/{i:06d}.jpg", frame)))
    path.write_bytes(b"".join([*data, stream.compress(END), stream.flush()]))
    return path
