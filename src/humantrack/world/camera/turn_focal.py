"""The focal length that a turning camera gives away: only the right one makes turns rigid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.world.camera.pairs import turn_between

_COARSE = np.log(np.geomspace(0.4, 8.0, 9))
"""Logarithms of the focal lengths that are tried first, over the one to begin with."""

_FINER = 7
"""Steps between the neighbours of the best, in each of ``_ROUNDS`` rounds."""

_ROUNDS = 2
_MOST_PAIRS = 6
_SOFT_PX = 1.0
_UNKNOWN = 9.0


def turning_focal(pairs: Sequence[tuple[Array, Array]], focal: float) -> tuple[float, float]:
    """The focal length with which turns explain the pairs best, over the given one.

    Args:
        pairs: (N,2) places in two pictures, from the middle, for each pair.
        focal: to begin with, reduced pixels.

    Returns:
        The factor, and how far its logarithm may be off (one standard deviation, by leaving out
        one pair at a time).
    """
    if not len(pairs):
        return 1.0, _UNKNOWN
    pairs = pairs[:_MOST_PAIRS]
    grid = _COARSE
    for number in range(_ROUNDS + 1):
        costs = np.array([[_cost(a, b, focal * np.exp(log)) for log in grid] for a, b in pairs])
        at = int(costs.sum(axis=0).argmin())
        if number < _ROUNDS:
            if at in {0, len(grid) - 1}:
                return float(np.exp(grid[at])), _UNKNOWN
            grid = np.linspace(grid[at - 1], grid[at + 1], _FINER)
    best, count = _lowest(costs.sum(axis=0), grid), len(pairs)
    if count < 3:
        return float(np.exp(best)), _UNKNOWN
    without = np.array([_lowest(costs.sum(axis=0) - row, grid) for row in costs])
    spread = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    return float(np.exp(best)), float(spread)


def _cost(a: Array, b: Array, focal: float) -> float:
    error = turn_between(a, b, focal, zooms=False).error_px
    return float(np.log1p((error / _SOFT_PX) ** 2).sum())


def _lowest(cost: Array, grid: Array) -> float:
    """Where the cost is least, between the steps by a parabola."""
    at = int(np.clip(cost.argmin(), 1, len(cost) - 2))
    left, middle, right = cost[at - 1 : at + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(grid[at] + np.clip(shift, -1, 1) * (grid[1] - grid[0]))
