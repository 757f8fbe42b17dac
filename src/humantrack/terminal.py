"""The process's environment: standard streams, which may be closed or full, and signals."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, NoReturn, TextIO, cast

from humantrack.errors import (
    ConfigError,
    HangupError,
    InterruptedRunError,
    TerminatedRunError,
    printable,
)
from humantrack.url import redacted

_STDOUT, _STDERR = 1, 2


def say(line: str, stream: TextIO | None = None, *, with_secrets: bool = False) -> None:
    """Write a line to standard error, if it is open. Safe in a signal handler.

    Args:
        line: without its end.
        stream: standard error as it was when it mattered; None is that of now.
        with_secrets: tell what addresses hold, as a token that was made for who reads this.
    """
    # RuntimeError: a handler that interrupted another write to the same stream
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        out = sys.stderr if stream is None else stream
        if out is not None:
            out.write(f"{line if with_secrets else redacted(line)}\n")


class OneLineParser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with a command line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        line = printable(f"{self.prog}: {message}. See {self.prog} --help")
        self.exit(ConfigError.exit_code, f"{line}\n")


class StandardError(io.TextIOBase):
    """Standard error, whatever it is; what cannot be written there is dropped.

    Args:
        stream: as it is now, for what is not to follow a redirection.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._fixed = stream

    @property
    def _stream(self) -> TextIO | None:
        stream = sys.stderr if self._fixed is None else self._fixed
        # While rich shows a bar, its own stand-in for standard error passes on to who writes here.
        return getattr(stream, "rich_proxied_file", stream)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what can be written."""
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(redacted(text))
        return len(text)

    def flush(self) -> None:
        """Bring it to where it goes."""
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        """True on a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """The descriptor.

        Raises:
            OSError: if there is none.
        """
        if self._stream is None:
            raise io.UnsupportedOperation("no standard error")
        return self._stream.fileno()


def as_file(stream: StandardError | None = None) -> Any:
    """:class:`StandardError` as ``rich.console.Console`` takes it for ``file``."""
    return StandardError() if stream is None else stream


def forgive_streams(*, stdout: bool = True) -> None:
    """Go on, in all of the process, when standard error or output is closed, full or left.

    Descriptors that the process was started without are given to the null device first, or the
    next file that is opened would get the number, and with it all that libraries write there.

    Args:
        stdout: False leaves standard output as it is, for what has to arrive there.
    """
    _fill_descriptors()
    sys.stderr = _forgiving(sys.stderr, sys.__stderr__, _STDERR)
    if stdout:
        sys.stdout = _forgiving(sys.stdout, sys.__stdout__, _STDOUT)


def _fill_descriptors() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_RDWR)
                if null != number:
                    os.dup2(null, number)
                    os.close(null)
                os.set_inheritable(number, True)


def _forgiving(stream: TextIO | None, original: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return cast("TextIO", io.TextIOWrapper(_Raw(-1), "utf-8", "backslashreplace"))
    try:
        standard = stream is original and stream.fileno() == number
    except (OSError, ValueError):
        standard = False
    if not standard:  # somebody has put another one there
        return stream
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
    lines = number == _STDERR or stream.isatty()
    raw = _Raw(number)
    buffered: Any = io.BufferedWriter(raw)
    kept = cast("Any", stream)
    return cast(
        "TextIO", io.TextIOWrapper(buffered, kept.encoding, kept.errors, line_buffering=lines)
    )


class _Raw(io.RawIOBase):
    """A descriptor; what it does not take is dropped. -1 takes nothing."""

    def __init__(self, number: int) -> None:
        self._number = number

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._number >= 0:
            with contextlib.suppress(OSError):
                return os.write(self._number, data)
        return len(data)

    def isatty(self) -> bool:
        return self._number >= 0 and os.isatty(self._number)

    def fileno(self) -> int:
        if self._number < 0:
            raise io.UnsupportedOperation("no descriptor")
        return self._number


def hears_hangup() -> bool:
    """True if SIGHUP means this process; not if it was started with ``nohup``."""
    return hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN


def ending_signals() -> Sequence[int]:
    """What asks a server to end: SIGTERM, Ctrl-C, and a closed terminal if that means it."""
    return [signal.SIGTERM, signal.SIGINT] + ([signal.SIGHUP] if hears_hangup() else [])


def terminal_signals() -> list[int]:
    """What a terminal sends to all processes in it."""
    return [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]


class EndedError(KeyboardInterrupt):
    """A signal that ends a command which has nothing to finish first; like Ctrl-C in all else."""

    kind: type[InterruptedRunError] = InterruptedRunError


class _TerminatedError(EndedError):
    kind = TerminatedRunError


class _HungUpError(EndedError):
    kind = HangupError


def kind_of(error: KeyboardInterrupt) -> type[InterruptedRunError]:
    """The error that an interrupt ends a command with."""
    return error.kind if isinstance(error, EndedError) else InterruptedRunError


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is inside as Ctrl-C does, so that it can clean up."""
    kinds: dict[int, type[EndedError]] = {signal.SIGTERM: _TerminatedError}
    if hears_hangup():
        kinds[signal.SIGHUP] = _HungUpError

    def end(number: int, frame: FrameType | None) -> None:
        raise kinds[number]

    before = {}
    with contextlib.suppress(ValueError):  # only a program's main thread may do this
        before = {number: signal.signal(number, end) for number in kinds}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
