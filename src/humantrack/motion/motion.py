"""A person's motion over time, as animation formats want it: one skeleton, even frames, y up.

Axes are the camera's turned half about x: x right, y up, z towards the viewer, origin at the
camera, metres. Nothing is known of the floor or of how the camera was held. Unless a focal length
is given, the camera's is taken to be the picture's diagonal: PHALP's long lens puts people a
hundred metres away, where the noise of their depth is metres too. Bodies are turned to the rays
along which a camera of that focal length sees them (``motion.camera``).
"""

from __future__ import annotations

import itertools
import math
import warnings
from array import array as numbers_of
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from humantrack.body.smpl_file import SmplArrays, read_smpl
from humantrack.clips.frames import Batch
from humantrack.clips.options import ExportOptions
from humantrack.errors import HumantrackError
from humantrack.geometry.rotations import matrix_to_quaternion, quaternion_to_matrix
from humantrack.motion import spool
from humantrack.motion.camera import through_lens, usual_focal_px
from humantrack.motion.skeleton import PELVIS_ROW, Skeleton, sample_of, skeleton_of
from humantrack.motion.spool import Spool, Spooled, chunks
from humantrack.motion.stages import (
    EVEN,
    SAME,
    between,
    in_memory,
    joined,
    marked,
    parts_of,
    resample,
    rows_of,
    smoothed,
)
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.weights.catalog import by_name, find

Y_UP = np.array([1.0, -1.0, -1.0])
"""Half a turn about x: camera axes to the motion's, and back."""

_ESTIMATED = (
    "the body these results belong to is not known, so its bones are estimated from the joints; "
    "for SMPL's own name its file (--smpl SMPL_NEUTRAL.pkl)"
)


FARTHEST = 1e6
"""Metres, and more than any number of a body; what is farther, or no number, is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """T frames of one person, gaps filled.

    The arrays of a long one are ``Spooled``: read from a file when asked for. ``parts`` gives it
    in stretches that fit into memory.
    """

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

    presence_s: tuple[float, float] = (-math.inf, math.inf)
    """Times of the first and last frame in which the person is there; before and after that the
    pose is held (``ExportOptions.timeline``)."""

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def is_present(self) -> BoolArray:
        """(T,) whether the person is there, seen or in a gap between two sights."""
        first_s, last_s = self.presence_s
        near_s = SAME / self.fps
        return np.asarray((self.time_s >= first_s - near_s) & (self.time_s <= last_s + near_s))

    @property
    def name(self) -> str:
        """For file and node names: track1, track1_part2."""
        return f"track{self.track_id}" + ("" if self.part is None else f"_part{self.part}")

    @property
    def matrices(self) -> FloatArray:
        """(T,24,3,3) ``quaternions`` as matrices."""
        return quaternion_to_matrix(self.quaternions)

    def parts(self, rows: slice = slice(None)) -> Iterator[Motion]:
        """Stretches of these rows, one after the other, each short enough for memory."""
        return parts_of(self, rows)

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


_RECORD = [
    ("quaternions", "f4", (24, 4)),
    ("joints", "f4", (45, 3)),
    ("pelvis", "f4", (3,)),
    ("betas", "f4", (10,)),
    ("rest_pelvis", "f4", (3,)),
    ("joint_source", "i1", (45,)),
    ("joint_confidence", "f4", (45,)),
]
"""What is kept of a person in a frame."""


class MotionCollector:
    """Gathers the tracks of a file, some 1 kB a person and frame, in a temporary file.

    Args:
        options: focal length, gaps, rate and smoothing.
        fps: the source's rate.
        long_lens: keep PHALP's focal length where the options give none.

    Raises:
        WeightsError: if ``options.smpl`` is not an SMPL model.
        OutputError: on ``add`` and ``motions``, if there is no room for the temporary file.
    """

    def __init__(self, options: ExportOptions, fps: float, *, long_lens: bool = False) -> None:
        self._options, self._fps, self._long_lens = options, fps, long_lens
        self._named_smpl = None if options.smpl is None else read_smpl(options.smpl)
        self._frame, self._time_s, self._shot = numbers_of("q"), numbers_of("d"), numbers_of("q")
        self._spool = Spool(_RECORD)
        self._rows: dict[int, list[tuple[Any, ...]]] = {}
        """Frame and record of each track's people; in the world ``observed``, ``contacts`` and
        ``confidence`` of a ``Motion`` as well."""

    def add(self, batch: Batch) -> None:
        """Take the next frames."""
        long = batch.people
        start = self._add_frames(batch)
        usual_px = None if self._long_lens else usual_focal_px(long.size)
        people = through_lens(long, self._options.focal_px or usual_px)
        joints = people.joints_3d + people.cam_t[:, None]
        local = np.concatenate([people.global_orient, people.body_pose], axis=1)
        good = people.missed <= 0  # later copies say nothing; -1 was filled in by PHALP
        good &= long.cam_t[:, 2] > 0
        for values in (joints, local, people.betas):
            good &= (np.abs(values) < FARTHEST).all(axis=tuple(range(1, values.ndim)))
        for track_id in np.unique(people.track_id[good]).tolist():
            rows = good & (people.track_id == track_id)
            turned = local[rows].astype(np.float64)
            turned[:, 0] = Y_UP[:, None] * turned[:, 0]
            placed = joints[rows] * Y_UP.astype(np.float32)
            numbers = self._spool.append(
                quaternions=matrix_to_quaternion(turned),
                joints=placed,
                pelvis=placed[:, PELVIS_ROW],
                betas=people.betas[rows],
                rest_pelvis=people.joints_3d[rows, PELVIS_ROW],
                joint_source=people.joint_source[rows],
                joint_confidence=people.joint_confidence[rows],
            )
            self._rows.setdefault(track_id, []).append((start + people.frame_row[rows], numbers))

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
            parts = zip(*self._rows[track_id], strict=True)
            rows, numbers, *world = (np.concatenate(part) for part in parts)
            row, first = np.unique(rows, return_index=True)  # PHALP can list a track twice
            seen = self._seen(track_id, row, numbers[first])
            if world:
                names = ("observed", "contacts", "confidence")
                columns: dict[str, Any] = {}
                columns |= zip(names, (column[first] for column in world), strict=True)
                seen = replace(seen, **columns)
            for motion in self._without_gaps(seen, row):
                out = motion if options.smooth is None else smoothed(motion, options.smooth)
                if options.timeline == "clip":
                    out = self._on_clip(out)
                yield out if options.fps is None else resample(out, options.fps)

    def _seen(self, track_id: int, row: IntArray, numbers: IntArray) -> Motion:
        """A track in the frames in which it was seen, with the bones found from them."""

        def spooled(field: str, dtype: npt.DTypeLike | None = None) -> Any:
            return cast("Any", Spooled(self._spool, field, numbers, dtype))

        betas, rest_pelvis = _means(self._spool, numbers, "betas", "rest_pelvis")
        some = self._spool.read(numbers[sample_of(len(numbers))])
        local = quaternion_to_matrix(some["quaternions"])
        skeleton = skeleton_of(local, some["joints"], some["betas"], lambda: self._smpl, betas)
        if skeleton.kind == "estimated":
            warnings.warn(_ESTIMATED, stacklevel=2)
        seen = Motion(
            track_id=track_id,
            part=None,
            fps=self._fps,
            frame=np.array(self._frame)[row],
            time_s=np.array(self._time_s)[row],
            shot=np.array(self._shot)[row],
            observed=np.ones(len(row), bool),
            quaternions=spooled("quaternions", np.float64),
            pelvis=spooled("pelvis", np.float64),
            joints=spooled("joints", np.float64),
            betas=betas,
            joint_source=spooled("joint_source"),
            joint_confidence=spooled("joint_confidence"),
            skeleton=skeleton,
            rest_pelvis=rest_pelvis,
        )
        return in_memory(seen) if len(seen) <= spool.CHUNK else seen

    @cached_property
    def _smpl(self) -> SmplArrays | None:
        """SMPL's model: the one named, or the cache's if there is a good one."""
        return cached_smpl() if self._named_smpl is None else self._named_smpl

    def _on_clip(self, motion: Motion) -> Motion:
        """The motion in all frames of the clip; the first pose is held before, the last after."""
        row = np.searchsorted(np.array(self._frame), motion.frame)
        every = np.arange(len(self._frame))
        before = np.clip(np.searchsorted(row, every, side="right") - 1, 0, len(row) - 1)
        first, last = float(motion.time_s[0]), float(motion.time_s[-1])
        whole = replace(
            rows_of(motion, before),
            frame=np.array(self._frame),
            time_s=np.array(self._time_s),
            shot=np.array(self._shot),
            observed=motion.observed[before] & np.isin(every, row),
            presence_s=(first, last),
        )
        return joined(whole, (marked(part) for part in whole.parts()))

    def _without_gaps(self, seen: Motion, row: IntArray) -> list[Motion]:
        """The track in one piece with its gaps filled, or in the pieces between them."""
        if self._options.gaps == "split":
            starts = np.flatnonzero(np.diff(row) > 1) + 1
            pieces = [0, *starts.tolist(), len(row)]
            return [
                replace(rows_of(seen, slice(a, b)), part=i if len(starts) else None)
                for i, (a, b) in enumerate(itertools.pairwise(pieces), start=1)
            ]
        every = np.arange(row[0], row[-1] + 1)
        if len(every) == len(row):
            return [seen if seen.observed.all() else joined(seen, map(marked, seen.parts()))]
        before = np.searchsorted(row, every, side="right") - 1
        filled = rows_of(seen, before)
        filled = replace(
            filled,
            frame=np.array(self._frame)[every],
            time_s=np.array(self._time_s)[every],
            shot=np.array(self._shot)[every],
            observed=filled.observed & np.isin(every, row),
        )
        after = np.minimum(before + 1, len(row) - 1)
        is_held = self._options.gaps == "hold"
        return [between(filled, seen, before, after, hold=is_held, then=marked)]


def _means(store: Spool, numbers: IntArray, *fields: str) -> list[FloatArray]:
    """The mean of fields over these records, float32."""
    sums = [np.zeros(store.dtype[field].shape) for field in fields]
    for some in chunks(0, len(numbers)):
        records = store.read(numbers[some])
        for total, field in zip(sums, fields, strict=True):
            np.add(total, records[field].sum(axis=0, dtype=np.float64), out=total)
    return [(total / len(numbers)).astype(np.float32) for total in sums]
