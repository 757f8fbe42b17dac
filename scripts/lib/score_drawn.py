"""The figures of drawn clips, whose truth is exact.

Boxes count when more than a tenth of the person is visible, and are hit at IoU > 0.4; a box on a
person who is hidden is neither right nor wrong. Identities are scored by motmetrics. Joint errors
are over 12 joints (shoulders to ankles) of people who are all but fully visible (> 0.95), with the
middle of the hips at the origin; "aligned" after the best similarity transform; "ray" with the
truth turned so that the ray from the camera to the hips is the camera's axis.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import motmetrics
import numpy as np
from lib.measures import (
    HIPS,
    OF_BODY25,
    OF_SMPL,
    Intervals,
    accelerations,
    aligned_error,
    at_hips,
    rotation_between,
    to_axis,
)

from humantrack import load_results
from humantrack.body import load_mannequin
from humantrack.geometry.boxes import iou, xywh_to_xyxy
from humantrack.geometry.cameras import PaddedSquare

LEAST_IOU = 0.4
_SEEN, _WHOLE = 0.1, 0.95


def truth_of(path: Path) -> dict[str, np.ndarray]:
    """The truth of a drawn clip; clips with a moving camera name some arrays otherwise."""
    with np.load(path) as arrays:
        gt = {name: arrays[name] for name in arrays.files}
    gt.setdefault("joints3d", gt.get("joints_cam"))
    gt.setdefault("global_orient", gt.get("global_orient_cam"))
    gt.setdefault("box_full", gt["box"])
    gt.setdefault("ids", np.arange(gt["present"].shape[1]))
    return gt


class _Errors:
    """What is gathered person by person."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = defaultdict(list)
        self.intervals = Intervals()
        self.paths: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = defaultdict(list)

    def add(self, frame: int, k: int, person: dict[str, Any], gt: dict[str, np.ndarray]) -> None:
        """One person, seen, whose true number is ``k``."""
        smpl, true = person["smpl"], gt["joints3d"][frame, k].astype(float)
        joints = load_mannequin().forward_kinematics(
            smpl["global_orient"][None], smpl["body_pose"][None], smpl["betas"][None]
        )[1][0]
        ours, theirs = at_hips(joints[OF_SMPL]), at_hips(true[OF_SMPL])
        self.of["mpjpe"].append(1000 * np.linalg.norm(ours - theirs, axis=1).mean())
        self.of["aligned"].append(1000 * aligned_error(ours, theirs))
        seen_at = PaddedSquare(*person["size"]).project(joints + person["camera"])[OF_SMPL]
        height = gt["box_full"][frame, k, 3] - gt["box_full"][frame, k, 1]
        off = np.linalg.norm(seen_at - gt["joints2d"][frame, k][OF_SMPL], axis=1).mean()
        self.of["reprojection"].append(off / height)
        root = gt["global_orient"][frame, k].reshape(3, 3)
        self.of["root"].append(rotation_between(root, smpl["global_orient"][0]))
        along = to_axis(true[OF_SMPL][HIPS].mean(axis=0))
        turned = theirs @ along.T
        self.of["ray_mpjpe"].append(1000 * np.linalg.norm(ours - turned, axis=1).mean())
        self.of["ray_root"].append(rotation_between(along @ root, smpl["global_orient"][0]))
        self.paths[k].append((frame, ours, theirs))
        stated = at_hips(np.asarray(person["3d_joints"], float)[OF_BODY25])
        errors = 1000 * np.linalg.norm(stated - theirs, axis=1)
        self.intervals.add(errors, person.get("joint_error_mm"))

    def means(self) -> dict[str, float]:
        """The figures."""
        of = self.of
        return {
            "mpjpe_mm": float(np.mean(of["mpjpe"])),
            "pa_mpjpe_mm": float(np.mean(of["aligned"])),
            "reprojection": float(np.mean(of["reprojection"])),
            "root_median_deg": float(np.median(of["root"])),
            "ray_mpjpe_mm": float(np.mean(of["ray_mpjpe"])),
            "ray_root_median_deg": float(np.median(of["ray_root"])),
            **self._accelerations(),
            **self.intervals.shares(),
        }

    def _accelerations(self) -> dict[str, float]:
        lengths: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for path in self.paths.values():
            frames, *joints = zip(*path, strict=True)
            for into, points in zip(lengths, joints, strict=True):
                into.append(accelerations(np.stack(points), frames))
        ours, true = (float(1000 * np.concatenate(of).mean()) for of in lengths)
        return {"acceleration": ours, "acceleration_true": true}


def drawn_quality(results: str | Path, truth: str | Path) -> dict[str, float]:
    """All figures: shares 0..1, counts, millimetres, degrees, millimetres per frame^2."""
    gt = truth_of(Path(truth))
    frames = list(load_results(results).values())
    events = motmetrics.MOTAccumulator()
    errors = _Errors()
    for i, frame in enumerate(frames):
        people = seen(frame)
        boxes = xywh_to_xyxy(np.array([p["bbox"] for p in people]).reshape(-1, 4))
        there = np.flatnonzero(gt["present"][i] & (gt["visible"][i] > _SEEN))
        hidden = np.flatnonzero(gt["present"][i] & (gt["visible"][i] <= _SEEN))
        overlap = iou(gt["box"][i, there], boxes)
        on_hidden = (iou(gt["box"][i, hidden], boxes) > LEAST_IOU).any(axis=0)
        counts = (overlap > LEAST_IOU).any(axis=0) | ~on_hidden
        distance = np.where(overlap > LEAST_IOU, 1 - overlap, np.nan)[:, counts]
        people = [p for p, c in zip(people, counts, strict=True) if c]
        ids = [p["tid"] for p in people]
        events.update(gt["ids"][there].tolist(), ids, distance, frameid=i)
        for row, k in enumerate(there):
            if gt["visible"][i, k] > _WHOLE and not np.isnan(distance[row]).all():
                errors.add(i, int(k), people[int(np.nanargmin(distance[row]))], gt)
    return {**_tracking(events), **errors.means(), "frames": len(frames)}


def seen(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """The people seen in a frame, one dict each."""
    keys = ("tid", "bbox", "smpl", "camera", "size", "3d_joints", "2d_joints", "joint_error_mm")
    return [
        {key: frame[key][k] for key in keys if key in frame}
        for k, missed in enumerate(frame["tracked_time"])
        if missed == 0
    ]


def _tracking(events: motmetrics.MOTAccumulator) -> dict[str, float]:
    names = ["recall", "precision", "idf1", "mota", "num_switches", "num_false_positives"]
    names += ["num_misses", "num_objects"]
    table = motmetrics.metrics.create().compute(events, metrics=names, name="clip")
    return {name: float(table[name].iloc[0]) for name in names}
