"""``emdb``: EMDB 1 (bodies seen by the camera) and EMDB 2 (motion in the world).

``ROOT/P*/SEQUENCE/*_data.pkl`` with ``gender``, ``emdb1``, ``emdb2``, ``good_frames_mask``,
``camera`` (``intrinsics``, ``extrinsics``), ``smpl`` (``poses_root``, ``poses_body``, ``trans``,
``betas``) and ``bboxes``; pictures in ``images/`` beside it; SMPL's male, female and neutral models
anywhere below ROOT, or in --body.

Frames outside ``good_frames_mask`` are dropped before anything is measured. 24 joints, SMPL's
regressor on the posed surface; the pelvis is the mean of joints 1 and 2. The person's track is the
one that overlaps his boxes in most frames; frames without it are dropped too, and ``Found`` tells
how many are left. All frames of all sequences are pooled.

Protocols ``wham`` and ``gvhmr`` differ in RTE's root (SMPL's ``trans``; joint 0) and in Accel (the
first and last of a sequence are left out; all count). Source: WHAM's lib/eval/evaluate_emdb.py,
GVHMR's hmr4d/utils/eval/eval_utils.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import BenchmarkError, MismatchError
from humantrack.evaluation.benchmark import Benchmark, BenchmarkOptions, Video
from humantrack.evaluation.benchmarks.pickles import array, read_table
from humantrack.evaluation.bodies import BodyPoints, of_smpl, points_of
from humantrack.evaluation.matching import track_of
from humantrack.evaluation.measures import body, world
from humantrack.evaluation.predictions import Predictions, check_belongs, read_predictions
from humantrack.evaluation.scores import Scores, SequenceErrors, scores_of
from humantrack.evaluation.smpl import SmplFiles, SmplSurface
from humantrack.evaluation.worlds import Motion, in_camera, in_world
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

FPS = 30.0
PELVIS = (1, 2)
LEAST_IOU = 0.3
LEAST_FRAMES = 4
"""Third differences need as many."""

_FEET = list(world.FOOT_VERTICES)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmdbSequence:
    """The truth of a sequence of T frames."""

    name: str
    path: Path
    gender: str
    good: BoolArray
    rotations: FloatArray
    """(T,24,3,3), the root's to the world's axes."""

    betas: FloatArray
    """(T,10)"""

    trans: FloatArray
    """(T,3)"""

    intrinsics: FloatArray
    rotation: FloatArray
    """(T,3,3) world to camera."""

    position: FloatArray
    """(T,3)"""

    boxes: FloatArray
    """(T,4) xyxy; NaN where there is none."""

    @property
    def pictures(self) -> Path | None:
        """The folder of its pictures."""
        folder = self.path.parent / "images"
        return folder if folder.is_dir() else None


class EmdbBenchmark(Benchmark):
    """EMDB."""

    name = "emdb"
    protocols = ("wham", "gvhmr")
    splits = ("2", "1")
    settings = ("phalp.n_init=1",)  # every detection is somebody, from the first on
    had_from = (
        "EMDB is had from eth-ait.github.io/emdb after a form is signed, for research only; "
        "unpack P0 to P9 into the folder"
    )

    def __init__(self, options: BenchmarkOptions) -> None:
        super().__init__(options)
        self._smpl = SmplFiles(options.body, options.root)

    def videos(self) -> Sequence[Video]:
        """The sequences of the split."""
        sequences = self._sequences()
        self._smpl.check(s.gender for s in sequences)
        return [
            Video(name=s.name, source=s.pictures, frame_count=len(s.good), boxes=_boxes_of(s))
            for s in sequences
        ]

    def score(self, results: Mapping[str, Path]) -> Scores:
        """Score results; see the module."""
        clips: list[SequenceErrors] = []
        absent: dict[str, str] = {}
        notes: list[str] = []
        for truth in self._sequences():
            if truth.name in results:
                found = read_predictions(results[truth.name])
                clip, why, note = self._scored(found, truth)
                clips.append(clip)
                notes.append(note)
                absent |= dict.fromkeys(["PVE"] + ["FS"] * (self.split == "2"), why) if why else {}
        return scores_of(
            f"{self.name}-{self.split}",
            self.protocol,
            clips,
            absent=absent,
            notes=[note for note in dict.fromkeys(notes) if note],
        )

    def _scored(
        self, found: Predictions, truth: EmdbSequence
    ) -> tuple[SequenceErrors, str | None, str]:
        """Errors of a sequence, why vertices cannot be compared, and what to know."""
        check_belongs(found, frame_count=len(truth.good), truth=truth.name)
        good = np.flatnonzero(truth.good)
        boxed = good[np.isfinite(truth.boxes[good]).all(axis=1)]
        track = track_of(found, boxed, truth.boxes[boxed], LEAST_IOU)
        if track is None:
            raise MismatchError(
                f"no track overlaps the person of {truth.name}",
                where=found.path,
                hint="are they results of another video?",
            )
        seen, which = in_camera(found).of(track, good)
        frames = good[which]
        present = np.isin(np.arange(len(good)), which).astype(float)
        if len(frames) < LEAST_FRAMES:
            what = f"the person of {truth.name} is followed for {len(frames)} frames only"
            raise MismatchError(what, where=found.path)
        surface = self._smpl.surface(truth.gender)
        errors, why = self._bodies(seen, truth, frames, surface)
        note = ""
        if self.split == "2":
            motion = in_world(
                found,
                intrinsics=truth.intrinsics,
                rotation=truth.rotation,
                position=truth.position,
                given_camera=self.options.given_camera,
            )
            note = motion.note
            moved, which = motion.of(track, good)
            errors |= self._world(moved, truth, good[which], surface)
        clip = SequenceErrors(
            name=truth.name,
            frames=len(good),
            errors={"Found": present, **errors},
            timeline=("MPJPE", frames, errors["MPJPE"]),
        )
        return clip, why, note

    def _bodies(
        self, seen: Motion, truth: EmdbSequence, frames: IntArray, surface: SmplSurface
    ) -> tuple[dict[str, FloatArray], str | None]:
        ours, why = points_of(seen, self._smpl)
        rotations = truth.rotations[frames].copy()
        rotations[:, 0] = truth.rotation[frames] @ rotations[:, 0]
        true = of_smpl(surface, rotations, truth.betas[frames], np.zeros((len(frames), 3)))
        roots = [body.pelvis_of(points.joints, PELVIS) for points in (ours, true)]
        accel = body.acceleration_error(ours.joints - roots[0], true.joints - roots[1], FPS)
        errors = {
            "MPJPE": body.mpjpe(ours.joints, true.joints, PELVIS),
            "PA-MPJPE": body.pa_mpjpe(ours.joints, true.joints),
            "Accel": accel[1:-1] if self.protocol == "wham" else accel,
        }
        if ours.vertices is not None and true.vertices is not None:
            errors["PVE"] = body.pve(ours.vertices, true.vertices, *roots)
        return errors, why

    def _world(
        self, moved: Motion, truth: EmdbSequence, frames: IntArray, surface: SmplSurface
    ) -> dict[str, FloatArray]:
        ours, _ = points_of(moved, self._smpl)
        betas = truth.betas[frames]
        pelvis = truth.trans[frames] + surface.rest_pelvis(betas)
        true = of_smpl(surface, truth.rotations[frames], betas, pelvis)
        errors = {
            "WA-MPJPE": world.wa_mpjpe(ours.joints, true.joints),
            "W-MPJPE": world.w_mpjpe(ours.joints, true.joints),
            "RTE": world.rte(*(self._root(points) for points in (ours, true))),
            "Jitter": world.jitter(ours.joints, FPS),
            "Jitter-true": world.jitter(true.joints, FPS),
        }
        if ours.vertices is not None and true.vertices is not None:
            errors["FS"] = world.foot_sliding(ours.vertices[:, _FEET], true.vertices[:, _FEET])
        return errors

    def _root(self, points: BodyPoints) -> FloatArray:
        return points.trans if self.protocol == "wham" else points.joints[:, 0]

    def _sequences(self) -> list[EmdbSequence]:
        files = sorted(self.root.glob("P*/*/*_data.pkl"))
        if not files:
            raise self.lacking(self.root / "P0/SEQUENCE/P0_SEQUENCE_data.pkl")
        flags = {file: bool(read_table(file).get(f"emdb{self.split}")) for file in files}
        by_name = {_name_of(file): file for file, is_in in flags.items() if is_in}
        if not by_name:
            raise BenchmarkError(f"no sequence belongs to EMDB {self.split}", where=self.root)
        return [read_emdb(by_name[name]) for name in self.chosen(list(by_name))]


def _name_of(file: Path) -> str:
    return file.name.removesuffix("_data.pkl")


def read_emdb(path: Path) -> EmdbSequence:
    """Read the truth of a sequence.

    Raises:
        BenchmarkError: if it is damaged.
    """
    table = read_table(path)
    try:
        camera, smpl = table["camera"], table["smpl"]
        good = np.asarray(table["good_frames_mask"]).astype(bool).reshape(-1)
        count = len(good)
        root = array(smpl["poses_root"], (count, 3), "poses_root", path)
        pose = array(smpl["poses_body"], (count, 69), "poses_body", path)
        extrinsics = array(camera["extrinsics"], (count, 4, 4), "extrinsics", path)
        rotation = extrinsics[:, :3, :3]
        betas = np.asarray(smpl["betas"], np.float64).reshape(-1)[:10]
        return EmdbSequence(
            name=_name_of(path),
            path=path,
            gender=_gender(table["gender"]),
            good=good,
            rotations=axis_angle_to_matrix(np.concatenate([root, pose], 1).reshape(count, 24, 3)),
            betas=np.tile(array(betas, (10,), "betas", path), (count, 1)),
            trans=array(smpl["trans"], (count, 3), "trans", path),
            intrinsics=array(camera["intrinsics"], (3, 3), "intrinsics", path),
            rotation=rotation,
            position=-(extrinsics[:, None, :3, 3] @ rotation)[:, 0],
            boxes=_boxes(table, count, path),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BenchmarkError(f"not a file of EMDB ({error!r})", where=path) from error


def _gender(value: Any) -> str:
    text = value.decode() if isinstance(value, bytes) else str(value)
    if text not in ("male", "female", "neutral"):
        raise ValueError(f"gender {text}")
    return text


def _boxes(table: Mapping[str, Any], count: int, path: Path) -> FloatArray:
    held = table["bboxes"]
    boxes = array(held["bboxes"], (count, 4), "bboxes", path).copy()
    boxes[np.asarray(held.get("invalid_idxs", []), np.int64).reshape(-1)] = np.nan
    return boxes


def _boxes_of(truth: EmdbSequence) -> dict[int, FloatArray]:
    """Boxes (1,4) by frame, for a run that starts from them."""
    rows = np.flatnonzero(np.isfinite(truth.boxes).all(axis=1))
    return {int(row): truth.boxes[row : row + 1] for row in rows}
