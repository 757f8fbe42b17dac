"""A live job: the tracker on a live source, told to those who watch, within the service's limits.

What it has recorded when it ends, for whatever reason, is whole: the source cannot be read again,
so there is nothing to go on with and nothing to try again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from typing import Any

from humantrack.errors import InterruptedRunError, UnreadableSourceError
from humantrack.pipeline.summary import RunSummary
from humantrack.run.stages import Stages
from humantrack.service.live_sources import without_address
from humantrack.service.settings import Settings
from humantrack.service.workers.live_view import PICTURE_PX, LiveView
from humantrack.service.workers.runner import Progress
from humantrack.types import Frame, FrameRecord
from humantrack.video import FrameSource, LiveReader

_LOOK_S = 1.0
"""How often the size of what was recorded is looked at."""


class Recording(Progress):
    """How far a recording is, and its limits. An early sink of the run.

    Args:
        settings: of the service.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._folder, self._stop = settings.data, Event()
        self._is_kept: Callable[[], bool] = lambda: True
        self._drawn: dict[str, Any] = {}
        self._limit_s: float | None = None
        self._live: LiveReader | None = None
        self._view: LiveView | None = None
        self._looked_s = 0.0
        self._ended_by: str | None = None

    def begin_at(self, folder: Path, stop: Event, is_kept: Callable[[], bool]) -> None:
        """What it is told before the run.

        Args:
            folder: of the attempt.
            stop: ends the recording; set here when a limit is reached.
            is_kept: asked when the source has ended, before anything takes its name.
        """
        self._folder, self._stop, self._is_kept = folder.resolve(), stop, is_kept

    def opened(self, source: FrameSource, stages: Stages) -> None:
        """Begin to tell those who watch."""
        if source.live is None:
            raise UnreadableSourceError("a file, and no live source", where=source.info.name)
        from humantrack.render import Overlay

        overlay = Overlay(
            getattr(stages, "body", None),
            output_resolution=PICTURE_PX,
            device=stages.device,
            **self._drawn,
        )
        self._live = source.live
        self._view = LiveView(self._folder / "live", source.live, overlay.draw)

    def configured(self, kind: str, *, head_mask: bool, limit_s: float | None) -> None:
        """Take over how people are drawn, and the service's limit if the job is not shorter."""
        self._drawn = {"kind": kind, "head_mask": head_mask}
        self._limit_s = limit_s

    def __enter__(self) -> Recording:
        if self._view is not None:
            self._view.__enter__()
        return self

    def provisional(self, frame: Frame, record: FrameRecord) -> None:
        """Tell of the newest frame, and see whether a limit is reached."""
        if self._view is not None:
            self._view.tell("provisional", frame, record)
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._looked_s = time.monotonic()
            self._check()

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Count a final frame, and tell of it."""
        super().write(frame, record)
        if self._view is not None:
            self._view.tell("final", frame, record)

    def __exit__(self, *how: Any) -> None:
        if self._view is not None:
            self._view.__exit__(*how)
        if self._is_at_limit():
            self._ended_by = f"{self._limit_s:g} s are the longest that this service records"
        if how[0] is None and not self._is_kept():
            raise InterruptedRunError("stopped")

    def _is_at_limit(self) -> bool:
        """Whether it has ended since it may be no longer, and for no other reason."""
        if self._live is None or self._limit_s is None or self._stop.is_set():
            return False
        return time.time() - self._live.started_unix_s >= self._limit_s

    def _check(self) -> None:
        """End the recording if it is too large, or the disk nearly full."""
        size, most = 0, self._settings.live_bytes
        for path in self._folder.rglob("*"):
            with suppress(OSError):
                size += path.lstat().st_size
        if size > most:
            self._end(f"its files have reached {most / 1e9:g} GB, the most that this service keeps")
        with suppress(OSError):
            if shutil.disk_usage(self._folder).free < self._settings.least_free_bytes:
                self._end("the disk of the service is nearly full")

    def _end(self, why: str) -> None:
        self._ended_by = why
        self._stop.set()

    def seen(self) -> dict[str, Any]:
        """The store's columns; a source that is away just now is a warning."""
        lost_s = None if self._live is None else self._live.lost_unix_s
        if lost_s is None:
            return super().seen()
        at = datetime.fromtimestamp(lost_s, timezone.utc)
        line = f"the source is lost since {at:%H:%M:%S} UTC and is tried again"
        return {**super().seen(), "warnings": (line,)}

    def end(self, done: RunSummary, more: Sequence[str] = ()) -> None:
        """The run is done."""
        ended = () if self._ended_by is None else (f"ended early: {self._ended_by}",)
        self._live = None
        super().end(done, (*ended, *more))
        self.warn([without_address(line, None, "") for line in self.warnings])
