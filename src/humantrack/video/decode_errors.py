"""Decoding errors that do not end the run."""

from __future__ import annotations

import logging

from humantrack.url import redacted

_log = logging.getLogger(__name__)

KEPT = 100
"""Different messages that are kept."""


class Problems:
    """A count of decode errors and the first different messages, so that memory stays bounded."""

    def __init__(self) -> None:
        self.count = 0
        self.later: Problems | None = None
        """Those that will be added when reading ends."""

        self.notes: list[str] = []
        """What a user ought to know beside the count."""

        self._messages: dict[str, None] = {}

    @property
    def has_any(self) -> bool:
        """True if there is one already, or will be."""
        return bool(self.count or (self.later is not None and self.later.has_any))

    @property
    def messages(self) -> list[str]:
        """The first of the messages, each once."""
        return list(self._messages)

    def clear(self) -> None:
        """Begin to count anew."""
        self.count, self.later = 0, None
        self._messages.clear()
        self.notes.clear()

    def add(self, message: str) -> None:
        """Count one more."""
        self.count += 1
        message = redacted(message)
        if len(self._messages) < KEPT:
            self._messages[message] = None
        _log.debug("decode error: %s", message)

    def note(self, line: str) -> None:
        """Add to what a user ought to know."""
        self.notes.append(line)

    def extend(self, other: Problems) -> None:
        """Count those of another, too."""
        for message in other.messages:
            self.add(message)
        self.count += other.count - len(other.messages)
