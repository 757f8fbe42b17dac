"""``truth``: our own drawn clips, whose truth is exact.

Boxes count when more than a tenth of the person is visible, and are hit at IoU > 0.4; a box on a
person who is hidden is neither right nor wrong. Joint errors are over 12 joints (shoulders to
ankles) of people who are all but fully visible (> 0.95), with the middle of the hips at the origin.
World measures are of the track that follows a person longest, where more than half of the person
is visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from humantrack.errors import ConfigError
from humantrack.evaluation.benchmark import Benchmark, Video
from humantrack.evaluation.benchmarks.drawn import DrawnTruth, name_of, read_drawn
from humantrack.evaluation.joints import ANKLES, HIPS, LIMBS_OF_45, LIMBS_OF_SMPL
from humantrack.evaluation.matching import track_of
from humantrack.evaluation.measures import body, world
from humantrack.evaluation.measures.tracking import Overlaps, by_motmetrics, hota
from humantrack.evaluation.predictions import (
    Predictions,
    check_belongs,
    check_meets,
    read_predictions,
)
from humantrack.evaluation.scores import Scores, SequenceErrors, scores_of
from humantrack.evaluation.worlds import in_world
from humantrack.geometry.boxes import iou
from humantrack.geometry.cameras import PaddedSquare
from humantrack.motion.camera import ray_rotations
from humantrack.types.arrays import FloatArray, IntArray

LEAST_IOU = 0.4
SEEN, WHOLE, HALF = 0.1, 0.95, 0.5
LEAST_FRAMES = 30
"""A person followed for fewer has no world measures."""

_LIMBS, _TRUE = list(LIMBS_OF_45), list(LIMBS_OF_SMPL)


class TruthBenchmark(Benchmark):
    """Drawn clips."""

    name = "truth"
    protocols = ("drawn",)
    needs_root = False
    takes_truth = True

    def videos(self) -> Sequence[Video]:
        """The clips of the truth files."""
        return [
            Video(
                name=name_of(path),
                source=_clip_of(path),
                frame_count=read_drawn(path).frame_count,
            )
            for path in self._files()
        ]

    def score(self, results: Mapping[str, Path]) -> Scores:
        """Score results; see the module."""
        clips = []
        for path in self._files():
            if (name := name_of(path)) in results:
                found = read_predictions(results[name])
                clips.append(_errors(found, read_drawn(path), self.options.given_camera))
        overlaps = {clip.name: clip.overlaps for clip in clips if clip.overlaps is not None}
        tracking = by_motmetrics(overlaps, 1 - LEAST_IOU) | hota(overlaps)
        absent = {"PVE": "the truth's surface is the shipped body's, not SMPL's"}
        return scores_of(self.name, self.protocol, clips, tracking=tracking, absent=absent)

    def _files(self) -> list[Path]:
        options = self.options
        places = list(options.truth) or ([options.root] if options.root else [])
        if not places:
            hint = "write --truth CLIP_gt.npz, or a folder of such files"
            raise ConfigError("no truth is named", where="--truth", hint=hint)
        files = [f for p in places for f in (sorted(p.rglob("*_gt.npz")) if p.is_dir() else [p])]
        if not files:
            raise self.lacking(places[0] / "NAME_gt.npz")
        by_name = {name_of(file): file for file in files}
        return [by_name[name] for name in self.chosen(list(by_name))]


def _clip_of(truth: Path) -> Path | None:
    clip = truth.with_name(f"{name_of(truth)}.mp4")
    return clip if clip.is_file() else None


def _errors(found: Predictions, truth: DrawnTruth, given_camera: bool) -> SequenceErrors:
    """Everything about one clip."""
    check_belongs(
        found,
        frame_count=truth.frame_count,
        fps=truth.fps,
        size=truth.size,
        truth=f"the truth ({truth.path.name})",
    )
    overlaps, pairs = _boxes(found, truth)
    has_met = any((frame > LEAST_IOU).any() for frame in overlaps.iou)
    check_meets([found], any(map(len, overlaps.true_ids)), has_met)
    notes = []
    if found.facts.path is not None and found.name != truth.name:
        notes.append(f"the results are of {found.name}, the truth is of {truth.name}")
    errors, timeline = _body(found, truth, pairs)
    world_errors, note = _world(found, truth, given_camera)
    return SequenceErrors(
        name=truth.name,
        frames=truth.frame_count,
        errors=errors | world_errors,
        overlaps=overlaps,
        timeline=timeline,
        notes=(*notes, *note),
    )


def _boxes(found: Predictions, truth: DrawnTruth) -> tuple[Overlaps, IntArray]:
    """Who overlaps whom, and (M,3) frame, person and row of those whose bodies are scored."""
    frames: list[tuple[IntArray, IntArray, FloatArray]] = []
    pairs: list[tuple[int, int, int]] = []
    for t in range(truth.frame_count):
        rows = np.arange(found.frame_count and found.at(t).start, found.at(t).stop)
        there = np.flatnonzero(truth.present[t] & (truth.visible[t] > SEEN))
        hidden = np.flatnonzero(truth.present[t] & (truth.visible[t] <= SEEN))
        overlap = iou(truth.box[t, there], found.xyxy_px[rows])
        on_hidden = (iou(truth.box[t, hidden], found.xyxy_px[rows]) > LEAST_IOU).any(axis=0)
        counts = (overlap > LEAST_IOU).any(axis=0) | ~on_hidden
        rows, overlap = rows[counts], overlap[:, counts]
        frames.append((truth.ids[there], found.track_id[rows], overlap))
        for i, k in enumerate(there.tolist()):
            if truth.visible[t, k] > WHOLE and (overlap[i] > LEAST_IOU).any():
                pairs.append((t, k, int(rows[overlap[i].argmax()])))
    true_ids, ids, overlap_of = zip(*frames, strict=True)
    return Overlaps(true_ids, ids, overlap_of), np.array(pairs, np.int64).reshape(-1, 3)


def _body(
    found: Predictions, truth: DrawnTruth, pairs: IntArray
) -> tuple[dict[str, FloatArray], tuple[str, IntArray, FloatArray] | None]:
    """Errors of the bodies seen, and MPJPE over time."""
    if not len(pairs):
        return {}, None
    t, k, row = pairs.T
    ours, true = found.joints[row][:, _LIMBS], truth.joints[t, k][:, _TRUE]
    along = ray_rotations(true[:, HIPS].mean(axis=1))
    root, true_root = found.rotations[row, 0], truth.root[t, k]
    at_hips = [joints - body.pelvis_of(joints, HIPS) for joints in (ours, true)]
    square = PaddedSquare(*truth.size)
    seen_px = square.project(ours + found.cam_t[row][:, None])
    height = truth.box_full[t, k, 3] - truth.box_full[t, k, 1]
    off = np.linalg.norm(seen_px - truth.joints_px[t, k][:, _TRUE], axis=-1).mean(axis=-1)
    errors = body.mpjpe(ours, true, HIPS)
    moves = [
        [body.accelerations(joints[k == person], t[k == person]) for person in np.unique(k)]
        for joints in at_hips
    ]
    out = {
        "MPJPE": errors,
        "PA-MPJPE": body.pa_mpjpe(ours, true),
        "MPJPE-ray": body.mpjpe(ours, true @ along, HIPS),
        "Reprojection": off / height,
        "Root": body.rotation_error(root, true_root),
        "Root-ray": body.rotation_error(root, along.transpose(0, 2, 1) @ true_root),
        "Motion": 1000 * np.concatenate(moves[0]),
        "Motion-true": 1000 * np.concatenate(moves[1]),
    }
    stated = found.error_mm[row][:, _LIMBS]
    known = np.isfinite(stated).all(axis=(1, 2))
    if known.any():
        apart = 1000 * np.linalg.norm(at_hips[0] - at_hips[1], axis=-1)[known]
        inside = apart[..., None] < stated[known]
        out |= {"Inside-50": inside[..., 0], "Inside-90": inside[..., 1]}
    frames = np.unique(t)
    over_time = np.array([errors[t == frame].mean() for frame in frames])
    return out, ("MPJPE", frames, over_time)


def _world(
    found: Predictions, truth: DrawnTruth, given_camera: bool
) -> tuple[dict[str, FloatArray], list[str]]:
    """Errors of the motion in the world."""
    lifted = in_world(
        found,
        intrinsics=truth.intrinsics,
        rotation=truth.rotation,
        position=truth.position,
        given_camera=given_camera,
    )
    true_world = truth.joints_world()[:, :, _TRUE]
    people = []
    followed = [np.zeros(0)]
    for k in range(len(truth.ids)):
        frames = np.flatnonzero(truth.present[:, k] & (truth.visible[:, k] > HALF))
        track = track_of(found, frames, truth.box[frames, k], LEAST_IOU)
        if track is None:
            followed.append(np.zeros(len(frames)))
            continue
        motion, which = lifted.of(track, frames)
        followed.append(np.isin(np.arange(len(frames)), which).astype(float))
        if len(which) >= LEAST_FRAMES:
            use = frames[which]
            people.append((use, motion.joints[:, _LIMBS], true_world[use, k]))
    if not people:
        notes = ["nobody is followed for long enough to score motion in the world"]
        return {"Found": np.concatenate(followed)}, notes
    rows = [_of_person(*person, truth.fps) for person in people]
    errors = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    ours, true = (np.concatenate([p[i] for p in people]) for i in (1, 2))
    scene, fit = world.scene_error(ours.reshape(-1, 3), true.reshape(-1, 3))
    up = (fit.rotation @ np.array([0.0, 1.0, 0.0]))[1]
    above = 1000 * (ours[:, ANKLES, 1].min(axis=1) - true[:, ANKLES, 1].min(axis=1))
    errors |= {
        "Found": np.concatenate(followed),
        "Scene": scene,
        "Up": np.degrees(np.arccos(np.clip([up], -1, 1))),
        "Floor": above,
        "Floor-sd": np.array([above.std()]),
    }
    return errors, [lifted.note]


def _of_person(
    frames: IntArray, ours: FloatArray, true: FloatArray, fps: float
) -> dict[str, FloatArray]:
    root, true_root = ours[:, HIPS].mean(axis=1), true[:, HIPS].mean(axis=1)
    moves = np.linalg.norm(np.diff(true_root, axis=0), axis=-1).sum()
    return {
        "WA-MPJPE": world.wa_mpjpe(ours, true),
        "W-MPJPE": world.w_mpjpe(ours, true),
        "RTE": world.rte(root, true_root) if moves > 0 else np.zeros(0),
        "Jitter": world.jitter(ours, fps, frames),
        "Jitter-true": world.jitter(true, fps, frames),
        "Local": world.local_error(ours, true, HIPS),
        "FS-ankles": world.foot_sliding(ours[:, ANKLES], true[:, ANKLES], frames),
        "Accel": body.acceleration_error(ours, true, fps, frames),
    }
