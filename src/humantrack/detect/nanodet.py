"""NanoDet: person boxes on the CPU, without a download."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from humantrack import models
from humantrack.errors import ConfigError
from humantrack.geometry.boxes import clip_to_image, non_max_suppression
from humantrack.types import Detections, Frame
from humantrack.types.arrays import ByteArray, FloatArray

WIDE, CLOSE = 640, 416
"""Longer side of the network's input for wide scenes and for close-ups."""

BLOCK = 15
"""Frames between two decisions on the size, counted from the last reset or cut."""

TOO_TALL_PX, TOO_SMALL_PX = 300, 130
"""Median height of people, in pixels of the input, that leads from WIDE to CLOSE and back."""

_MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
_STD_BGR = np.array([57.375, 57.12, 58.395], np.float32)
_STRIDES = (8, 16, 32)
_BINS = 11
_MAX_BATCH = 8


class NanoDet:
    """A detector of people that gives strong and weak boxes.

    Weak boxes (below ``score``) are half-hidden people as often as errors: whoever takes them
    must only believe those that continue somebody already seen.

    Args:
        score: above this a box may start a track; also what the choice of size looks at.
        weak_score: below this a box is not given at all.
        nms_iou: boxes that overlap more than this with a better one are dropped.
        size: longer side of the network's input in px (a multiple of 32), or "auto": 640, and 416
            while people stand higher than about half of a wide picture.
        threads: see :func:`humantrack.models.session`.

    Raises:
        ConfigError: if ``size`` is invalid.
    """

    def __init__(
        self,
        *,
        score: float = 0.4,
        weak_score: float = 0.2,
        nms_iou: float = 0.6,
        size: int | str = "auto",
        threads: int | None = None,
    ) -> None:
        self._score, self._weak_score, self._nms_iou = score, weak_score, nms_iou
        self._fixed_size = None if size == "auto" else _checked_size(size)
        self._threads = threads
        self.reset()

    def reset(self) -> None:
        """Forget all earlier frames."""
        self._size = self._fixed_size or WIDE
        self._in_block = 0
        self._heights: list[float] = []
        self._scale = 1.0

    def state_dict(self) -> dict[str, Any]:
        """The size in use, and what the choice of the next one depends on."""
        return {
            "size": self._size,
            "scale": self._scale,
            "in_block": self._in_block,
            "heights": list(self._heights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one with the same arguments."""
        self._size, self._scale = state["size"], state["scale"]
        self._in_block = state["in_block"]
        self._heights = list(state["heights"])

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes of every frame, best first, clipped to the image, ``score`` from ``weak_score``."""
        found: list[Detections] = []
        while len(found) < len(frames):
            rest = frames[len(found) :]
            if rest[0].is_shot_start:
                self.reset()
            elif self._in_block == BLOCK:
                self._choose_size()
            batch = rest[: self._batch_length(rest)]
            results = self._run([frame.rgb for frame in batch])
            self._in_block += len(batch)
            for result in results:
                height = (result.xyxy_px[:, 3] - result.xyxy_px[:, 1])[result.score >= self._score]
                self._heights.extend(height.tolist())
            found.extend(results)
        return found

    def _batch_length(self, frames: Sequence[Frame]) -> int:
        """How many of the next frames share a picture size, an input size and a shot."""
        limit = min(len(frames), _MAX_BATCH, BLOCK - self._in_block)
        for i in range(1, limit):
            if frames[i].is_shot_start or frames[i].rgb.shape != frames[0].rgb.shape:
                return i
        return limit

    def _choose_size(self) -> None:
        """Decide the size for the next block from the boxes of the last one."""
        if self._fixed_size is None:
            height = float(np.median(self._heights)) * self._scale if self._heights else 0.0
            if self._size == WIDE and height > TOO_TALL_PX:
                self._size = CLOSE
            elif self._size == CLOSE and height < TOO_SMALL_PX:
                self._size = WIDE
        self._in_block, self._heights = 0, []

    def _run(self, images: Sequence[ByteArray]) -> list[Detections]:
        height, width = images[0].shape[:2]
        self._scale = self._size / max(height, width)
        inputs = [network_input(image, self._size) for image in images]
        batch = inputs[0][None] if len(inputs) == 1 else np.stack(inputs)
        session = models.session(models.NANODET, self._threads)
        raw = session.run(None, {"input": batch})[0]
        grid = cells(*batch.shape[2:])
        found = []
        for rows in raw:
            boxes, score = decode(rows, grid, self._weak_score)
            boxes = clip_to_image(boxes / np.float32(self._scale), height, width)
            has_area = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
            boxes, score = boxes[has_area], score[has_area]
            keep = non_max_suppression(boxes, score, self._nms_iou)
            found.append(
                Detections(
                    xyxy_px=boxes[keep].astype(np.float32),
                    score=score[keep].astype(np.float32),
                    class_id=np.zeros(len(keep), np.int64),
                )
            )
        return found


def _checked_size(size: int | str) -> int:
    if not str(size).isdecimal() or int(size) == 0 or int(size) % 32:
        raise ConfigError(
            "The detector's input size must be 'auto' or a multiple of 32, such as 640 or 416",
            where=size,
        )
    return int(size)


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
