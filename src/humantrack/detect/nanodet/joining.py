"""Boxes of several views of one picture -> the people in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from humantrack.detect.nanodet.doubts import cut_off, dimmed, doubted
from humantrack.detect.nanodet.views import OVERLAP, SAME_IOU, Seen
from humantrack.geometry.boxes import area, iou, non_max_suppression
from humantrack.types.arrays import BoolArray, FloatArray

VAGUE_PX = 40
"""Boxes of smaller people, in pixels of the input, may differ by more than duplicates do."""

_INSIDE, _LARGER = 0.8, 1.5
"""Share of a box that lies in another one, and how often larger that one is, for a part of it."""


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
    is_tile = np.array([seen.view.is_tile for seen in views])[view]
    confirmed = (iou(boxes[best], boxes) > SAME_IOU)[:, ~is_tile].any(axis=1)
    dim = is_tile[best] & ~confirmed
    is_part = dim & _is_part(boxes[best])
    boxes, score = boxes[best], score[best]
    score = np.where(dim, dimmed(boxes, score, finest), doubted(boxes, score, views, width, height))
    best = np.flatnonzero(~is_part)
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
    cut = cut_off(boxes, seen, width, height)
    return cast("BoolArray", ~cut & (size <= OVERLAP))
