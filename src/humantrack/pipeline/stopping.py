"""Stopping a run from outside: signals, and how the stages notice."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterable, Iterator
from threading import Event
from types import FrameType
from typing import TypeVar

from humantrack.errors import InterruptedRunError, PreemptedRunError, TerminatedRunError

T = TypeVar("T")

KINDS: dict[str, type[InterruptedRunError]] = {
    "SIGINT": InterruptedRunError,
    "SIGTERM": TerminatedRunError,
    "SIGUSR1": PreemptedRunError,
}
"""Signals that end a run, where the system has them, and the error each one ends it with."""


class Stop(Event):
    """Set to ask a run to end after the frame in hand; ``kind`` is the error it ends with."""

    kind: type[InterruptedRunError] = InterruptedRunError


def check(stop: Event | None, where: object = None) -> None:
    """Raise if the run is to end.

    Raises:
        InterruptedRunError: of the kind of a ``Stop``.
    """
    if stop is not None and stop.is_set():
        kind = stop.kind if isinstance(stop, Stop) else InterruptedRunError
        raise kind("stopped", where=where)


def until(stop: Event | None, frames: Iterable[T]) -> Iterator[T]:
    """The frames, until the run is to end; see :func:`check`."""
    for frame in frames:
        check(stop, f"before frame {getattr(frame, 'source_index', '?')}")
        yield frame


class Chunk(list[T]):
    """Frames for a stage; walking over them ends with :func:`check`'s error if the run is to end.

    So that a stage which works frame by frame is left after one frame, not after all.
    """

    def __init__(self, frames: Iterable[T], stop: Event | None) -> None:
        super().__init__(frames)
        self._stop = stop

    def __iter__(self) -> Iterator[T]:
        return until(self._stop, super().__iter__())


@contextlib.contextmanager
def on_signals() -> Iterator[Stop]:
    """The first Ctrl-C, SIGTERM or SIGUSR1 sets the event; the second one breaks off."""
    stop = Stop()
    numbers = {getattr(signal, name): kind for name, kind in KINDS.items() if hasattr(signal, name)}

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.kind = numbers[number]
        stop.set()
        sys.stderr.write("\nfinishing the frame in hand; once more to break off\n")

    before = {}
    with contextlib.suppress(ValueError):  # only a program's main thread may do this
        before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
