"""The arithmetic of times and slices."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.errors import ConfigError
from humantrack.video.clock import Clock
from humantrack.video.span import Span

FPS = Fraction(25)
MILLISECOND = Fraction(1, 1000)
BOUND = st.none() | st.just(-1) | st.integers(0, 50)
TIME = st.none() | st.just(-1) | st.integers(0, 50).map(lambda n: n / 25)


def times(stamps, origin=None):
    clock = Clock(MILLISECOND, FPS, origin)
    return [clock.time_s(stamp) for stamp in stamps]


def test_times_count_from_the_first_stamp_or_the_origin():
    assert times([500, 540, 600]) == [0.0, 0.04, 0.1]
    assert times([500, 540], origin=100) == [0.4, 0.44]


def test_missing_stamps_come_a_frame_after_the_last():
    assert times([None, None, None]) == [0.0, 0.04, 0.08]
    assert times([0, 40, None, 120]) == [0.0, 0.04, 0.08, 0.12]
    assert times([None, 1000, 1040]) == [0.0, 0.04, 0.08]


def test_a_clock_that_jumps_back_runs_on():
    assert times([90000, 90040, 0, 40, 80]) == [0.0, 0.04, 0.08, 0.12, 0.16]


@given(st.lists(st.none() | st.integers(-(10**6), 10**6), max_size=40))
def test_time_always_increases(stamps):
    got = times(stamps)
    assert all(a < b for a, b in pairwise(got))
    assert not got or got[0] == 0.0


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_increasing_stamps_are_kept(stamps):
    stamps.sort()
    assert times(stamps) == [(s - stamps[0]) / 1000 for s in stamps]


@given(st.integers(0, 60), BOUND, BOUND, TIME, TIME)
def test_a_span_is_a_slice_and_its_count_is_exact_at_a_constant_rate(total, a, b, start, end):
    span = Span.of(a, b, start, end)
    frames = [(i, float(i / FPS)) for i in range(total)]
    kept = []
    for frame in frames:
        if span.is_past(*frame):
            break
        if not span.is_before(*frame):
            kept.append(frame)
    sliced = frames[slice(None if a in (None, -1) else a, None if b in (None, -1) else b)]
    low = 0.0 if start in (None, -1) else start
    high = 1e9 if end in (None, -1) else end
    assert kept == [frame for frame in sliced if low <= frame[1] < high]
    assert span.count(total, FPS) == len(kept)


def test_count_is_unknown_without_an_end():
    assert Span().count(None, FPS) is None
    assert Span(start_frame=3, end_frame=9).count(None, FPS) == 6


@pytest.mark.parametrize("value", [-2, float("nan"), float("inf")])
def test_bad_bounds_are_refused(value):
    with pytest.raises(ConfigError):
        Span.of(None, None, value, None)
