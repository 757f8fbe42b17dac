"""Results of the drawn clips from small files, and their truth.

usage: python tests/support/lens_results.py RESULTS.pkl PACKED.npz
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import joblib
import numpy as np

from humantrack import load_results
from humantrack.body.mannequin import load_mannequin
from humantrack.geometry.cameras import PaddedSquare, full_to_crop, project_to_square
from humantrack.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from humantrack.types import BodyBatch

DATA = Path(__file__).parents[1] / "data"

LIMBS = [17, 16, 19, 18, 21, 20, 2, 1, 5, 4, 8, 7]
"""Shoulders, elbows, wrists, hips, knees and ankles among SMPL's 24."""


def pack(results, packed):
    """Keep of a results file what says where people are, without ghosts."""
    rows = []
    for index, frame in enumerate(load_results(results).values()):
        for i in np.flatnonzero(np.array(frame["tracked_time"]) == 0):
            smpl, size = frame["smpl"][i], frame["size"][i]
            local = np.concatenate([smpl["global_orient"], smpl["body_pose"]])
            box, camera = frame["bbox"][i], frame["camera"][i]
            turns = matrix_to_axis_angle(local)
            rows.append((index, frame["tid"][i], box, camera, turns, smpl["betas"], size))
    frame, tid, box, camera, turns, betas, size = map(np.array, zip(*rows, strict=True))
    np.savez_compressed(
        packed,
        frame=frame.astype(np.int16),
        track_id=tid.astype(np.int16),
        xywh_px=box.astype(np.float32),
        cam_t=camera.astype(np.float32),
        axis_angle=turns.astype(np.float16),
        betas=betas.astype(np.float16),
        size=size[0],
    )


def unpack(packed, results):
    """Write a results file under PHALP's keys; joints are those of the shipped body."""
    with np.load(packed) as file:
        a = {name: file[name] for name in file.files}
    local = axis_angle_to_matrix(a["axis_angle"].astype(float)).astype(np.float32)
    betas, cam_t, count = a["betas"].astype(np.float32), a["cam_t"], len(local)
    bare = BodyBatch(
        global_orient=local[:, :1],
        body_pose=local[:, 1:],
        betas=betas,
        cam_crop=np.zeros((count, 3), np.float32),
        cam_t=cam_t,
        joints_3d=np.zeros((count, 45, 3), np.float32),
        joints_2d=np.zeros((count, 45, 2), np.float32),
    )
    joints = load_mannequin().joints(bare)
    pixels = project_to_square(joints, cam_t).astype(np.float32)
    square = PaddedSquare(*a["size"].tolist())
    xyxy = a["xywh_px"].copy()
    xyxy[:, 2:] += xyxy[:, :2]
    crops = full_to_crop(cam_t, xyxy, square).astype(np.float32)
    people = defaultdict(list)
    for i, index in enumerate(a["frame"].tolist()):
        people[index].append(i)
    frames = {}
    for index in range(int(a["frame"].max()) + 1):
        here = people[index]
        frames[f"clip/{index + 1:06d}.jpg"] = {
            "time": index,
            "shot": 0,
            "frame_path": f"clip/{index + 1:06d}.jpg",
            "tid": a["track_id"][here].tolist(),
            "tracked_ids": a["track_id"][here].tolist(),
            "tracked_bbox": list(a["xywh_px"][here]),
            "tracked_time": [0] * len(here),
            "bbox": list(a["xywh_px"][here]),
            "conf": [0.9] * len(here),
            "center": list((xyxy[here, :2] + xyxy[here, 2:]) / 2),
            "scale": [float(a["xywh_px"][i, 2:].max() / square.side) for i in here],
            "size": [a["size"].tolist() for _ in here],
            "camera": list(cam_t[here]),
            "camera_bbox": list(crops[here]),
            "3d_joints": list(joints[here]),
            "2d_joints": [row.ravel() for row in pixels[here]],
            "smpl": [
                {"global_orient": local[i, :1], "body_pose": local[i, 1:], "betas": betas[i]}
                for i in here
            ],
            "mask": [[] for _ in here],
        }
    joblib.dump(frames, results, compress=1)
    return results


def truth_of(clip):
    """The drawn truth of 'demo' or 'demo_small'."""
    with np.load(DATA / f"{clip}_gt.npz") as file:
        return {name: file[name] for name in file.files}


def true_person(truth, index, xywh_px):
    """Number of the person a box is on, if all but fully visible; else None."""
    there = np.flatnonzero(truth["present"][index] & (truth["visible"][index] > 0.95))
    low, high = np.array(xywh_px[:2]), np.array(xywh_px[:2]) + np.array(xywh_px[2:])
    best, found = 0.4, None
    for k in there.tolist():
        box = truth["box"][index, k]
        side = np.minimum(high, box[2:]) - np.maximum(low, box[:2])
        both = np.prod(np.maximum(side, 0))
        overlap = both / (np.prod(high - low) + np.prod(box[2:] - box[:2]) - both)
        if overlap > best:
            best, found = overlap, k
    return found


if __name__ == "__main__":
    pack(*sys.argv[1:])
