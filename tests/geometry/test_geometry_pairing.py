"""Pairs of least total cost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from humantrack.geometry.pairing import cheapest_pairs


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (2, 2), (4, 3), (3, 5)])
def test_no_other_pairs_cost_less(shape):
    cost = np.random.default_rng(5).normal(size=shape)
    pairs = cheapest_pairs(cost)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == min(shape)
    assert pairs == sorted(pairs)
    wide = cost if shape[0] <= shape[1] else cost.T
    every = itertools.permutations(range(wide.shape[1]), len(wide))
    least = min(wide[range(len(wide)), some].sum() for some in every)
    assert sum(cost[pair] for pair in pairs) == pytest.approx(least)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (3, 0)])
def test_nobody_has_a_partner_where_nobody_is(shape):
    assert cheapest_pairs(np.zeros(shape)) == []
