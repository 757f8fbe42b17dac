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
    "SIGUSR2": PreemptedRunError,
    "SIGHUP": HangupError,
}
"""Signals that end a run, where the system has them, and the error each one ends it with."""


class Stop(Event):
    """Set to ask a run to end after the current frame; ``kind`` is the error it ends with."""

    kind: type[InterruptedRunError] = InterruptedRunError

    def is_ours(self) -> bool:
        """Whether the run is still this process's.

        For who holds a run by a lease: asked before a checkpoint is written and before files take
        their names, since a process that was suspended may have been replaced.
        """
        return True


class TakenOverError(InterruptedRunError):
    """Another process has the run, and its files: nothing is to be finished, joined or removed."""


def confirm(stop: Event | None, where: object = None) -> None:
    """Raise if the run is not this process's any more; see ``Stop.is_ours``.

    Raises:
        TakenOverError: then ``stop`` is set, too.
    """
    if isinstance(stop, Stop) and not stop.is_ours():
        stop.set()
        raise TakenOverError("another process has taken the run over", where=where)


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


def is_notice(number: int) -> bool:
    """True for the signals by which a scheduler says that the time is up."""
    return number in {getattr(signal, name, None) for name in ("SIGUSR1", "SIGUSR2")}


class Asked:
    """The signals that have asked for an end.

    Not every one after the first means to abort: a closed terminal sends several SIGHUPs at once,
    and a scheduler its notice with, before or after a SIGTERM.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def is_second(self, number: int) -> bool:
        """True if this signal aborts what an earlier one asked to end."""
        if number == getattr(signal, "SIGHUP", None):
            return False
        earlier = [*self._numbers]
        self._numbers.append(number)
        if number == signal.SIGTERM:
            earlier = [one for one in earlier if not is_notice(one)]
        return bool(earlier) and not is_notice(number)


@contextlib.contextmanager
def on_signals() -> Iterator[Stop]:
    """The first signal of ``KINDS`` sets the event; the second one aborts, see ``Asked``."""
    stop, asked = Stop(), Asked()
    kinds = {number: KINDS[name] for name, number in handled_signals().items()}

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_second(number):
            raise KeyboardInterrupt
        if stop.is_set():
            if is_notice(number):  # more than SIGTERM, it says that the run is to go on later
                stop.kind = kinds[number]
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
