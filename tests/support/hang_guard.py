"""Ends tests that hang, and shows where."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

HANGS_AFTER_S = 300


class HangGuard:
    """Ends the tests with the stacks of all threads if a case hangs, however many came before it.

    Args:
        stderr: file descriptor to write them to.
    """

    def __init__(self, stderr: int) -> None:
        self._stderr = stderr

    def restart(self) -> None:
        """A new case begins."""
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True, file=self._stderr)


@contextmanager
def hang_guard(capsys: pytest.CaptureFixture[str]) -> Iterator[HangGuard]:
    """Guards a test; the stacks are shown although pytest captures what the test writes."""
    with capsys.disabled():
        stderr = os.dup(2)
    guard = HangGuard(stderr)
    guard.restart()
    try:
        yield guard
    finally:
        faulthandler.cancel_dump_traceback_later()
        os.close(stderr)
