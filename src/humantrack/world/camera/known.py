"""Places found in earlier windows of a shot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import BoolArray, IntArray


@dataclass
class KnownPlaces:
    """What stays of the windows before: where places are (or in which direction)."""

    ids: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    points: Array = field(default_factory=lambda: np.zeros((0, 3)))

    def of(self, ids: IntArray) -> tuple[BoolArray, Array]:
        """Which of these places are known, and where they are (0 if not)."""
        known, out = np.zeros(len(ids), bool), np.zeros((len(ids), 3))
        _, here, there = np.intersect1d(ids, self.ids, assume_unique=True, return_indices=True)
        known[here], out[here] = True, self.points[there]
        return known, out

    def keep(self, ids: IntArray, points: Array, most: int = 12000) -> None:
        """Take over places; the numbers grow with time, so the newest are kept."""
        old = ~np.isin(self.ids, ids)
        number = np.concatenate([self.ids[old], ids])
        order = np.argsort(number)[-most:]
        self.ids = number[order]
        self.points = np.concatenate([self.points[old], points])[order]
