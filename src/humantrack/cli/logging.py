"""The package's log, as plain lines on standard error."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from humantrack.terminal import say

NAME = "humantrack"


class _StandardError(logging.Handler):
    """Writes to what is standard error at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        say(self.format(record))


@contextlib.contextmanager
def log_to_stderr(*, verbose: bool = False) -> Iterator[None]:
    """Show what is logged, from INFO on or all; within itself it does nothing more."""
    logger = logging.getLogger(NAME)
    if any(isinstance(handler, _StandardError) for handler in logger.handlers):
        yield
        return
    handler, level = _StandardError(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
