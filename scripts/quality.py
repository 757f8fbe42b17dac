"""Measures the embedded default on the shipped clips, whose ground truth is exact.

usage: python scripts/quality.py [--write]              track both clips; print docs/embedded.md's
                                                        figures, a table and a block of JSON;
                                                        --write puts them there
       python scripts/quality.py RESULTS.pkl TRUTH.npz  the figures of one results file

Boxes count when more than a tenth of the person is visible, and are hit at IoU > 0.4; a box on a
person who is hidden is neither right nor wrong. Identities are scored by motmetrics. Joint errors
are over 12 joints (shoulders to ankles) of people who are all but fully visible (> 0.95), with the
middle of the hips at the origin; "aligned" after the best similarity transform; "ray" with the
ground truth turned so that the ray from the camera to the hips is the camera's axis.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping
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

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
PAGE = ROOT / "docs" / "embedded.md"
CLIPS = {"demo.mp4": "demo_gt.npz", "demo_small.mp4": "demo_small_gt.npz"}

TOLERANCES = {
    "frames": 0,
    "recall": 0.01,
    "precision": 0.01,
    "idf1": 0.02,
    "num_switches": 0,
    "num_false_positives": 2,
    "mpjpe_mm": 2,
    "pa_mpjpe_mm": 2,
    "reprojection": 0.002,
    "root_median_deg": 2,
    "ray_mpjpe_mm": 2,
    "ray_root_median_deg": 2,
}
"""How far a fresh run may be from docs/embedded.md: processors round differently."""

ROWS = {
    "recall": ("recall", "{:.3f}", ">= 0.95"),
    "precision": ("precision", "{:.3f}", ">= 0.99"),
    "num_false_positives": ("false boxes", "{:.0f}", ""),
    "idf1": ("IDF1", "{:.3f}", ">= 0.95"),
    "num_switches": ("id switches", "{:.0f}", "<= 1"),
    "mpjpe_mm": ("MPJPE", "{:.1f} mm", "<= 100 mm"),
    "pa_mpjpe_mm": ("PA-MPJPE", "{:.1f} mm", "<= 60 mm"),
    "reprojection": ("reprojection of joints, share of the person's height", "{:.1%}", "<= 3 %"),
    "root_median_deg": ("root rotation, median", "{:.0f} degrees", ""),
    "ray_mpjpe_mm": ("MPJPE along the ray", "{:.1f} mm", ""),
    "ray_root_median_deg": ("root rotation along the ray, median", "{:.0f} degrees", ""),
}
"""Rows of the page's table: name, notation, goal on demo.mp4."""

_BLOCK = re.compile(r"<!-- quality\.py\n([\s\S]*?)\n-->\n\n(?:\|.*\n)+")


def quality(results: str | Path, truth: str | Path) -> dict[str, float]:
    """All figures: shares 0..1, counts, millimetres, degrees."""
    with np.load(truth) as arrays:
        gt = {name: arrays[name] for name in arrays.files}
    frames = list(load_results(results).values())
    events = motmetrics.MOTAccumulator()
    kinds = ("mpjpe", "aligned", "reprojection", "root", "ray_mpjpe", "ray_root")
    errors: dict[str, list[float]] = {kind: [] for kind in kinds}
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
        root = gt["global_orient"][i, k].reshape(3, 3)
        errors["root"].append(_angle(root, smpl["global_orient"][0]))
        along = _to_axis(true[HIPS].mean(axis=0))
        turned = theirs @ along.T
        errors["ray_mpjpe"].append(1000 * np.linalg.norm(ours - turned, axis=1).mean())
        errors["ray_root"].append(_angle(along @ root, smpl["global_orient"][0]))


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between two rotations."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1))))


def _to_axis(point: np.ndarray) -> np.ndarray:
    """(3,3) the shortest rotation that brings a point of the camera's axes onto its z axis."""
    ray = point / np.linalg.norm(point)
    axis = np.cross(ray, [0, 0, 1])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + ray[2])


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
        "ray_mpjpe_mm": float(np.mean(errors["ray_mpjpe"])),
        "ray_root_median_deg": float(np.median(errors["ray_root"])),
    }


# -- the page -------------------------------------------------------------------------------------

Figures = Mapping[str, Mapping[str, float]]


def measured() -> dict[str, dict[str, float]]:
    """Clip -> figures of a fresh run."""
    from humantrack import BlazePose_4dhuman, load_config

    out = {}
    for clip, truth in CLIPS.items():
        with tempfile.TemporaryDirectory() as folder:
            cfg = load_config(
                f"video.source='{DATA / clip}'",
                f"video.output_dir='{folder}'",
                "render.enable=false",
            )
            out[clip] = tidy(quality(BlazePose_4dhuman(cfg).track().results, DATA / truth))
    return out


def tidy(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures that the page has, to four digits after the point."""
    return {name: round(float(figures[name]), 4) for name in TOLERANCES}


def block_of(figures: Figures) -> str:
    """The page's part: the figures for programs, and the table made of them."""
    lines = ",\n".join(f'  "{clip}": {json.dumps(values)}' for clip, values in figures.items())
    heads = ["", "demo.mp4 (4 people)", "demo_small.mp4 (1 person)", "goal on demo.mp4"]
    rows = [heads, ["---"] * len(heads)]
    frames = (f"{values['frames']:.0f}" for values in figures.values())
    rows.append(["frames", *frames, ""])
    for name, (about, notation, goal) in ROWS.items():
        cells = (notation.format(values[name]).replace("%", " %") for values in figures.values())
        rows.append([about, *cells, goal])
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"<!-- quality.py\n{{\n{lines}\n}}\n-->\n\n{table}"


def stated(page: str) -> tuple[str, dict[str, dict[str, float]]]:
    """The page's part as it stands there, and its figures."""
    found = _BLOCK.search(page)
    if found is None:
        raise ValueError("the page has no figures")
    return found[0], json.loads(found[1])


def apart(clip: str, fresh: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Figures of a fresh run that are not the page's: name -> fresh and stated."""
    there = stated(PAGE.read_text(encoding="utf-8"))[1][clip]
    pairs = {name: (fresh[name], there[name]) for name in TOLERANCES}
    return {name: (a, b) for name, (a, b) in pairs.items() if abs(a - b) > TOLERANCES[name] + 1e-4}


def main(arguments: list[str]) -> None:
    """Print, and write if asked to."""
    if len(arguments) == 2:
        for name, value in quality(*arguments).items():
            print(f"{name:20} {value:.3f}")
    elif arguments in ([], ["--write"]):
        block = block_of(measured())
        print(block, end="")
        if arguments:
            page = PAGE.read_text(encoding="utf-8")
            PAGE.write_text(page.replace(stated(page)[0], block), encoding="utf-8")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
