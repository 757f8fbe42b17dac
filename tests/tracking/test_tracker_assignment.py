"""Gating and the search for the cheapest assignment."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from humantrack.tracking import assign

any_cost = st.one_of(st.floats(1, 200), st.sampled_from([np.nan, np.inf, 0.0, 100.0]))
matrices = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=any_cost)


def test_golden_cases(golden):
    for case in json.loads((golden.data / "assignment.json").read_text()):
        found = assign(np.array(case["cost"]), case["threshold"])
        assert [list(m) for m in found.matches] == case["matches"]
        assert list(found.unmatched_tracks) == case["unmatched_tracks"]
        assert list(found.unmatched_detections) == case["unmatched_detections"]


@given(matrices)
def test_every_row_and_column_is_told_once_and_no_pair_is_too_dear(cost):
    found = assign(cost, 100.0)
    rows, columns = [r for r, _ in found.matches], [c for _, c in found.matches]
    assert sorted([*rows, *found.unmatched_tracks]) == list(range(cost.shape[0]))
    assert sorted([*columns, *found.unmatched_detections]) == list(range(cost.shape[1]))
    assert all(cost[pair] <= 100 for pair in found.matches)
    assert (found.cost <= 100 + 2e-5).all()


@given(matrices)
def test_no_affordable_pair_is_left_over(cost):
    found = assign(cost, 100.0)
    left = cost[np.ix_(found.unmatched_tracks, found.unmatched_detections)]
    assert not (left < 100).any()


def test_the_input_is_not_changed():
    cost = np.array([[500.0, np.nan]])
    assign(cost, 100.0)
    assert cost[0, 0] == 500
