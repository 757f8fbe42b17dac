"""``3dpw``: bodies of people in the wild.

``ROOT/sequenceFiles/{test,validation,train}/*.pkl`` and ``ROOT/imageFiles/SEQUENCE/``; SMPL's male,
female and neutral models anywhere below ROOT, or in --body.

Each person counts in the frames whose camera is valid (``campose_valid``). His box is that of his
projected surface; the detection that overlaps it most is his (IoU > 0.3), whatever its track.
``Found`` tells how many frames have one; the others are left out. Means over all people and frames.

Protocol ``4dhumans``, as eval.py of 4D-Humans: joints 25 to 37 and 43 of its 44, the pelvis is
joint 39; the truth's come from its surface by SMPL_to_J19.pkl. Protocol ``gvhmr`` (and WHAM): 14
joints by J_regressor_h36m.npy on the surface of both, the pelvis is the mean of joints 2 and 3; so
it needs SMPL's surface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import BenchmarkError
from humantrack.evaluation.benchmark import Benchmark, BenchmarkOptions, Video
from humantrack.evaluation.benchmarks.pickles import array, read_table
from humantrack.evaluation.bodies import points_of
from humantrack.evaluation.measures import body
from humantrack.evaluation.predictions import (
    Predictions,
    check_belongs,
    check_meets,
    read_predictions,
)
from humantrack.evaluation.scores import Scores, SequenceErrors, scores_of
from humantrack.evaluation.smpl import SmplFiles, regressed
from humantrack.evaluation.worlds import in_camera
from humantrack.geometry.boxes import iou
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

FPS = 30.0
LEAST_IOU = 0.3
OF_44 = (*range(25, 38), 43)
"""The 14 joints of 4D-Humans' protocol among its 44."""

PELVIS_44 = 39
OF_H36M = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)
"""The 14 joints among the 17 of J_regressor_h36m, in the order of LSP."""

PELVIS_14 = (2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person3dpw:
    """One person of a sequence, in camera axes."""

    gender: str
    valid: BoolArray
    """(T,)"""

    rotations: FloatArray
    """(T,24,3,3)"""

    betas: FloatArray
    """(10,)"""

    trans: FloatArray
    """(T,3) of SMPL, world axes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence3dpw:
    """A sequence of T frames."""

    name: str
    path: Path
    people: tuple[Person3dpw, ...]
    intrinsics: FloatArray
    extrinsics: FloatArray
    """(T,4,4) world to camera."""


class Benchmark3dpw(Benchmark):
    """3DPW."""

    name = "3dpw"
    protocols = ("4dhumans", "gvhmr")
    splits = ("test", "validation", "train")
    settings = ("phalp.n_init=1",)  # every detection is somebody, from the first on
    had_from = (
        "3DPW is had from virtualhumans.mpi-inf.mpg.de/3DPW, for research only; unpack "
        "sequenceFiles and imageFiles into the folder"
    )

    def __init__(self, options: BenchmarkOptions) -> None:
        super().__init__(options)
        self._smpl = SmplFiles(options.body, options.root)

    def videos(self) -> Sequence[Video]:
        """The sequences of the split."""
        out = []
        if self.protocol == "4dhumans":
            self._smpl.extra_regressor()
        else:
            self._h36m()
        for file in self._files().values():
            truth = read_3dpw(file)
            self._smpl.check(person.gender for person in truth.people)
            pictures = self.root / "imageFiles" / truth.name
            boxes = self._boxes(truth)
            out.append(
                Video(
                    name=truth.name,
                    source=pictures if pictures.is_dir() else None,
                    frame_count=len(truth.extrinsics),
                    boxes=boxes,
                )
            )
        return out

    def score(self, results: Mapping[str, Path]) -> Scores:
        """Score results; see the module."""
        clips: list[SequenceErrors] = []
        absent: dict[str, str] = {}
        for name, file in self._files().items():
            if name in results:
                clip, why = self._scored(read_predictions(results[name]), read_3dpw(file))
                clips.append(clip)
                if why and self.protocol == "gvhmr":
                    absent |= dict.fromkeys(["MPJPE", "PA-MPJPE", "PVE", "Accel"], why)
                elif why:
                    absent["PVE"] = why
        return scores_of(self.name, self.protocol, clips, absent=absent)

    def _scored(self, found: Predictions, truth: Sequence3dpw) -> tuple[SequenceErrors, str | None]:
        check_belongs(found, frame_count=len(truth.extrinsics), truth=truth.name)
        parts: list[dict[str, FloatArray]] = []
        present: list[FloatArray] = [np.zeros(0)]
        times: list[tuple[IntArray, FloatArray]] = []
        why = None
        for person in truth.people:
            frames = np.flatnonzero(person.valid)
            vertices = self._surface_of(person, truth, frames)
            boxes = _box_of(vertices, truth.intrinsics)
            rows = _nearest(found, frames, boxes)
            present.append((rows >= 0).astype(float))
            seen = rows >= 0
            if seen.any():
                errors, reason = self._errors(found, rows[seen], vertices[seen], frames[seen])
                why = why or reason
                parts.append(errors)
                if "MPJPE" in errors:
                    times.append((frames[seen], errors["MPJPE"]))
        met = np.concatenate(present)
        check_meets([found], bool(len(met)), bool(met.any()))
        errors = {
            name: np.concatenate([part[name] for part in parts])
            for name in (parts[0] if parts else {})
        }
        timeline = None
        if times:
            frames, values = (np.concatenate(column) for column in zip(*times, strict=True))
            unique = np.unique(frames)
            means = np.array([values[frames == frame].mean() for frame in unique])
            timeline = ("MPJPE", unique, means)
        clip = SequenceErrors(
            name=truth.name,
            frames=len(truth.extrinsics),
            errors={"Found": met, **errors},
            timeline=timeline,
        )
        return clip, why

    def _errors(
        self, found: Predictions, rows: IntArray, vertices: FloatArray, frames: IntArray
    ) -> tuple[dict[str, FloatArray], str | None]:
        """Errors of one person in frames where he is found."""
        points, why = points_of(in_camera(found).rows(rows), self._smpl)
        if self.protocol == "4dhumans":
            extra = regressed(self._smpl.extra_regressor().astype(float), vertices)
            ours, true = found.joints[rows][:, OF_44], extra[:, [i - 25 for i in OF_44]]
            ours = ours - found.joints[rows][:, [PELVIS_44]]
            true = true - extra[:, [PELVIS_44 - 25]]
            shift = None
        elif points.vertices is None:
            return {}, why
        else:
            regressor = self._h36m()
            ours, true = (regressed(regressor, v) for v in (points.vertices, vertices))
            shift = [body.pelvis_of(joints, PELVIS_14) for joints in (ours, true)]
            ours, true = ours - shift[0], true - shift[1]
        errors = {
            "MPJPE": 1000 * np.linalg.norm(ours - true, axis=-1).mean(axis=-1),
            "PA-MPJPE": body.pa_mpjpe(ours, true),
            "Accel": body.acceleration_error(ours, true, FPS, frames),
        }
        if points.vertices is not None:
            if shift is None:
                extra_of = self._smpl.extra_regressor()[PELVIS_44 - 25][None].astype(float)
                shift = [regressed(extra_of, v) for v in (points.vertices, vertices)]
            errors["PVE"] = body.pve(points.vertices, vertices, *shift)
        return errors, why

    def _surface_of(self, person: Person3dpw, truth: Sequence3dpw, frames: IntArray) -> FloatArray:
        """(F,6890,3) the person's surface in camera axes."""
        surface = self._smpl.surface(person.gender)
        betas = np.tile(person.betas, (len(frames), 1))
        rotation, shift = truth.extrinsics[frames, :3, :3], truth.extrinsics[frames, :3, 3]
        pelvis = person.trans[frames] + surface.rest_pelvis(betas)
        vertices = surface.vertices(person.rotations[frames], betas, pelvis)
        return np.asarray(vertices @ rotation.transpose(0, 2, 1) + shift[:, None])

    def _boxes(self, truth: Sequence3dpw) -> dict[int, FloatArray] | None:
        """Boxes by frame, for a run that starts from them; they need SMPL, and take time."""
        if not self.options.true_boxes:
            return None
        out: dict[int, list[FloatArray]] = {}
        for person in truth.people:
            frames = np.flatnonzero(person.valid)
            boxes = _box_of(self._surface_of(person, truth, frames), truth.intrinsics)
            for frame, box in zip(frames.tolist(), boxes, strict=True):
                out.setdefault(frame, []).append(box)
        return {frame: np.stack(boxes) for frame, boxes in out.items()}

    def _h36m(self) -> FloatArray:
        hint = "J_regressor_h36m.npy is part of the data of SPIN, WHAM and others; --body"
        path = self._smpl.file("J_regressor_h36m.npy", hint)
        try:
            regressor = np.load(path, allow_pickle=False).astype(float)
        except (OSError, ValueError, EOFError) as error:
            raise BenchmarkError(f"cannot be read ({error})", where=path) from error
        if regressor.shape != (17, 6890):
            raise BenchmarkError(f"must be (17, 6890), not {regressor.shape}", where=path)
        return np.asarray(regressor[list(OF_H36M)])

    def _files(self) -> dict[str, Path]:
        folder = self.root / "sequenceFiles" / self.split
        files = {file.stem: file for file in sorted(folder.glob("*.pkl"))}
        if not files:
            raise self.lacking(folder / "SEQUENCE.pkl")
        return {name: files[name] for name in self.chosen(list(files))}


def _box_of(vertices: FloatArray, intrinsics: FloatArray) -> FloatArray:
    """(F,V,3) camera points -> (F,4) xyxy of what is seen, the centre being the picture's."""
    depth = np.maximum(vertices[..., 2:], 1e-6)
    px = vertices[..., :2] / depth * intrinsics[[0, 1], [0, 1]] + intrinsics[:2, 2]
    boxes = np.concatenate([px.min(axis=1), px.max(axis=1)], axis=-1)
    return np.asarray(np.clip(boxes, 0, np.tile(2 * intrinsics[:2, 2], 2)))


def _nearest(found: Predictions, frames: IntArray, boxes: FloatArray) -> IntArray:
    """(F,) the row that overlaps most in each frame, -1 where none does."""
    out = np.full(len(frames), -1)
    for i, (frame, box) in enumerate(zip(frames.tolist(), boxes, strict=True)):
        rows = found.at(frame)
        overlap = iou(box[None], found.xyxy_px[rows])[0]
        if len(overlap) and overlap.max() > LEAST_IOU:
            out[i] = rows.start + int(overlap.argmax())
    return out


def read_3dpw(path: Path) -> Sequence3dpw:
    """Read a sequence file.

    Raises:
        BenchmarkError: if it is damaged.
    """
    table = {_text(key): value for key, value in read_table(path).items()}
    try:
        extrinsics = array(table["cam_poses"], (-1, 4, 4), "cam_poses", path)
        count = len(extrinsics)
        people = [
            Person3dpw(
                gender={"m": "male", "f": "female", "n": "neutral"}[_text(gender)[:1]],
                valid=np.asarray(valid).astype(bool).reshape(count),
                rotations=axis_angle_to_matrix(
                    array(pose, (count, 72), "poses", path).reshape(count, 24, 3)
                ),
                betas=array(np.asarray(betas, float).reshape(-1)[:10], (10,), "betas", path),
                trans=array(trans, (count, 3), "trans", path),
            )
            for gender, valid, pose, betas, trans in zip(
                *(table[key] for key in ("genders", "campose_valid", "poses", "betas", "trans")),
                strict=True,
            )
        ]
        return Sequence3dpw(
            name=path.stem,
            path=path,
            people=tuple(people),
            intrinsics=array(table["cam_intrinsics"], (3, 3), "cam_intrinsics", path),
            extrinsics=extrinsics,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchmarkError(f"not a file of 3DPW ({error!r})", where=path) from error


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
