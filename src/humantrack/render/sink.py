"""The overlay video as a sink of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from humantrack.render.overlay import Overlay
from humantrack.types import Frame, FrameRecord


class Writer(Protocol):
    """What is needed of a video writer: a context manager that takes pictures."""

    def __enter__(self) -> Any: ...

    def write(self, rgb: npt.NDArray[np.uint8], time_s: float | None = None) -> None:
        """Append a picture."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


OpenWriter = Callable[[int, int, float], Writer]
"""(width, height, time of the first frame in seconds) -> a writer."""


class Prepare(Protocol):
    """Makes frames as they may be shown."""

    def blurred(self, frame: Frame, record: FrameRecord) -> Frame:
        """A frame, given who is in it, as it may be shown."""

    def state_dict(self) -> Mapping[str, Any]:
        """What it remembers of earlier frames, as plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


class OverlaySink:
    """Draws each final frame and hands it to a video writer, opened at the first frame.

    Args:
        overlay: draws.
        open_writer: makes the writer once the size is known.
        timed: pass the frames' own times on; otherwise the writer's rate decides.
        prepare: changes the picture before anything is drawn.
        state: the writer's ``state_dict`` until there is one (for a writer that goes on).
    """

    def __init__(
        self,
        overlay: Overlay,
        open_writer: OpenWriter,
        *,
        timed: bool = True,
        prepare: Prepare | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._overlay, self._open_writer, self._timed = overlay, open_writer, timed
        self._prepare = prepare
        self._writer: Any = None
        self._state = state or {"frames": 0}
        if prepare is not None and "prepare" in self._state:
            prepare.load_state_dict(self._state["prepare"])

    def __enter__(self) -> OverlaySink:
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Draw one frame."""
        if self._prepare is not None:
            frame = self._prepare.blurred(frame, record)
        picture = self._overlay.draw(frame, record)
        if self._writer is None:
            height, width = picture.shape[:2]
            self._writer = self._open_writer(width, height, frame.time_s)
            self._writer.__enter__()
        self._writer.write(picture, frame.time_s if self._timed else None)

    def state_dict(self) -> Mapping[str, Any]:
        """The writer's, which must have one."""
        state: Mapping[str, Any] = (
            self._state if self._writer is None else self._writer.state_dict()
        )
        return state if self._prepare is None else {**state, "prepare": self._prepare.state_dict()}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)
