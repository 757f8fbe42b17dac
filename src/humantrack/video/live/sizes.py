"""A stream whose pictures change their size on the way."""

from __future__ import annotations

import logging
from typing import Any

_log = logging.getLogger(__name__)

_SAME_SHAPE = 0.02
"""By how much the aspects of two sizes differ that are two sizes of one picture."""

_MOST = 100
"""Changes that are written down."""

Size = tuple[int, int]


class Sizes:
    """Says what each picture is brought to: the first one's size, if it has its shape.

    Args:
        first: (W, H) of the first picture, before it is turned.
        name: of the source, for the log.
    """

    def __init__(self, first: Size, name: str) -> None:
        self._first = self._last = first
        self._name = name
        self.changes: list[dict[str, Any]] = []
        """From when on pictures had which size, but for the first."""

    def target(self, own: Size, time_s: float) -> Size:
        """What a picture of this size is brought to."""
        if own != self._last:
            self._last, since_s = own, round(time_s, 3)
            _log.info(f"{self._name}: the pictures are {own[0]} x {own[1]} from {since_s} s on")
            if len(self.changes) < _MOST:
                self.changes.append({"from_s": since_s, "width": own[0], "height": own[1]})
        off = abs(own[0] * self._first[1] - own[1] * self._first[0])
        return self._first if off <= _SAME_SHAPE * own[0] * self._first[1] else own
