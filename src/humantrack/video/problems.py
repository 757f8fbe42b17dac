"""What went wrong while decoding without ending the run."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)
_KEPT = 20


class Problems:
    """A count of decode errors and the first few messages, so that memory stays bounded."""

    def __init__(self) -> None:
        self.count = 0
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.messages) < _KEPT:
            self.messages.append(message)
        _log.debug("decode error: %s", message)
