"""NanoDet's network: a picture in, boxes and scores of people out."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from humantrack import models
from humantrack.geometry.boxes import clip_to_image
from humantrack.types.arrays import ByteArray, FloatArray

_MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
_STD_BGR = np.array([57.375, 57.12, 58.395], np.float32)
_STRIDES = (8, 16, 32)
_BINS = 11


def candidates(
    rgb: ByteArray, long_side: int, threshold: float, threads: int = 1
) -> tuple[FloatArray, FloatArray]:
    """All boxes of a picture, many of them of the same person.

    Args:
        rgb: (H,W,3) uint8.
        long_side: of the network's input, px.
        threshold: least score.
        threads: inside the network.

    Returns:
        (M,4) boxes in pixels of the picture, clipped to it, and (M,) scores.
    """
    height, width = rgb.shape[:2]
    batch = network_input(rgb, long_side)[None]
    raw = models.session(models.NANODET, threads).run(None, {"input": batch})[0]
    boxes, score = decode(raw[0], cells(*batch.shape[2:]), threshold)
    boxes = clip_to_image(boxes / np.float32(long_side / max(height, width)), height, width)
    has_area = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    return boxes[has_area], score[has_area]


def network_input(rgb: ByteArray, long_side: int) -> FloatArray:
    """(H,W,3) uint8 RGB -> (3,h,w) float32 normalised BGR.

    The longer side is scaled to ``long_side``; right and bottom are padded with zeros, after
    normalisation, to multiples of 32.
    """
    height, width = rgb.shape[:2]
    scale = long_side / max(height, width)
    new_w, new_h = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(rgb, (new_w, new_h), interpolation=how)
    out = np.zeros((3, -(-new_h // 32) * 32, -(-new_w // 32) * 32), np.float32)
    for channel, grey in enumerate(reversed(cv2.split(small))):
        plane = out[channel, :new_h, :new_w]
        np.subtract(grey, _MEAN_BGR[channel], out=plane)
        plane /= _STD_BGR[channel]
    return out


@functools.lru_cache(maxsize=8)
def cells(height: int, width: int) -> FloatArray:
    """(A,3): centre x, y and stride of every cell of an input, in the output's order."""
    levels = []
    for stride in _STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride]
        centre = [(x.ravel() + 0.5) * stride, (y.ravel() + 0.5) * stride]
        levels.append(np.column_stack([*centre, np.full(x.size, stride)]))
    return np.concatenate(levels).astype(np.float32)


def decode(rows: FloatArray, grid: FloatArray, threshold: float) -> tuple[FloatArray, FloatArray]:
    """The network's rows (A,45) -> boxes (M,4) in input pixels and scores (M,) >= threshold.

    Each side's distance from the cell's centre is the mean of a distribution over 11 bins
    (generalised focal loss, arXiv:2006.04388).
    """
    keep = np.flatnonzero(rows[:, 0] >= np.log(threshold / (1 - threshold)))
    centre, stride = grid[keep, :2], grid[keep, 2:]
    bins = rows[keep, 1:].reshape(-1, 4, _BINS)
    share = np.exp(bins - bins.max(axis=-1, keepdims=True))
    share /= share.sum(axis=-1, keepdims=True)
    left_top_right_bottom = (share @ np.arange(_BINS, dtype=np.float32)) * stride
    boxes = np.concatenate(
        [centre - left_top_right_bottom[:, :2], centre + left_top_right_bottom[:, 2:]], axis=1
    )
    return boxes, 1 / (1 + np.exp(-rows[keep, 0]))
