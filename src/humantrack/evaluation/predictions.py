"""Results as measures need them: who is where in each frame, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from humantrack.clips.facts import ClipFacts
from humantrack.clips.source import ResultsSource
from humantrack.errors import MismatchError, ResultsError
from humantrack.geometry.boxes import xywh_to_xyxy
from humantrack.results import PeopleColumns
from humantrack.types import FrameKey
from humantrack.types.arrays import BoolArray, FloatArray, IntArray

_FPS_APART = 0.01
"""Part of a rate by which two may differ: 29.97 and 30 are one."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The people seen in a results file, P rows in the order of the frames. See docs/results.md."""

    path: Path
    facts: ClipFacts
    frame_count: int
    frame_names: tuple[str, ...]
    """File name of each frame, or "" where results do not say one."""

    frame: IntArray
    """(P,) number of the frame among those of the file, from 0."""

    track_id: IntArray
    """(P,)"""

    xyxy_px: FloatArray
    """(P,4)"""

    size: IntArray
    """(P,2) H and W."""

    cam_t: FloatArray
    """(P,3) metres, PHALP's long lens."""

    joints: FloatArray
    """(P,45,3) metres, PHALP's joints without ``cam_t``."""

    rotations: FloatArray
    """(P,24,3,3) the root's in camera axes, the others relative to their parents."""

    betas: FloatArray
    """(P,10)"""

    error_mm: FloatArray
    """(P,45,2) how far joints may be off, NaN where nobody says."""

    @property
    def name(self) -> str:
        """Of the clip."""
        return self.facts.name

    @cached_property
    def _bounds(self) -> IntArray:
        return np.searchsorted(self.frame, np.arange(self.frame_count + 1))

    def at(self, frame: int) -> slice:
        """The rows of a frame."""
        return slice(int(self._bounds[frame]), int(self._bounds[frame + 1]))


def read_predictions(path: Path) -> Predictions:
    """Read the people seen in a results file.

    Raises:
        ResultsError: if it cannot be read, a number is not finite, or an id stands twice in a
            frame.
    """
    source = ResultsSource(path, strict=True)
    columns: list[PeopleColumns] = []
    frames: list[IntArray] = []
    names: list[str] = []
    count = 0
    for batch in source.batches():
        people = batch.people
        columns.append(people)
        frames.append(people.frame_row + count)
        count += len(batch.frames)
        names += [_file_name(frame.key) for frame in batch.frames]
    if not columns:
        raise ResultsError("the results hold no frame", where=path)

    def all_of(name: str) -> Any:
        return np.concatenate([np.asarray(getattr(c, name)) for c in columns])

    seen: BoolArray = all_of("missed") <= 0  # -1 is what PHALP's smoothing has filled in
    rotations = np.concatenate([all_of("global_orient"), all_of("body_pose")], axis=1)
    found = Predictions(
        path=path,
        facts=source.facts,
        frame_count=count,
        frame_names=tuple(names),
        frame=np.concatenate(frames)[seen],
        track_id=all_of("track_id")[seen],
        xyxy_px=xywh_to_xyxy(all_of("xywh_px")[seen].astype(np.float64)),
        size=all_of("size")[seen],
        cam_t=all_of("cam_t")[seen].astype(np.float64),
        joints=all_of("joints_3d")[seen].astype(np.float64),
        rotations=rotations[seen].astype(np.float64),
        betas=all_of("betas")[seen].astype(np.float64),
        error_mm=all_of("joint_error_mm")[seen].astype(np.float64),
    )
    _check_numbers(found)
    _check_ids(found)
    return found


def _file_name(key: FrameKey) -> str:
    return PurePosixPath(key.replace("\\", "/")).name if isinstance(key, str) else ""


def _check_numbers(found: Predictions) -> None:
    keys = {"xyxy_px": "bbox", "cam_t": "camera", "joints": "3d_joints", "rotations": "smpl"}
    for name, key in keys.items():
        values = np.asarray(getattr(found, name))
        bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        if len(bad):
            row = bad[0]
            who = f"track {found.track_id[row]} in frame {found.frame[row]}"
            what = f"'{key}' of {who} is not a number"
            raise ResultsError(what, where=found.path)


def _check_ids(found: Predictions) -> None:
    pairs = np.stack([found.frame, found.track_id], axis=1)
    unique, counts = np.unique(pairs, axis=0, return_counts=True)
    for frame, track_id in unique[counts > 1][:1]:
        raise ResultsError(f"track {track_id} stands twice in frame {frame}", where=found.path)


def check_belongs(
    found: Predictions,
    *,
    frame_count: int,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    truth: str,
) -> None:
    """See that results can be those of a video.

    Args:
        found: the results.
        frame_count: frames of the video.
        fps: its rate; None where frames have no rate.
        size: H and W of its pictures; None where nobody says.
        truth: what it is called, for the error.

    Raises:
        MismatchError: if they hold other frames, another rate or pictures of another size.
    """
    where = found.path
    facts = found.facts
    if found.frame_count != frame_count:
        rates = f" at {facts.fps:g} fps" if facts.fps_known else ""
        true_rate = "" if fps is None else f" at {fps:g} fps"
        what = (
            f"the results hold {found.frame_count} frames{rates}, {truth} {frame_count}{true_rate}"
        )
        raise MismatchError(what, where=where, hint="score results of the whole, same video")
    if fps is not None and facts.fps_known and abs(facts.fps - fps) > _FPS_APART * fps:
        what = f"the results are at {facts.fps:g} frames per second, {truth} at {fps:g}"
        raise MismatchError(what, where=where, hint="score results of the same video")
    if size is not None and len(found.size):
        other = found.size[(found.size != size).any(axis=1)]
        if len(other):
            (h, w), (height, width) = other[0].tolist(), size
            what = f"the results are of {w}x{h} pictures, {truth} of {width}x{height}"
            raise MismatchError(what, where=where, hint="score results of the same video")


def check_meets(found: Sequence[Predictions], has_truth: bool, has_met: bool) -> None:
    """See that at least one box met a true one, where there are both.

    Raises:
        MismatchError: if not one did.
    """
    if has_truth and not has_met and any(len(p.frame) for p in found):
        raise MismatchError(
            "not one box of the results overlaps a true one",
            where=found[0].path,
            hint="are they of another video?",
        )
