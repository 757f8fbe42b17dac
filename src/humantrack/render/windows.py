"""Rectangles of a picture that are worked on by themselves, as most of a picture stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Window:
    """Columns x0..x1 and rows y0..y1 (exclusive) of a picture."""

    x0: int
    y0: int
    x1: int
    y1: int

    @staticmethod
    def around(x_px: Array, y_px: Array, rim: int, height: int, width: int) -> Window:
        """What holds some points, at least one, with a rim round it, cut to a picture."""
        with np.errstate(invalid="ignore"):
            (x0, x1), (y0, y1) = (
                np.clip((np.floor(p.min()) - rim, np.ceil(p.max()) + rim + 1), 0, end)
                for p, end in ((x_px, width), (y_px, height))
            )
        return Window(int(x0), int(y0), int(x1), int(y1))

    @property
    def is_empty(self) -> bool:
        """Whether there is no pixel in it."""
        return self.x0 >= self.x1 or self.y0 >= self.y1

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.y1 - self.y0, self.x1 - self.x0

    def of(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """That part of a picture, sharing memory."""
        return picture[self.y0 : self.y1, self.x0 : self.x1]

    def meets(self, other: Window) -> bool:
        """Whether the two share a pixel."""
        return (
            self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1
        )

    def joined(self, other: Window) -> Window:
        """The least window round both."""
        return Window(
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
        )


def apart(windows: Sequence[Window]) -> list[tuple[Window, list[int]]]:
    """Windows that share no pixel, each with the numbers of those that it holds, in order."""
    groups: list[tuple[Window, list[int]]] = []
    for number, window in enumerate(windows):
        grown, members = window, [number]
        # A window that grew may meet one that it did not meet before.
        while meeting := [group for group in groups if group[0].meets(grown)]:
            for group in meeting:
                grown, members = grown.joined(group[0]), members + group[1]
                groups.remove(group)
        groups.append((grown, sorted(members)))
    return groups
