"""Compares a results file with the ground truth of a shipped clip.

usage: python scripts/quality.py RESULTS.pkl tests/data/demo_gt.npz

Boxes count when more than a tenth of the person is visible, and are hit at IoU > 0.4; a box on a
person who is hidden is neither right nor wrong. Identities are scored by motmetrics. Joint errors
are over 12 joints (shoulders to ankles) of people who are all but fully visible (> 0.95), with the
middle of the hips at the origin; "aligned" after the best similarity transform.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import motmetrics
import numpy as np

from humantrack import load_results
from humantrack.body import load_mannequin
from humantrack.geometry.boxes import iou, xywh_to_xyxy
from humantrack.geometry.cameras import PaddedSquare

JOINTS = [16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8]
HIPS = [1, 2]
LEAST_IOU = 0.4


def quality(results: str | Path, truth: str | Path) -> dict[str, float]:
    """All figures: shares 0..1, counts, millimetres, degrees."""
    with np.load(truth) as arrays:
        gt = {name: arrays[name] for name in arrays.files}
    frames = list(load_results(results).values())
    events = motmetrics.MOTAccumulator()
    errors: dict[str, list[float]] = {k: [] for k in ("mpjpe", "aligned", "reprojection", "root")}
    for i, frame in enumerate(frames):
        people = _seen(frame)
        boxes = xywh_to_xyxy(np.array([p["bbox"] for p in people]).reshape(-1, 4))
        there = np.flatnonzero(gt["present"][i] & (gt["visible"][i] > 0.1))
        hidden = np.flatnonzero(gt["present"][i] & (gt["visible"][i] <= 0.1))
        overlap = iou(gt["box"][i, there], boxes)
        on_hidden = (iou(gt["box"][i, hidden], boxes) > LEAST_IOU).any(axis=0)
        counts = (overlap > LEAST_IOU).any(axis=0) | ~on_hidden
        distance = np.where(overlap > LEAST_IOU, 1 - overlap, np.nan)[:, counts]
        people = [p for p, c in zip(people, counts, strict=True) if c]
        ids = [p["tid"] for p in people]
        events.update(gt["ids"][there].tolist(), ids, distance, frameid=i)
        _add_joint_errors(errors, gt, i, there, people, distance)
    return {**_tracking(events), **_means(errors), "frames": len(frames)}


def _seen(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """The people seen in a frame, one dict each."""
    keys = ("tid", "bbox", "smpl", "camera", "size")
    return [
        {key: frame[key][k] for key in keys}
        for k, missed in enumerate(frame["tracked_time"])
        if missed == 0
    ]


def _add_joint_errors(errors, gt, i, there, people, distance) -> None:
    body = load_mannequin()
    for row, k in enumerate(there):
        if gt["visible"][i, k] <= 0.95 or np.isnan(distance[row]).all():
            continue
        person = people[int(np.nanargmin(distance[row]))]
        smpl = person["smpl"]
        joints = body.forward_kinematics(
            smpl["global_orient"][None], smpl["body_pose"][None], smpl["betas"][None]
        )[1][0]
        true = gt["joints3d"][i, k]
        ours, theirs = _at_hips(joints)[JOINTS], _at_hips(true)[JOINTS]
        errors["mpjpe"].append(1000 * np.linalg.norm(ours - theirs, axis=1).mean())
        errors["aligned"].append(1000 * aligned_error(ours, theirs))
        seen_at = PaddedSquare(*person["size"]).project(joints + person["camera"])[JOINTS]
        height = gt["box_full"][i, k, 3] - gt["box_full"][i, k, 1]
        off = np.linalg.norm(seen_at - gt["joints2d"][i, k][JOINTS], axis=1).mean()
        errors["reprojection"].append(off / height)
        turn = gt["global_orient"][i, k].reshape(3, 3).T @ smpl["global_orient"][0]
        errors["root"].append(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))


def _at_hips(joints: np.ndarray) -> np.ndarray:
    return joints - joints[HIPS].mean(axis=0)


def aligned_error(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance (of the units given) after the similarity transform of a that fits b best.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns".
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    u, s, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * sign).sum() / (a**2).sum()
    return float(np.linalg.norm(scale * a @ (u * sign @ vt) - b, axis=1).mean())


def _tracking(events: motmetrics.MOTAccumulator) -> dict[str, float]:
    names = ["recall", "precision", "idf1", "mota", "num_switches", "num_false_positives"]
    names += ["num_misses", "num_objects"]
    table = motmetrics.metrics.create().compute(events, metrics=names, name="clip")
    return {name: float(table[name].iloc[0]) for name in names}


def _means(errors: dict[str, list[float]]) -> dict[str, float]:
    return {
        "mpjpe_mm": float(np.mean(errors["mpjpe"])),
        "pa_mpjpe_mm": float(np.mean(errors["aligned"])),
        "reprojection": float(np.mean(errors["reprojection"])),
        "root_median_deg": float(np.median(errors["root"])),
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for name, value in quality(*sys.argv[1:]).items():
        print(f"{name:20} {value:.3f}")
