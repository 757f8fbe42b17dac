"""Base of detectors that process every frame by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from humantrack.types import Detections, Frame


class OneByOne(ABC):
    """A detector without a memory. Implements the ``Detector`` protocol."""

    def reset(self) -> None:  # noqa: B027 - nothing is what most need
        """Nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - as for reset
        """Nothing to restore."""

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes of every frame with their masks, best first, clipped to the image."""
        return [self._detect(frame) for frame in frames]

    @abstractmethod
    def _detect(self, frame: Frame) -> Detections:
        """The people of one frame."""
