"""Results files whose people are exactly where a test wants them, for the tests of scoring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from humantrack.body.joints import OPENPOSE_OF_45
from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX
from humantrack.motion.camera import ray_rotations


@dataclass
class Person:
    """Somebody seen in a frame."""

    track_id: int
    xyxy: Iterable[float]
    joints: np.ndarray = field(default_factory=lambda: np.zeros((45, 3)))
    cam_t: np.ndarray = field(default_factory=lambda: np.array([0.0, 0, 40]))
    rotations: np.ndarray = field(default_factory=lambda: np.tile(np.eye(3), (24, 1, 1)))
    betas: np.ndarray = field(default_factory=lambda: np.zeros(10))
    missed: int = 0


def joints_45(joints: np.ndarray) -> np.ndarray:
    """SMPL's 24 (...,24,3) at their places among PHALP's 45, pelvis at the origin."""
    bare = joints - joints[..., :1, :]
    out = np.zeros((*joints.shape[:-2], 45, 3))
    for row, joint in enumerate(OPENPOSE_OF_45):
        if joint < 24:
            out[..., row, :] = bare[..., joint, :]
    return out


def under_long_lens(
    joints: np.ndarray, root: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body (24,3) before a real camera, as PHALP's lens sees it: joints (45,3), cam_t, root."""
    pelvis = joints[0]
    turn = ray_rotations(pelvis[None])[0]
    height, width = size
    side = max(size)
    long_px = FOCAL_PX * side / SQUARE_PX
    centre = side / 2 - np.array([(side - width) // 2, (side - height) // 2])
    pixel = intrinsics @ (pelvis / pelvis[2])
    depth = pelvis[2] * long_px / np.sqrt(intrinsics[0, 0] * intrinsics[1, 1])
    cam_t = np.append((pixel[:2] - centre) / long_px, 1) * depth
    return joints_45((joints - pelvis) @ turn), cam_t, turn.T @ root


def write_results(
    path: Path,
    frames: Iterable[Iterable[Person]],
    *,
    size: tuple[int, int] = (480, 640),
    fps: float | None = 30,
    name: str | None = None,
    change: Callable[[dict[str, Any]], None] = lambda frame: None,
) -> Path:
    """Write a file with PHALP's keys; ``change`` may spoil a frame."""
    content = {}
    for t, people in enumerate(frames):
        frame = _frame(t, list(people), size, fps)
        change(frame)
        content[f"clip/{t + 1:06d}.jpg"] = frame
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(content, path, compress=3)
    if fps is not None:
        source = {"name": name or path.stem, "path": f"{name or path.stem}.mp4", "fps": fps}
        meta = {"source": source | {"width": size[1], "height": size[0], "kind": "video"}}
        path.with_suffix(".meta.json").write_text(json.dumps(meta))
    return path


def _frame(t: int, people: list[Person], size: tuple[int, int], fps: float | None) -> dict:
    boxes = [np.asarray(list(p.xyxy), np.float32) for p in people]
    boxes = [np.concatenate([b[:2], b[2:] - b[:2]]) for b in boxes]
    frame = {
        "time": t,
        "shot": 0,
        "frame_path": f"clip/{t + 1:06d}.jpg",
        "tracked_ids": [p.track_id for p in people if not p.missed],
        "tracked_bbox": [b for b, p in zip(boxes, people, strict=True) if not p.missed],
        "tid": [p.track_id for p in people],
        "bbox": boxes,
        "tracked_time": [p.missed for p in people],
        "center": [b[:2] + b[2:] / 2 for b in boxes],
        "scale": [1.0 for _ in people],
        "size": [list(size) for _ in people],
        "conf": [np.float32(0.9) for _ in people],
        "smpl": [
            {
                "global_orient": p.rotations[:1].astype(np.float32),
                "body_pose": p.rotations[1:].astype(np.float32),
                "betas": p.betas.astype(np.float32),
            }
            for p in people
        ],
        "camera": [p.cam_t.astype(np.float32) for p in people],
        "camera_bbox": [np.zeros(3, np.float32) for _ in people],
        "3d_joints": [p.joints.astype(np.float32) for p in people],
        "2d_joints": [np.zeros(90, np.float32) for _ in people],
        "mask": [[] for _ in people],
    }
    if fps is not None:
        frame["time_s"] = t / fps
    return frame


def people_of(truth: dict[str, np.ndarray], *, least_visible: float = 0.1) -> list[list[Person]]:
    """The people of a drawn clip's truth, exactly where they are; ids count from 1."""
    joints = truth.get("joints3d", truth.get("joints_cam")).astype(float)
    root = truth.get("global_orient", truth.get("global_orient_cam")).astype(float)
    size = tuple(int(n) for n in truth["size"][::-1])
    rows: list[list[Person]] = []
    for t in range(len(truth["present"])):
        rows.append([])
        for k in np.flatnonzero(truth["present"][t] & (truth["visible"][t] > least_visible)):
            at, cam_t, turned = under_long_lens(
                joints[t, k], root[t, k].reshape(3, 3), truth["K"].astype(float), size
            )
            rotations = np.concatenate([turned[None], truth["body_pose"][t, k]])
            rows[-1].append(
                Person(
                    track_id=int(k) + 1,
                    xyxy=truth["box"][t, k].astype(float),
                    joints=at,
                    cam_t=cam_t,
                    rotations=rotations,
                    betas=truth["betas"][k],
                )
            )
    return rows


def load_truth(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}
