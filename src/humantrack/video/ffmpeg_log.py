"""Collects FFmpeg's log messages about damage that it works around without an error.

A decoder that patches a damaged picture, or a demuxer that meets the end too early, says so in
FFmpeg's log and goes on. Messages of the thread that reads belong to its file for certain. Those
of a decoder's own threads are told apart by the decoder's name alone, so that of two videos of
the same codec that are read at once in one process either may get them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import av.logging

from humantrack.video.decode_errors import Problems

_lock = threading.Lock()
_listeners = 0
_level_before: int | None = None
_capture: Any = None
_from_workers: list[tuple[int, str, str]] = []


@contextmanager
def listening() -> Iterator[None]:
    """Let what FFmpeg says through to :func:`counted` while inside.

    A message takes Python's lock, even in a thread of FFmpeg's. So nothing may wait for such a
    thread while it holds that lock: flush a decoder before it is freed.
    """
    _start()
    try:
        yield
    finally:
        _stop()


@contextmanager
def counted(problems: Problems, decoder: str | None = None) -> Iterator[None]:
    """Count the errors that FFmpeg logs inside.

    Args:
        problems: where to.
        decoder: the name of the decoder at work, for the messages of its threads.
    """
    with av.logging.Capture() as said:
        try:
            yield
        finally:
            for level, name, text in said:
                _add(problems, level, name, text)
            if decoder is not None:
                for level, name, text in _taken():
                    if name == decoder:
                        _add(problems, av.logging.ERROR if _tells(text) else level, name, text)


def _add(problems: Problems, level: int, name: str, text: str) -> None:
    if level <= av.logging.ERROR:  # a program around us may want more
        problems.add(f"{name}: {' '.join(text.split())}")


def _tells(text: str) -> bool:
    """True for what a decoder's thread says, as mere information, when it patches a picture.

    The flag on the frame tells the same, but not reliably: another thread may copy the frame
    before it is set.
    """
    return text.startswith("concealing")


def _taken() -> list[tuple[int, str, str]]:
    """The messages of other threads since last time."""
    taken = _from_workers[:]
    del _from_workers[: len(taken)]  # a thread may have added some in between
    return taken


def _start() -> None:
    global _listeners, _level_before, _capture, _from_workers  # noqa: PLW0603 - so is FFmpeg's log
    with _lock:
        _listeners += 1
        if _listeners > 1:
            return
        _level_before = av.logging.get_level()
        if _level_before is None or _level_before < av.logging.INFO:
            av.logging.set_level(av.logging.INFO)
        av.logging.set_skip_repeated(False)
        _capture = av.logging.Capture(local=False)
        _from_workers = _capture.__enter__()


def _stop() -> None:
    global _listeners  # noqa: PLW0603
    with _lock:
        _listeners -= 1
        if _listeners == 0:
            _capture.__exit__(None, None, None)
            av.logging.set_level(_level_before)
