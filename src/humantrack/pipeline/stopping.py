"""Stopping a run from outside: signals, and how the stages notice."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator
from threading import Event
from types import FrameType
from typing import TypeVar

from humantrack.errors import (
    HangupError,
    InterruptedRunError,
    PreemptedRunError,
    TerminatedRunError,
)
from humantrack.terminal import hears_hangup, say

T = TypeVar("T")

KINDS: dict[str, type[InterruptedRunError]] = {
    "SIGINT": InterruptedRunError,
    "SIGTERM": TerminatedRunError,
    "SIGUSR1": PreemptedRunError,
    "SIGHUP": HangupError,
}
"""Signals that end a run, where the system has them, and the error each one ends it with."""


class Stop(Event):
    """Set to ask a run to end after the current frame; ``kind`` is the error it ends with."""

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


def handled_signals() -> dict[str, int]:
    """The signals of ``KINDS`` by name; without SIGHUP if it does not mean this process."""
    names = [name for name in KINDS if name != "SIGHUP" or hears_hangup()]
    return {name: getattr(signal, name) for name in names if hasattr(signal, name)}


class Asked:
    """Counts the signals that ask for an end; a closed terminal sends several SIGHUPs at once."""

    def __init__(self) -> None:
        self._count = 0

    def is_second(self, number: int) -> bool:
        """True if this signal aborts what an earlier one asked to end."""
        if number == getattr(signal, "SIGHUP", None):
            return False
        self._count += 1
        return self._count > 1


@contextlib.contextmanager
def on_signals() -> Iterator[Stop]:
    """The first Ctrl-C, SIGTERM, SIGUSR1 or SIGHUP sets the event; the second one aborts."""
    stop, asked = Stop(), Asked()
    kinds = {number: KINDS[name] for name, number in handled_signals().items()}

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_second(number):
            raise KeyboardInterrupt
        if stop.is_set():
            return
        stop.kind = kinds[number]
        stop.set()
        say("\nfinishing the current frame; press Ctrl-C again to abort")

    before = {}
    with contextlib.suppress(ValueError):  # only a program's main thread may do this
        before = {number: signal.signal(number, ask) for number in kinds}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
