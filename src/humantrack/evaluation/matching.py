"""Whose results are whose: boxes of a frame, and the track that follows a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from humantrack.evaluation.predictions import Predictions
from humantrack.geometry.boxes import iou
from humantrack.types.arrays import FloatArray, IntArray


def track_of(
    found: Predictions, frames: Iterable[int], boxes: FloatArray, least_iou: float
) -> int | None:
    """The track that overlaps a person in most frames; None if none ever does.

    Args:
        found: the results.
        frames: numbers of frames with truth.
        boxes: (F,4) xyxy, the person's in those frames.
        least_iou: IoU from which a box counts.
    """
    votes: Counter[int] = Counter()
    for frame, box in zip(frames, boxes, strict=True):
        rows = found.at(frame)
        near = iou(box[None], found.xyxy_px[rows])[0] > least_iou
        votes.update(found.track_id[rows][near].tolist())
    return max(votes, key=lambda track: (votes[track], -track)) if votes else None


def rows_of(found: Predictions, track: int, frames: IntArray) -> tuple[IntArray, IntArray]:
    """Rows of a track in some frames, and which of the frames those are.

    Args:
        found: the results.
        track: its id.
        frames: (F,) rising.
    """
    rows = np.flatnonzero(found.track_id == track)
    _, at, which = np.intersect1d(found.frame[rows], frames, return_indices=True)
    return rows[at], which
