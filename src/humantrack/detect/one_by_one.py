"""Bases of detectors that remember no frame: in batches, or each frame by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from humantrack.types import Detections, Frame


class Memoryless:
    """A stage whose answer for a frame hangs on that frame alone, so that any run can resume it."""

    def reset(self) -> None:
        """Nothing to forget."""

    warm_up_s = 0.0
    """It remembers nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


class OneByOne(Memoryless, ABC):
    """A detector that takes frame after frame. Implements the ``Detector`` protocol."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes of every frame with their masks, best first, clipped to the image."""
        return [self._detect(frame) for frame in frames]

    @abstractmethod
    def _detect(self, frame: Frame) -> Detections:
        """The people of one frame."""
