"""Progress of a run: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from humantrack.terminal import as_file
from humantrack.types import Frame, FrameRecord, SourceInfo
from humantrack.types.stages import Sink

PLAIN_EVERY_S = 5.0

StartProgress = Callable[[SourceInfo, int], Sink]
"""What shows a run's progress: (source, frames that are done already) -> a sink."""


def console_progress(*, plain: bool = False) -> StartProgress:
    """Progress on standard error: a bar if that is a terminal, unless ``plain``; else lines."""

    def start(info: SourceInfo, done: int) -> Sink:
        console = Console(file=as_file())
        bar = console.is_terminal and not plain
        return ProgressSink(info.name, info.frame_count, console, bar=bar, done=done)

    return start


def progress_to(tell: Callable[[int, int | None], None]) -> StartProgress:
    """Progress for a program: ``tell(frames done, frames to come or None)`` after each frame."""

    def start(info: SourceInfo, done: int) -> Sink:
        return _Teller(tell, info.frame_count, done)

    return start


class _Teller:
    """Tells a program of each final frame. A pipeline sink."""

    def __init__(
        self, tell: Callable[[int, int | None], None], total: int | None, done: int
    ) -> None:
        self._tell, self._total, self._done = tell, total, done

    def __enter__(self) -> _Teller:
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Count a frame."""
        self._done += 1
        self._tell(self._done, self._total)

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""


class ProgressSink:
    """Counts final frames. A pipeline sink.

    Args:
        name: what is being tracked.
        total: frames to come, or None; it is given up once there are more.
        console: where to write (stderr).
        bar: draw a live bar; otherwise plain lines.
        done: frames an earlier run has finished.
    """

    def __init__(
        self, name: str, total: int | None, console: Console, *, bar: bool, done: int = 0
    ) -> None:
        self._name, self._total, self._console = name, total, console
        self._progress = _bar(console) if bar else None
        self._task: TaskID | None = None
        self.frames = self._done = done
        self.people = 0
        self._start = self._last = 0.0

    def __enter__(self) -> ProgressSink:
        self._start = self._last = time.monotonic()
        if self._progress is not None:
            self._progress.start()
            self._task = self._progress.add_task(
                escape(self._name), total=self._total, completed=self._done, fps=0.0, people=""
            )
        return self

    @property
    def fps(self) -> float:
        """Frames per second so far."""
        return (self.frames - self._done) / max(time.monotonic() - self._start, 1e-9)

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Count a frame."""
        self.frames += 1
        if self._total is not None and self.frames > self._total:
            self._total = None
            self._forget_total()
        self.people = sum(p.missed == 0 for p in record.people)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, fps=self.fps, people=self._who())
        elif time.monotonic() - self._last >= PLAIN_EVERY_S:
            self._last = time.monotonic()
            self._console.print(self._plain_line(), highlight=False, markup=False, soft_wrap=True)

    def _forget_total(self) -> None:
        """The bar then shows that nobody knows."""
        if self._progress is not None and self._task is not None:
            self._progress.tasks[self._task].total = None

    def _who(self) -> str:
        return "1 person" if self.people == 1 else f"{self.people} people"

    def _plain_line(self) -> str:
        of = f"/{self._total}" if self._total else ""
        line = f"{self._name}: frame {self.frames}{of}, {self.fps:.1f} fps, {self._who()}"
        if self._total:
            left = max(self._total - self.frames, 0) / max(self.fps, 1e-9)
            line += f", {left:.0f} s left"
        return line

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None and self._task is not None:
            if error is None:  # the container's count may have been off
                self._progress.update(self._task, total=self.frames, completed=self.frames)
            self._progress.stop()


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed} frames  {task.fields[fps]:.1f} fps"),
        TextColumn("{task.fields[people]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
