"""The first walk through the results: each track's one body, and what people tell of the ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.body.smpl_file import SmplArrays
from humantrack.clips.frames import Batch
from humantrack.motion.skeleton import PELVIS_ROW
from humantrack.results.columns import PeopleColumns
from humantrack.types import JointSource
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.world.bodies import CONTACT_ROWS, TrackBody, track_body
from humantrack.world.evidence import FEW_ROWS, LAG_S, MOST_IN_ALL, ShotEvidence, Stances
from humantrack.world.stance import lowest, upright, ups

FARTHEST = 1e6
"""What is larger, or no number, is not believed."""

UNRATED_M = 0.04
"""Error of a joint, sideways, where the results do not say."""

_LEAST_ERROR_M = 0.015
_SIDEWAYS = 1.0
"""Part of a joint's median error that is sideways; the rest is towards the camera."""

_MOST_SAMPLES = 160
_FORGET_FRAMES = 900
"""A track that was not seen for so long gets its body."""

_ARMS_AND_LEGS = ((2, 3), (3, 4), (5, 6), (6, 7), (9, 10), (10, 11), (12, 13), (13, 14))
_FROM, _TO = (np.array(ends) for ends in zip(*_ARMS_AND_LEGS, strict=True))


def usable(people: PeopleColumns) -> BoolArray:
    """(P,) which people were seen in their frame, and are made of sensible numbers."""
    good = people.missed <= 0
    good &= (people.cam_t[:, 2] > 0) & np.isfinite(people.cam_t).all(axis=1)
    for array in (
        *(people.joints_3d, people.joints_2d, people.global_orient, people.body_pose),
        *(people.betas, people.cam_t),
    ):
        good &= (np.abs(array) < FARTHEST).all(axis=tuple(range(1, array.ndim)))
    return np.asarray(good)


def joint_errors(people: PeopleColumns) -> FloatArray:
    """(P,45) metres that joints are off sideways; infinite where nothing of them is seen."""
    rated = people.joint_error_mm[..., 0].astype(np.float64) * (_SIDEWAYS / 1000)
    size = people.size[:, None, ::-1]
    px = people.joints_px()
    is_outside = ((px < 0) | (px >= size)).any(axis=-1)
    plain = np.where(is_outside, np.inf, UNRATED_M)
    source = people.joint_source
    rated = np.where(source >= JointSource.HELD, np.inf, rated)
    error = np.where(np.isfinite(people.joint_error_mm[..., 0]), rated, plain)
    return np.maximum(error, _LEAST_ERROR_M)


def span_of(joints: FloatArray) -> FloatArray:
    """(...,45,3) -> (...) metres of arms and legs together."""
    return np.asarray(
        np.linalg.norm(joints[..., _FROM, :] - joints[..., _TO, :], axis=-1).sum(axis=-1)
    )


@dataclass
class _Samples:
    """Some frames of a track, evenly, in bounded memory."""

    stride: int = 1
    seen: int = 0
    newest: int = 0
    rows: list[tuple[FloatArray, FloatArray, FloatArray]] = field(default_factory=list)

    def add(self, frame: int, row: Callable[[], tuple[FloatArray, FloatArray, FloatArray]]) -> None:
        if self.seen % self.stride == 0:
            self.rows.append(row())
            if len(self.rows) > _MOST_SAMPLES:
                self.rows = self.rows[::2]
                self.stride *= 2
        self.seen += 1
        self.newest = frame


class Survey:
    """Takes all frames of a results file, and keeps what the world pass needs of them.

    Args:
        smpl: gives SMPL's model, if it is there.
    """

    def __init__(self, smpl: Callable[[], SmplArrays | None] = lambda: None) -> None:
        self._smpl = smpl
        self._samples: dict[int, _Samples] = {}
        self._bodies: dict[int, TrackBody] = {}
        self.shots: list[ShotEvidence] = []
        self.frames = 0
        self.size = (0, 0)
        """(H, W) of the frames; zero while nobody was seen."""

        self.guessed_feet = 0
        self.seen_feet = 0

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        people = batch.people
        shot, shots = 0, []
        for number, frame in enumerate(batch.frames):
            if not self.shots or (frame.is_shot_start and self.frames + number > 0):
                self.shots.append(ShotEvidence())
            shot = len(self.shots) - 1
            shots.append(shot)
        self.frames += len(batch.frames)
        good = usable(people)
        if not good.any():
            return
        height, width = people.size[good][0].tolist()
        self.size = (height, width)
        self._sample(batch, people, good)
        rows, of_shot = self._feet(batch, people, np.flatnonzero(good), np.array(shots))
        for number in np.unique(of_shot).tolist():
            self.shots[number].add(rows.rows(of_shot == number))
        if sum(shot.count for shot in self.shots) > MOST_IN_ALL:
            for evidence in self.shots:
                if evidence.count > FEW_ROWS:
                    evidence.thin()

    def _sample(self, batch: Batch, people: PeopleColumns, good: BoolArray) -> None:
        newest = batch.frames[-1].index
        for row in np.flatnonzero(good).tolist():
            samples = self._samples.setdefault(int(people.track_id[row]), _Samples())
            samples.add(
                batch.frames[int(people.frame_row[row])].index,
                lambda row=row: (  # type: ignore[misc]
                    np.concatenate([people.global_orient[row], people.body_pose[row]]),
                    people.joints_3d[row].copy(),
                    people.betas[row].copy(),
                ),
            )
        for track_id, samples in list(self._samples.items()):
            if newest - samples.newest > _FORGET_FRAMES:
                self._settle(track_id)

    def _settle(self, track_id: int) -> None:
        """Give a track its body."""
        rows = self._samples.pop(track_id).rows
        if track_id not in self._bodies:
            local, joints, betas = (np.stack(part) for part in zip(*rows, strict=True))
            self._bodies[track_id] = track_body(
                local.astype(np.float64), joints.astype(np.float64), betas, self._smpl
            )

    def bodies(self) -> dict[int, TrackBody]:
        """The bodies of all tracks, as estimated."""
        for track_id in list(self._samples):
            self._settle(track_id)
        return self._bodies

    def _feet(
        self, batch: Batch, people: PeopleColumns, some: IntArray, shots: IntArray
    ) -> tuple[Stances, IntArray]:
        """The rows of the evidence, and the shot of each."""
        frame = np.array([f.index for f in batch.frames])[people.frame_row[some]]
        time_s = np.array([f.time_s for f in batch.frames])[people.frame_row[some]]
        shot = shots[people.frame_row[some]]
        track = people.track_id[some]
        joints = people.joints_3d[some].astype(np.float64)
        seen = joints - joints[:, PELVIS_ROW, None]
        later = _later(track, time_s, shot)
        up = ups(seen)
        errors = joint_errors(people)[some][:, CONTACT_ROWS]
        low, has_later, error_m = lowest(seen[:, CONTACT_ROWS], errors, up, later)
        pelvis = people.joints_px()[some, PELVIS_ROW]
        per_px = people.cam_t[some, 2].astype(np.float64) / people.focal_px()[some]
        both = np.stack([np.arange(len(some)), later], axis=1)
        both = np.where(both < 0, both[:, :1], both)
        rows = Stances(
            track_id=track,
            frame=frame[both],
            time_s=time_s,
            pelvis_px=pelvis[both],
            per_px=per_px[both],
            low=low,
            up=up,
            span_m=span_of(joints),
            has_later=has_later,
            upright=upright(seen, up),
            error_m=error_m,
        )
        order = np.argsort(time_s, kind="stable")
        return rows.rows(order), shot[order]


def _later(track: IntArray, time_s: FloatArray, shot: IntArray) -> IntArray:
    """(M,) which row is the same person ``LAG_S`` later, or one frame if that is more; -1: none."""
    out = np.full(len(track), -1)
    for one in np.unique(track):
        mine = np.flatnonzero(track == one)
        mine = mine[np.argsort(time_s[mine], kind="stable")]
        when = time_s[mine]
        step = float(np.median(np.diff(when))) if len(mine) > 1 else 0.0
        at = np.searchsorted(when, when + max(LAG_S, 0.9 * step))
        there = at < len(mine)
        near = np.zeros(len(mine), bool)
        near[there] = when[at[there]] - when[there] < 2 * max(LAG_S, step)
        near[there] &= shot[mine[at[there]]] == shot[mine[there]]
        out[mine[near]] = mine[at[near]]
    return out


def rest_span(body: TrackBody) -> float:
    """Metres of arms and legs of a body, as :func:`span_of` measures them."""
    local = np.tile(np.eye(3), (1, 24, 1, 1))
    turned, joints = forward_kinematics(local, body.rest)
    return float(span_of(body.joints45(turned, joints))[0])
