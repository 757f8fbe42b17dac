"""Boxes of several views of one picture -> the people in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from humantrack.detect.nanodet.views import OVERLAP, View
from humantrack.geometry.boxes import area, iou, non_max_suppression
from humantrack.types.arrays import BoolArray, FloatArray

_BORDER_PX = 3
"""Pixels of the input from a tile's border within which a box counts as cut off by it."""

VAGUE_PX = 40
"""Boxes of smaller people, in pixels of the input, may differ by more than duplicates do."""

SAME_IOU = 0.5
"""From this overlap on, boxes of two views show the same person."""

_UNCONFIRMED = 0.1
"""What a tile's box loses that no input of the whole picture shows, not even weakly: enlarged,
lamps and cameras below a ceiling look like somebody. Half of such boxes fall below 0.4 so, and one
person in a hundred of those less than 120 px high."""

_INSIDE, _LARGER = 0.8, 1.5
"""Share of a box that lies in another one, and how often larger that one is, for a part of it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The candidates of one view."""

    view: View
    boxes: FloatArray
    """(M,4) pixels of the picture."""

    score: FloatArray
    """(M,)"""


def join(
    views: Sequence[Seen], width: int, height: int, nms_iou: float
) -> tuple[FloatArray, FloatArray]:
    """The people of a picture, best first.

    Args:
        views: what each of them shows.
        width: of the picture.
        height: of the picture.
        nms_iou: boxes that overlap more than this with a better one are dropped.

    Returns:
        (N,4) boxes in pixels of the picture and (N,) scores, float32.
    """
    finest = max((seen.view.scale for seen in views if not seen.view.is_tile), default=0.0)
    kept = [_responsible(seen, width, height, finest) for seen in views]
    boxes = np.concatenate([seen.boxes[keep] for seen, keep in zip(views, kept, strict=True)])
    score = np.concatenate([seen.score[keep] for seen, keep in zip(views, kept, strict=True)])
    view = np.repeat(np.arange(len(views)), [int(keep.sum()) for keep in kept])
    best = non_max_suppression(boxes, score, nms_iou)
    if any(seen.view.is_tile for seen in views):
        is_tile = np.array([seen.view.is_tile for seen in views])[view]
        confirmed = (iou(boxes[best], boxes) > SAME_IOU)[:, ~is_tile].any(axis=1)
        doubtful = is_tile[best] & ~confirmed
        score = score.copy()
        score[best[doubtful]] -= _UNCONFIRMED
        best = best[~(doubtful & _is_part(boxes[best]))]
        best = best[np.argsort(-score[best], kind="stable")]
    return boxes[best].astype(np.float32), score[best].astype(np.float32)


def _is_part(boxes: FloatArray) -> BoolArray:
    """Of boxes, best first, those that lie inside a better and much larger one.

    A head and chest look like somebody small, where the rest of the body is not made out.
    """
    size = area(boxes)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=-1) > _INSIDE * size[:, None]
    better = np.tri(len(boxes), k=-1, dtype=bool)
    much_larger = size[None] > _LARGER * size[:, None]
    return cast("BoolArray", (inside & better & much_larger).any(axis=1))


def _responsible(seen: Seen, width: int, height: int, finest: float) -> BoolArray:
    """Of a view's boxes those that no other view is sure to have better.

    A tile's are neither cut off by its borders nor larger than what tiles overlap by. Those of the
    whole picture are not so small that they are vague, where a larger input shows it, too.
    """
    view, boxes = seen.view, seen.boxes
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * view.scale
    if not view.is_tile:
        return cast("BoolArray", (size >= VAGUE_PX) | (view.scale == finest))
    margin = _BORDER_PX / view.scale
    cut = np.zeros(len(boxes), bool)
    borders = (view.x0, 0), (view.y0, 0), (view.x1, width), (view.y1, height)
    for side, (border, end) in enumerate(borders):
        if border != end:
            cut |= np.abs(boxes[:, side] - border) < margin
    return cast("BoolArray", ~cut & (size <= OVERLAP))
