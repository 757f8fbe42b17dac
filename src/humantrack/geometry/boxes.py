"""Axis-aligned boxes, xyxy in pixels with x1 = x0 + width."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

Aspect = tuple[int, int]
"""Width and height of a shape; only their ratio counts."""

NETWORK_ASPECT: Aspect = (192, 256)
"""Width and height of the networks' input (4D-Humans' ``expand_bbox_shape``)."""


_NO_AREA = 1e-30
"""Instead of 0, which must not divide."""


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of every pair.

    Args:
        a: (N,4) boxes.
        b: (M,4) boxes.

    Returns:
        (N,M) in 0..1; boxes without area give 0.
    """
    a, b = np.reshape(a, (-1, 4)), np.reshape(b, (-1, 4))
    size = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    np.maximum(size, 0, out=size)
    inter = size[..., 0] * size[..., 1]
    union = area(a)[:, None] + area(b) - inter
    return np.where(union > 0, inter / np.fmax(union, _NO_AREA), 0.0)


def iou_of_pairs(a: Array, b: Array) -> Array:
    """Intersection over union of (N,4) boxes with (N,4) others, row by row: (N,) in 0..1."""
    size = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    np.maximum(size, 0, out=size)
    inter = size[:, 0] * size[:, 1]
    union = area(a) + area(b) - inter
    return np.where(union > 0, inter / np.fmax(union, _NO_AREA), 0.0)


def area(boxes: Array) -> Array:
    """(N,) areas of (N,4) boxes; inverted boxes count as 0."""
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return size[..., 0] * size[..., 1]


def xyxy_to_xywh(boxes: Array) -> Array:
    """Corners -> top-left corner and size, (...,4)."""
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def xywh_to_xyxy(boxes: Array) -> Array:
    """Top-left corner and size -> corners, (...,4)."""
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def clip_to_image(boxes: Array, height: int, width: int) -> Array:
    """Boxes cut at the borders of an image, (...,4)."""
    limit = np.array([width, height, width, height], boxes.dtype)
    return np.clip(boxes, 0, limit)


def expand_to_aspect(boxes: Array, shape: Aspect | None = NETWORK_ASPECT) -> Array:
    """Grow boxes about their centre until they have the aspect ``shape`` = (width, height).

    Args:
        boxes: (N,4); whole numbers become float64.
        shape: target width and height; None leaves the boxes as they are.

    Returns:
        (N,4), never smaller. Source: 4D-Humans' hmr2/datasets/utils.py.
    """
    if shape is None:
        return boxes.copy()
    if not np.issubdtype(boxes.dtype, np.floating):
        boxes = boxes.astype(np.float64)
    aspect = shape[1] / shape[0]
    centre, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    half = np.maximum(size, size[..., ::-1] * np.array([1 / aspect, aspect], size.dtype)) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def centre_and_side(boxes: Array) -> tuple[Array, Array]:
    """Centres (...,2) in float64 and the longer sides (...,)."""
    boxes = np.asarray(boxes, np.float64)
    size = boxes[..., 2:] - boxes[..., :2]
    return (boxes[..., :2] + boxes[..., 2:]) / 2, size.max(axis=-1)


def non_max_suppression(boxes: Array, scores: Array, threshold: float) -> npt.NDArray[np.intp]:
    """Greedy suppression.

    Args:
        boxes: (N,4).
        scores: (N,).
        threshold: a box is dropped when its IoU with a better one exceeds this.

    Returns:
        Indices of the boxes kept, best first; equal scores keep their order.
    """
    order = np.argsort(-scores, kind="stable")
    overlap = iou(boxes, boxes)
    kept: list[int] = []
    for i in order:
        if all(overlap[i, k] <= threshold for k in kept):
            kept.append(int(i))
    return np.array(kept, np.intp)
