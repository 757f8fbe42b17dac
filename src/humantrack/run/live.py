"""What a live source adds to a run: gaps that age tracks, and work that adapts to the machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from humantrack.pipeline.gaps import AgedByGaps
from humantrack.pipeline.pace import OVERLAY_HALF, OVERLAY_QUARTER, Pace, Rate, Step
from humantrack.pipeline.window import BackFillWindow
from humantrack.run.settings import RunOptions
from humantrack.types.stages import Sink
from humantrack.video import LiveReader

_log = logging.getLogger(__name__)


class LiveRun:
    """A live source's part in one run. A context manager, which leaves the stages as they were.

    Args:
        reader: of the source.
        options: of the run.
        stages: of the pipeline. They may have ``lighter()``, what they can do less of, and
            ``suit(is_live=...)``.
        draws: there is an overlay.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        reader: LiveReader,
        options: RunOptions,
        stages: Any,
        *,
        draws: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader, self._clock = reader, clock
        self._suit: Callable[..., None] = getattr(stages, "suit", lambda **_: None)
        self._suit(is_live=True)
        self.tracker = AgedByGaps(stages.tracker, reader.lost_before)
        """The stages' tracker, told of frames that were lost."""

        self._rate = Rate()
        self._pace: Pace | None = None
        self._noted = -1
        if options.target_delay_s is None:
            return
        steps: list[Step] = list(getattr(stages, "lighter", list)())
        if draws and options.overlay_fps is None:
            steps += self._of_overlay()
        self._pace = Pace(options.target_delay_s, steps)
        told = self._pace.facts["steps"]
        if told:
            _log.info(f"where frames are late: {', then '.join(told)}")
        else:
            _log.warning(
                "live.target_delay_ms: there is nothing that this tracker could do less of; "
                "frames are skipped"
            )
        self._tell()

    def __enter__(self) -> LiveRun:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pace is not None:
            self._pace.undo_all()
        self._suit(is_live=False)

    def around_overlay(self, sink: Sink) -> Sink:
        """The overlay's sink, which may get fewer frames."""
        return sink if self._pace is None else self._rate.of(sink)

    @property
    def overlay_every(self) -> int:
        """Of how many frames one is to be drawn."""
        return self._rate.every

    def note(self, window: BackFillWindow) -> None:
        """To be called when a frame, the newest in the window, has its record."""
        if self._pace is None or not window.held:
            return
        record = window.held[-1][1]
        if record.index == self._noted:
            return
        self._noted = record.index
        delay_s = self._reader.age_s(record.index)
        if delay_s is not None:
            self._pace.note(delay_s, self._clock(), record.time_s)
            self._tell()

    def _tell(self) -> None:
        if self._pace is not None:
            self._reader.also = {"pace": self._pace.facts}

    def _of_overlay(self) -> list[Step]:
        def every(count: int) -> Callable[[], None]:
            return lambda: setattr(self._rate, "every", count)

        return [
            Step(OVERLAY_HALF, "overlay of every 2nd frame", every(2), every(1)),
            Step(OVERLAY_QUARTER, "overlay of every 4th frame", every(4), every(2)),
        ]
