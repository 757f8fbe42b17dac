"""A person's motion over time, as animation formats want it: one skeleton, even frames, y up.

Axes are the camera's turned half about x: x right, y up, z towards the viewer, origin at the
camera, metres. Nothing is known of the floor or of how the camera was held. Unless a focal length
is given, the camera's is taken to be the picture's diagonal: PHALP's long lens puts people a
hundred metres away, where the noise of their depth is metres too.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from humantrack.body.smpl_file import SmplArrays, read_smpl
from humantrack.clips.options import ExportOptions
from humantrack.clips.source import Batch
from humantrack.errors import HumantrackError, ResultsError
from humantrack.geometry.rotations import (
    matrix_to_quaternion,
    quaternion_to_matrix,
    slerp,
)
from humantrack.motion.camera import camera_with_focal, usual_focal_px
from humantrack.motion.skeleton import PELVIS_ROW, Skeleton, skeleton_of
from humantrack.motion.smoothing import smooth
from humantrack.types import JointSource
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.weights.catalog import by_name, find

Y_UP = np.array([1.0, -1.0, -1.0])
"""Half a turn about x: camera axes to the motion's, and back."""

EVEN = 0.1
"""Frames are evenly spaced if none is further from its place than this part of a frame: containers
that count in milliseconds round."""

_SAME = 1e-6
"""Times closer than this part of a frame are one."""

MOST_FRAMES = 10**7
"""Of one motion: four days at 30 frames per second. More means that times or rate are wrong."""

_ESTIMATED = (
    "the body these results belong to is not known, so its bones are estimated from the joints; "
    "for SMPL's own name its file (--smpl SMPL_NEUTRAL.pkl)"
)


FARTHEST = 1e6
"""Metres, and more than any number of a body; what is farther, or no number, is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """T frames of one person, gaps filled."""

    track_id: int
    part: int | None
    """Number of the stretch, from 1, where gaps split the track; else None."""

    fps: float
    """Nominal frames per second."""

    frame: IntArray
    """(T,) int64 number of the results' frame; after resampling the last one before."""

    time_s: FloatArray
    """(T,) float64 since the start of the source."""

    shot: IntArray
    """(T,) int64 cuts before the frame: motion does not flow across one."""

    observed: BoolArray
    """(T,) whether the person was seen in that frame, and not filled in."""

    quaternions: FloatArray
    """(T,24,4) w first: the root's rotation in the motion's axes, the others to their parents."""

    pelvis: FloatArray
    """(T,3) metres, where the root joint is."""

    joints: FloatArray
    """(T,45,3) metres, PHALP's 45 joints where they are; the last is the body's origin."""

    betas: FloatArray
    """(10,) mean over the frames in which the person was seen."""

    joint_source: IntArray
    """(T,45) int8 of ``JointSource``, -1 where the results do not say. What is between two frames
    has the worse of both; where a gap was filled it is at least ``HELD``."""

    joint_confidence: FloatArray
    """(T,45) float32, probability of an error below 100 mm; NaN where nothing is known, as in gaps
    that were filled."""

    skeleton: Skeleton
    """The bones, found from the frames in which the person was seen."""

    rest_pelvis: FloatArray
    """(3,) the root joint in the body's own axes, which its rotation leaves in place."""

    contacts: BoolArray | None = None
    """(T,4) whether heel and toe stand, in the order of ``types.world.CONTACTS``; None: unknown."""

    confidence: FloatArray | None = None
    """(T,) 0..1, of place and pose in the world; None where people are not in the world."""

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def name(self) -> str:
        """For file and node names: track1, track1_part2."""
        return f"track{self.track_id}" + ("" if self.part is None else f"_part{self.part}")

    @property
    def matrices(self) -> FloatArray:
        """(T,24,3,3) ``quaternions`` as matrices."""
        return quaternion_to_matrix(self.quaternions)

    @property
    def is_even(self) -> bool:
        """True if the frames are evenly spaced at ``fps``."""
        steps = np.arange(len(self)) / self.fps
        return bool(np.abs(self.time_s - self.time_s[0] - steps).max() * self.fps < EVEN)

    def even(self) -> Motion:
        """The same motion at even frames of ``fps``; itself if it is even already."""
        return self if self.is_even else resample(self, self.fps)


def cached_smpl() -> SmplArrays | None:
    """SMPL's model from the cache, if there is a good one."""
    path = find(by_name("SMPL_NEUTRAL.pkl"))
    if path is None:
        return None
    try:
        return read_smpl(path)
    except HumantrackError as error:
        warnings.warn(str(error), stacklevel=2)
        return None


class MotionCollector:
    """Gathers the tracks of a file; some 1 kB a person and frame.

    Args:
        options: focal length, gaps, rate and smoothing.
        fps: the source's rate.
        long_lens: keep PHALP's focal length where the options give none.

    Raises:
        WeightsError: if ``options.smpl`` is not an SMPL model.
    """

    def __init__(self, options: ExportOptions, fps: float, *, long_lens: bool = False) -> None:
        self._options, self._fps, self._long_lens = options, fps, long_lens
        self._named_smpl = None if options.smpl is None else read_smpl(options.smpl)
        self._frame: list[int] = []
        self._time_s: list[float] = []
        self._shot: list[int] = []
        self._rows: dict[int, list[tuple[IntArray, ...]]] = {}

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        people = batch.people
        start = self._add_frames(batch)
        own_px = people.focal_px()
        usual_px = own_px if self._long_lens else usual_focal_px(people.size)
        cam_t = camera_with_focal(people.cam_t, own_px, self._options.focal_px or usual_px)
        joints = people.joints_3d + cam_t[:, None]
        local = np.concatenate([people.global_orient, people.body_pose], axis=1)
        good = people.missed <= 0  # later copies say nothing; -1 was filled in by PHALP
        good &= people.cam_t[:, 2] > 0
        for array in (joints, local, people.betas):
            good &= (np.abs(array) < FARTHEST).all(axis=tuple(range(1, array.ndim)))
        for track_id in np.unique(people.track_id[good]).tolist():
            rows = good & (people.track_id == track_id)
            turned = local[rows].astype(np.float64)
            turned[:, 0] = Y_UP[:, None] * turned[:, 0]
            self._rows.setdefault(track_id, []).append(
                (
                    start + people.frame_row[rows],
                    matrix_to_quaternion(turned).astype(np.float32),
                    joints[rows] * Y_UP.astype(np.float32),
                    people.betas[rows],
                    people.joints_3d[rows, PELVIS_ROW],
                    people.joint_source[rows].astype(np.int8),
                    people.joint_confidence[rows],
                    np.ones(int(rows.sum()), bool),
                )
            )

    def _add_frames(self, batch: Batch) -> int:
        """Note when the next frames are, and tell how many came before."""
        start = len(self._frame)
        for frame in batch.frames:
            self._frame.append(frame.index)
            self._time_s.append(frame.time_s)
            self._shot.append((self._shot[-1] if self._shot else 0) + frame.is_shot_start)
        return start

    def motions(self) -> Iterator[Motion]:
        """Every track's motion, by track id, prepared as the options say."""
        options = self._options
        for track_id in sorted(self._rows):
            row, quaternions, joints, betas, rest, source, confidence, observed, *world = (
                np.concatenate(parts) for parts in zip(*self._rows[track_id], strict=True)
            )
            row, first = np.unique(row, return_index=True)  # PHALP can list a track twice
            local = quaternion_to_matrix(quaternions[first])
            skeleton = skeleton_of(local, joints[first], betas[first], lambda: self._smpl)
            if skeleton.kind == "estimated":
                warnings.warn(_ESTIMATED, stacklevel=2)
            seen = Motion(
                track_id=track_id,
                part=None,
                fps=self._fps,
                frame=np.array(self._frame)[row],
                time_s=np.array(self._time_s)[row],
                shot=np.array(self._shot)[row],
                observed=observed[first],
                quaternions=quaternions[first].astype(np.float64),
                pelvis=joints[first, PELVIS_ROW].astype(np.float64),
                joints=joints[first].astype(np.float64),
                betas=betas[first].mean(axis=0),
                joint_source=source[first],
                joint_confidence=confidence[first],
                skeleton=skeleton,
                rest_pelvis=_mean(rest[first]),
                contacts=world[0][first] if world else None,
                confidence=world[1][first] if world else None,
            )
            for motion in self._without_gaps(seen, row):
                out = motion if options.smooth is None else _smoothed(motion, options.smooth)
                yield out if options.fps is None else resample(out, options.fps)

    @cached_property
    def _smpl(self) -> SmplArrays | None:
        """SMPL's model: the one named, or the cache's if there is a good one."""
        return cached_smpl() if self._named_smpl is None else self._named_smpl

    def _without_gaps(self, seen: Motion, row: IntArray) -> list[Motion]:
        """The track in one piece with its gaps filled, or in the pieces between them."""
        if self._options.gaps == "split":
            starts = np.flatnonzero(np.diff(row) > 1) + 1
            pieces = [0, *starts.tolist(), len(row)]
            return [
                replace(_rows(seen, np.arange(a, b)), part=i if len(starts) else None)
                for i, (a, b) in enumerate(itertools.pairwise(pieces), start=1)
            ]
        every = np.arange(row[0], row[-1] + 1)
        if len(every) == len(row):
            return [_marked(seen)]
        before = np.searchsorted(row, every, side="right") - 1
        filled = _rows(seen, before)
        filled = replace(
            filled,
            frame=np.array(self._frame)[every],
            time_s=np.array(self._time_s)[every],
            shot=np.array(self._shot)[every],
            observed=filled.observed & np.isin(every, row),
        )
        after = np.minimum(before + 1, len(row) - 1)
        whole = _between(filled, seen, before, after, hold=self._options.gaps == "hold")
        return [_marked(whole)]


def _marked(motion: Motion) -> Motion:
    """The motion with what was filled in marked as not of its frame."""
    gap = ~motion.observed[:, None]
    source, known = motion.joint_source, motion.joint_source >= 0
    return replace(
        motion,
        joint_source=np.where(gap & known, np.maximum(source, JointSource.HELD), source),
        joint_confidence=np.where(gap, np.float32(np.nan), motion.joint_confidence),
    )


def _mean(points: FloatArray) -> FloatArray:
    """(T,3) -> (3,) of the rows that are known; zero if none is."""
    known = points[np.isfinite(points).all(axis=1)]
    return known.mean(axis=0) if len(known) else np.zeros(3)


def _rows(motion: Motion, index: IntArray) -> Motion:
    """The frames picked by an index array."""
    names = (
        *("frame", "time_s", "shot", "observed", "quaternions", "pelvis", "joints"),
        *("joint_source", "joint_confidence", "contacts", "confidence"),
    )
    columns = {name: getattr(motion, name) for name in names}
    return replace(
        motion, **{n: column[index] for n, column in columns.items() if column is not None}
    )


def _between(
    target: Motion, source: Motion, before: IntArray, after: IntArray, *, hold: bool = False
) -> Motion:
    """``target``'s frames with the pose between those of ``source`` around them.

    Rotations take the shortest way (slerp), points the straight one; with ``hold`` they wait.
    Across a cut there is no way: a frame takes the pose of the side it is on.
    """
    start, end = source.time_s[before], source.time_s[after]
    span = np.where(end > start, end - start, 1.0)
    share = np.clip((target.time_s - start) / span, 0.0, 0.0 if hold else 1.0)
    cut = source.shot[before] != source.shot[after]
    share = np.where(cut, target.shot >= source.shot[after], share)
    matrices = source.matrices
    turned = slerp(matrices[before], matrices[after], np.repeat(share[:, None], 24, axis=1))

    def line(points: FloatArray) -> FloatArray:
        part = share.reshape(-1, *([1] * (points.ndim - 1)))
        return np.asarray(points[before] * (1 - part) + points[after] * part)

    def worse(values: FloatArray | IntArray, of_two: Callable[..., Any]) -> Any:
        start, end = values[before], values[after]
        part = share[:, None]
        return np.where(part <= _SAME, start, np.where(part >= 1 - _SAME, end, of_two(start, end)))

    return replace(
        target,
        quaternions=matrix_to_quaternion(turned),
        pelvis=line(source.pelvis),
        joints=line(source.joints),
        joint_source=worse(source.joint_source, _worse_source),
        joint_confidence=worse(source.joint_confidence, np.minimum),
    )


def _worse_source(one: IntArray, other: IntArray) -> IntArray:
    """The worse of two sources; nothing is known if nothing is known of one."""
    return np.where(np.minimum(one, other) < 0, np.int8(-1), np.maximum(one, other))


def resample(motion: Motion, fps: float, start_s: float | None = None) -> Motion:
    """The motion at even frames of another rate, from its first frame or another time on.

    Raises:
        ResultsError: if it would have more frames than any clip, or time runs backwards.
    """
    start_s = float(motion.time_s[0]) if start_s is None else start_s
    length = (float(motion.time_s[-1]) - start_s) * fps
    if not -EVEN < length < MOST_FRAMES:
        raise ResultsError(
            f"track {motion.track_id} would have {length:.3g} frames at {fps:g} per second",
            hint="check --fps, and the times in the results",
        )
    time_s = start_s + np.arange(int(np.floor(length + EVEN)) + 1) / fps
    before = np.searchsorted(motion.time_s, time_s + _SAME / fps, side="right") - 1
    before = np.maximum(before, 0)
    after = np.minimum(before + 1, len(motion) - 1)
    target = replace(_rows(motion, before), time_s=time_s, fps=fps)
    return _between(target, motion, before, after)


def _smoothed(motion: Motion, kind: str) -> Motion:
    """Every shot of the motion through a filter of its own."""
    cuts = np.flatnonzero(np.diff(motion.shot)) + 1
    parts = []
    for a, b in itertools.pairwise([0, *cuts.tolist(), len(motion)]):
        part = _rows(motion, np.arange(a, b))
        parts.append(smooth(kind, part.time_s, part.quaternions, part.pelvis, part.joints))
    quaternions, pelvis, joints = (np.concatenate(p) for p in zip(*parts, strict=True))
    return replace(motion, quaternions=quaternions, pelvis=pelvis, joints=joints)
