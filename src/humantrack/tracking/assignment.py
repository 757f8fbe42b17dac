"""Assignment of detections to tracks: the cheapest one within a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.geometry.pairing import cheapest_pairs
from humantrack.types.arrays import FloatArray

OVER = 1e-5
"""A forbidden pair costs this much more than the threshold, so that it is taken last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Rows are tracks, columns detections."""

    cost: FloatArray
    """(T,D) as the search saw it: nothing above threshold + 1e-5."""

    matches: tuple[tuple[int, int], ...]
    """(row, column), by row."""

    @property
    def unmatched_tracks(self) -> tuple[int, ...]:
        """Rows of no match."""
        matched = {row for row, _ in self.matches}
        return tuple(r for r in range(self.cost.shape[0]) if r not in matched)

    @property
    def unmatched_detections(self) -> tuple[int, ...]:
        """Columns of no match."""
        matched = {column for _, column in self.matches}
        return tuple(c for c in range(self.cost.shape[1]) if c not in matched)


def assign(cost: FloatArray, threshold: float) -> Assignment:
    """Minimise the sum of costs; a pair is matched only if its cost is <= ``threshold``.

    Costs above it (and NaN) become threshold + 1e-5 before the search, as in PHALP, so one
    hopeless pair does not push another pair away from its best partner.
    """
    gated = np.where(cost <= threshold, cost, threshold + OVER)
    matches = tuple(pair for pair in cheapest_pairs(gated) if gated[pair] <= threshold)
    return Assignment(cost=gated, matches=matches)
