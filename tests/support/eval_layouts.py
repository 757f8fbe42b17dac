"""Small data sets in the genuine layouts of benchmarks, made of drawn clips."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from eval_tools import Person
from official_files import write_smpl

Frames = Sequence[Sequence[Person]]


def write_mot(
    root: Path,
    name: str,
    frames: Frames,
    *,
    size: tuple[int, int] = (480, 640),
    extra: Sequence[str] = (),
    classes: bool = True,
    info: bool = True,
) -> Path:
    """MOTChallenge: SEQUENCE/gt/gt.txt, seqinfo.ini, img1/; ``extra`` are lines of their own."""
    folder = root / name
    (folder / "gt").mkdir(parents=True)
    (folder / "img1").mkdir()
    lines = []
    for t, people in enumerate(frames):
        for p in people:
            x0, y0, x1, y1 = p.xyxy
            numbers = f"{t + 1},{p.track_id},{x0 + 1!r},{y0 + 1!r},{x1 - x0!r},{y1 - y0!r}"
            lines.append(numbers + (",1,1,1.0" if classes else ",1,-1,-1,-1"))
    lines = [line.replace("np.float64(", "").replace(")", "") for line in [*lines, *extra]]
    (folder / "gt" / "gt.txt").write_text("\n".join(lines) + "\n")
    if info:
        (folder / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nimDir=img1\nframeRate=25\nseqLength={len(frames)}\n"
            f"imWidth={size[1]}\nimHeight={size[0]}\nimExt=.jpg\n"
        )
    return folder


def write_posetrack(
    root: Path,
    name: str,
    frames: Frames,
    *,
    year: int = 18,
    labelled: Sequence[int] | None = None,
    regions: Sequence[tuple[Sequence[float], Sequence[float]]] = (),
) -> Path:
    """PoseTrack's JSON, and for 21 its MOT form; people only in the frames that are labelled."""
    wanted = range(len(frames)) if labelled is None else labelled
    xs, ys = [list(x) for x, _ in regions], [list(y) for _, y in regions]
    images: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    lines = []
    for t, people in enumerate(frames):
        image_id = 10003420000 + t
        images.append(
            {
                "file_name": f"images/val/{name}/{t:06d}.jpg",
                "id": image_id,
                "frame_id": image_id,
                "vid_id": "000342",
                "nframes": len(frames),
                "is_labeled": t in wanted,
                "has_labeled_person": t in wanted,
                "ignore_regions_x": xs,
                "ignore_regions_y": ys,
            }
        )
        for p in people if t in wanted else ():
            x0, y0, x1, y1 = (float(x) for x in p.xyxy)
            rows.append(
                {
                    "id": image_id * 100 + p.track_id,
                    "image_id": image_id,
                    "track_id": p.track_id,
                    "person_id": p.track_id,
                    "category_id": 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "bbox_head": [x0, y0, 10, 10],
                    "keypoints": [0.0] * 51,
                }
            )
            lines.append(f"{t + 1},{p.track_id},{x0},{y0},{x1 - x0},{y1 - y0},1,-1,-1,-1")
    content = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "person"}]}
    folder = root / ("annotations" if year == 18 else "posetrack_data") / "val"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content))
    if year == 21:
        mot = root / "posetrack_mot" / "mot" / "val" / name
        (mot / "gt").mkdir(parents=True)
        info = [{**image, "frame_index": t + 1} for t, image in enumerate(images)]
        (mot / "image_info.json").write_text(json.dumps(info))
        (mot / "gt" / "gt.txt").write_text("\n".join(lines) + "\n")
    return root


def boxes_only(truth: dict[str, np.ndarray], frames: int) -> list[list[Person]]:
    """The boxes of a drawn clip's first frames; ids count from 1."""
    return [
        [
            Person(int(k) + 1, truth["box"][t, k].astype(float))
            for k in np.flatnonzero(truth["present"][t] & (truth["visible"][t] > 0.1))
        ]
        for t in range(frames)
    ]


def jittered(frames: Frames, seed: int = 0) -> list[list[Person]]:
    """A tracker's view: boxes a little off, some missed, some false, ids that change once."""
    rng = np.random.default_rng(seed)
    out = []
    for t, people in enumerate(frames):
        found = [
            replace(
                p,
                track_id=p.track_id + (10 if t > 30 and p.track_id == 1 else 0),
                xyxy=np.asarray(p.xyxy) + rng.normal(0, 4, 4),
            )
            for p in people
            if rng.uniform() > 0.1
        ]
        if rng.uniform() < 0.2:
            found.append(Person(90 + t, [10, 10, 60, 90]))
        out.append(found)
    return out


def write_emdb(root: Path, name: str, bodies: dict[str, Any], **changes: Any) -> Path:
    """EMDB: P0/SEQUENCE/P0_SEQUENCE_data.pkl. ``bodies`` is ``smpl_walk()``'s."""
    count = len(bodies["trans"])
    content = {
        "gender": "female",
        "name": f"P0_{name}",
        "emdb1": True,
        "emdb2": True,
        "n_frames": count,
        "good_frames_mask": np.ones(count, bool),
        "camera": {
            "intrinsics": bodies["K"],
            "extrinsics": bodies["extrinsics"],
            "width": bodies["size"][1],
            "height": bodies["size"][0],
        },
        "smpl": {
            "poses_root": bodies["poses"][:, :3],
            "poses_body": bodies["poses"][:, 3:],
            "trans": bodies["trans"],
            "betas": bodies["betas"],
        },
        "kp2d": np.zeros((count, 24, 2)),
        "bboxes": {"bboxes": bodies["boxes"], "invalid_idxs": np.zeros(0, int)},
        **changes,
    }
    folder = root / "P0" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"P0_{name}_data.pkl").write_bytes(pickle.dumps(content, protocol=4))
    return root


def write_3dpw(root: Path, name: str, bodies: dict[str, Any], **changes: Any) -> Path:
    """3DPW: sequenceFiles/test/SEQUENCE.pkl, a pickle of Python 2's protocol."""
    count = len(bodies["trans"])
    content = {
        "sequence": name,
        "genders": ["f"],
        "poses": [bodies["poses"]],
        "trans": [bodies["trans"]],
        "betas": [bodies["betas"]],
        "betas_clothed": [bodies["betas"]],
        "cam_poses": bodies["extrinsics"],
        "cam_intrinsics": bodies["K"],
        "campose_valid": [np.ones(count, int)],
        "img_frame_ids": np.arange(count),
        "poses2d": [np.zeros((count, 3, 18))],
        "jointPositions": [np.zeros((count, 72))],
        **changes,
    }
    folder = root / "sequenceFiles" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pkl").write_bytes(pickle.dumps(content, protocol=2))
    return root


def write_smpl_files(folder: Path) -> None:
    """SMPL's three models and SMPL_to_J19.pkl, all of the synthetic body."""
    write_smpl(folder)
    models = folder / "models" / "smpl"
    for gender in ("MALE", "FEMALE"):
        (models / f"SMPL_{gender}.pkl").write_bytes((models / "SMPL_NEUTRAL.pkl").read_bytes())
    rng = np.random.default_rng(1)
    regressor = np.zeros((17, 6890))
    for row in regressor:
        row[rng.choice(6890, 12, replace=False)] = 1 / 12
    np.save(folder / "J_regressor_h36m.npy", regressor)
