"""Places in the picture where something was looked for in vain a moment ago."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from humantrack.geometry.boxes import iou
from humantrack.types.arrays import BoolArray, FloatArray

SAME_PLACE = 0.5
"""IoU above which two boxes are of one place."""


class Places:
    """Boxes that are forgotten after some frames.

    Args:
        frames: after which a place is worth another look.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._boxes, self._ago = np.zeros((0, 4)), np.zeros(0, np.int64)

    def has(self, boxes: FloatArray) -> BoolArray:
        """(N,) which boxes (N,4) are of such a place."""
        return np.asarray((iou(boxes, self._boxes) > SAME_PLACE).any(axis=1))

    def add(self, boxes: FloatArray) -> None:
        """Boxes (N,4) in which nothing was found in the coming frame."""
        self._boxes = np.concatenate([self._boxes, boxes])
        self._ago = np.concatenate([self._ago, np.zeros(len(boxes), np.int64)])

    def after_frame(self) -> None:
        """A frame has passed."""
        ago = self._ago + 1
        lately = ago < self._frames
        self._boxes, self._ago = self._boxes[lately], ago[lately]

    def state_dict(self) -> dict[str, Any]:
        """All of them."""
        return {"boxes": self._boxes, "ago": self._ago}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of ``state_dict``."""
        self._boxes, self._ago = state["boxes"], state["ago"]
