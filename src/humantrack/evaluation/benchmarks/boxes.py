"""What benchmarks of boxes share: true boxes by frame, and how they meet those of results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from humantrack.errors import BenchmarkError
from humantrack.evaluation.measures.tracking import Overlaps
from humantrack.evaluation.predictions import Predictions, check_belongs, check_meets
from humantrack.geometry.boxes import iou
from humantrack.types.arrays import FloatArray, IntArray

HIT = 0.5
"""IoU from which the kits take two boxes as one, before anything is scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueFrame:
    """The true boxes of a frame."""

    ids: IntArray
    """(n,) unique."""

    xyxy_px: FloatArray
    """(n,4)"""

    is_distractor: FloatArray | None = None
    """(n,) bool: what is like a person; boxes on it are neither right nor wrong."""

    is_ignored: FloatArray | None = None
    """(n,) bool: marked as not to be looked for."""

    regions: tuple[FloatArray, ...] = ()
    """Polygons (k,2) in which people are not annotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBoxes:
    """The true boxes of a video."""

    name: str
    path: Path
    """The truth file."""

    source: Path | None
    frame_count: int | None
    """None where the truth does not say it: then at least its last frame must be there."""

    size: tuple[int, int] | None = None
    """H and W."""

    frames: Mapping[int, TrueFrame] = field(default_factory=dict)
    """By number from 0; frames without boxes may be missing."""

    @property
    def least_count(self) -> int:
        """Frames of the video as far as is known."""
        return self.frame_count or max(self.frames, default=-1) + 1


NOBODY = TrueFrame(ids=np.zeros(0, np.int64), xyxy_px=np.zeros((0, 4)))


def checked_frame(frame: TrueFrame, number: int | str, path: Path) -> TrueFrame:
    """The frame, if ids are unique and boxes are numbers.

    Raises:
        BenchmarkError: if not.
    """
    if len(np.unique(frame.ids)) != len(frame.ids):
        ids, counts = np.unique(frame.ids, return_counts=True)
        what = f"id {ids[counts > 1][0]} stands twice in frame {number} of the truth"
        raise BenchmarkError(what, where=path)
    if not np.isfinite(frame.xyxy_px).all():
        raise BenchmarkError(f"a box of frame {number} of the truth is not a number", where=path)
    return frame


def check_video(found: Predictions, truth: TrueBoxes) -> None:
    """See that results are of a video.

    Raises:
        MismatchError: if they are not.
    """
    count = truth.frame_count or max(found.frame_count, truth.least_count)
    check_belongs(found, frame_count=count, size=truth.size, truth=truth.name)
    near = (
        (iou(frame.xyxy_px, found.xyxy_px[found.at(number)]) > 0).any()
        for number, frame in truth.frames.items()
    )
    check_meets([found], any(len(f.ids) for f in truth.frames.values()), any(near))


def overlaps_of(
    found: Predictions, truth: TrueBoxes, *, annotated_only: bool = False
) -> tuple[Overlaps, list[IntArray], list[int]]:
    """Every pair of boxes in each frame.

    Args:
        found: the results.
        truth: of the same video.
        annotated_only: leave out frames without a true box.

    Returns:
        The overlaps, the rows of the results in each frame, and the numbers of the frames.
    """
    numbers = [
        number
        for number in range(found.frame_count)
        if not annotated_only or len(truth.frames.get(number, NOBODY).ids)
    ]
    rows = [np.arange(found.at(n).start, found.at(n).stop) for n in numbers]
    frames = [truth.frames.get(n, NOBODY) for n in numbers]
    return (
        Overlaps(
            [frame.ids for frame in frames],
            [found.track_id[r] for r in rows],
            [iou(f.xyxy_px, found.xyxy_px[r]) for f, r in zip(frames, rows, strict=True)],
        ),
        rows,
        numbers,
    )


def matched(overlap: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of the assignment with the largest sum of overlaps of at least ``HIT``.

    Source: the preprocessing of TrackEval's MotChallenge2DBox.
    """
    scores = np.where(overlap < HIT - np.finfo(float).eps, 0, overlap)
    rows, columns = linear_sum_assignment(-scores)
    hit = scores[rows, columns] > np.finfo(float).eps
    return rows[hit], columns[hit]


def without(video: Overlaps, gone: list[IntArray]) -> Overlaps:
    """The same video without some of the boxes found, ``gone`` being columns of each frame."""
    return Overlaps(
        video.true_ids,
        [np.delete(ids, g) for ids, g in zip(video.ids, gone, strict=True)],
        [np.delete(overlap, g, axis=1) for overlap, g in zip(video.iou, gone, strict=True)],
    )
