"""Boxes of several people, whose motion is reckoned at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from humantrack.tracking.box_motion import BoxMotion

_NUMBER = st.floats(-2000, 2000, width=32) | st.just(float("nan"))
_PERSON = st.tuples(st.lists(_NUMBER, min_size=8, max_size=8), st.booleans())


@settings(max_examples=50, deadline=None)
@given(people=st.lists(_PERSON, min_size=1, max_size=6))
def test_people_side_by_side_move_as_each_does_alone(people):
    numbers = np.array([n for n, _ in people], np.float32)
    first, then = numbers[:, :4], numbers[:, 4:]
    seen = np.array([s for _, s in people])
    alone = [
        BoxMotion.first(a).ahead(is_seen=True).seen(b).ahead(is_seen=s)
        for a, b, s in zip(first, then, seen.tolist(), strict=True)
    ]
    together = BoxMotion.stack(BoxMotion.first(first).each()).ahead(is_seen=True)
    together = together.seen(then).ahead(is_seen=seen)
    for one, other in zip(alone, together.each(), strict=True):
        assert_array_equal(one.mean, other.mean)
        assert_array_equal(one.covariance, other.covariance)
    assert_array_equal([m.xyxy for m in alone], together.xyxy)
    assert_array_equal([m.spread for m in alone], together.spread)
