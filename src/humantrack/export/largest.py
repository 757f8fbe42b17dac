"""The largest difference between a file and its results, and where it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.types.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What came of a file."""

    people: int
    """Frames times people, compared."""

    points: int
    """Joints, markers, or corners and keypoints of each."""

    largest: float
    unit: str
    """Of the difference: mm, px of the picture, or deg."""

    where: str
    """Which joint, of whom, when."""

    beside: Checked | None = None
    """What the file has in another unit."""

    @property
    def largest_mm(self) -> float:
        """The difference of a file with places in space.

        Raises:
            ValueError: if it is one in pixels.
        """
        if self.unit != "mm":
            raise ValueError(f"the difference is in {self.unit}")
        return self.largest


class Largest:
    """The largest of many differences."""

    def __init__(self, unit: str = "mm") -> None:
        self._unit, self._scale = unit, 1000 if unit == "mm" else 1
        self._people = self._points = 0
        self._largest, self._where = 0.0, ""

    def add(self, here: FloatArray, there: FloatArray, names: list[str], who: list[str]) -> None:
        """Places (T,J,D) in metres or pixels; what is blank on both sides is equal, on one not."""
        off = self._scale * np.linalg.norm(here - there, axis=-1)
        blank = np.isnan(here).any(axis=-1), np.isnan(there).any(axis=-1)
        off = np.where(blank[0] & blank[1], 0.0, np.where(blank[0] ^ blank[1], np.inf, off))
        self.note(off, names, who)

    def note(self, off: FloatArray, names: list[str], who: list[str]) -> None:
        """Differences (T,J) in the unit itself."""
        self._people += len(off)
        self._points = len(names)
        if off.size and off.max() >= self._largest:
            row, joint = np.unravel_index(int(off.argmax()), off.shape)
            self._largest, self._where = float(off.max()), f"{names[joint]}, {who[row]}"

    def done(self) -> Checked:
        """The outcome."""
        return Checked(
            people=self._people,
            points=self._points,
            largest=self._largest,
            unit=self._unit,
            where=self._where,
        )
