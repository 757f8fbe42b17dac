"""Sinks that are told of a live source's frames before these are final."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from humantrack.pipeline.window import BackFillWindow
from humantrack.run.stages import Stages
from humantrack.types import Frame, FrameRecord
from humantrack.types.stages import Sink
from humantrack.video import FrameSource


@runtime_checkable
class EarlySink(Sink, Protocol):
    """A sink that is also told of each frame at once; the final one comes later, by ``write``."""

    def opened(self, source: FrameSource, stages: Stages) -> None:
        """What is read, and what looks at it; told once, before the first frame."""

    def provisional(self, frame: Frame, record: FrameRecord) -> None:
        """Take the newest frame, into which tracks may still be filled back."""


class EarlySinks:
    """The early ones among the sinks of a run.

    Args:
        sinks: all of them.
        source: opened. Of one that is not live nobody is told before the end.
        stages: of the pipeline.
    """

    def __init__(self, sinks: Iterable[Sink], source: FrameSource, stages: Stages) -> None:
        self._sinks = [sink for sink in sinks if isinstance(sink, EarlySink)]
        for sink in self._sinks:
            sink.opened(source, stages)
        if source.live is None:
            self._sinks = []

    def between(self, window: BackFillWindow) -> None:
        """To be called when a frame has been tracked, before the next is waited for."""
        if window.held:
            for sink in self._sinks:
                sink.provisional(*window.held[-1])
