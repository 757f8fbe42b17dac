"""Who of some goes with whom of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def cheapest_pairs(cost: npt.NDArray[np.floating[Any]]) -> list[tuple[int, int]]:
    """Rows and columns one to one, as many as there are, whose costs (N,M) sum up to the least.

    Of one row and one column, as where one person is in the picture, there is nothing to choose.
    So such a run never imports SciPy's optimisation, which takes 0.4 s.

    Returns:
        Pairs (row, column), by row.
    """
    if cost.size < 2:
        return [(0, 0)] * cost.size
    from scipy.optimize import linear_sum_assignment  # slow to import

    rows, columns = linear_sum_assignment(cost)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
