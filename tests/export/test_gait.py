"""Steps counted by hand: a walker whose feet stand and move when we say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.motion.gait import gait_of

FPS = 50


def walker(seconds=8.0, stride_s=1.2, stride_m=1.5, stance=0.6, *, heading=0.0, fps=FPS):
    """time (T,), contacts (T,4), feet (T,2,3): left and right half a stride apart."""
    time_s = np.arange(round(seconds * fps)) / fps
    contacts, feet = np.zeros((len(time_s), 4), bool), np.zeros((len(time_s), 2, 3))
    for foot in (0, 1):
        phase = time_s / stride_s + 0.5 * foot + 0.25
        part = phase % 1
        stands = part < stance
        swing = np.clip((part - stance) / (1 - stance), 0, 1)
        along = (np.floor(phase) + swing) * stride_m
        contacts[:, 2 * foot] = contacts[:, 2 * foot + 1] = stands
        feet[:, foot, 0], feet[:, foot, 2] = np.cos(heading) * along, np.sin(heading) * along
        feet[:, foot, 1] = np.where(stands, 0.08, 0.2)
    return time_s, contacts, feet


@pytest.mark.parametrize("heading", [0.0, 1.0, 3.0])
def test_a_steady_walker(heading):
    gait = gait_of(*walker(heading=heading))
    assert gait.stride_length_m.value == pytest.approx(1.5)
    assert gait.cadence_per_min.value == pytest.approx(100, abs=0.5)  # two steps in 1.2 s
    assert gait.speed_m_s.value == pytest.approx(1.25, abs=0.01)
    assert 0 < gait.cadence_per_min.sd < 1 and gait.speed_m_s.sd < 0.02
    contacts = [e for e in gait.events if e.kind == "contact"]
    assert [a.side != b.side for a, b in itertools.pairwise(contacts)].count(False) == 0
    assert np.allclose(np.diff([e.time_s for e in contacts]), 0.6, atol=1 / FPS)


@given(
    st.floats(0.7, 2.0), st.floats(0.3, 2.0), st.floats(0.4, 0.75), st.sampled_from([25, 30, 60])
)
def test_the_truth_is_within_the_uncertainty(stride_s, stride_m, stance, fps):
    gait = gait_of(*walker(12, stride_s, stride_m, stance, fps=fps))
    for measure, truth in (
        (gait.stride_length_m, stride_m),
        (gait.cadence_per_min, 120 / stride_s),
        (gait.speed_m_s, stride_m / stride_s),
    ):
        assert abs(measure.value - truth) <= 4 * measure.sd + 1e-6


def test_flicker_is_no_step():
    time_s, contacts, feet = walker()
    expected = gait_of(time_s, contacts, feet)
    noisy = contacts.copy()
    stands = contacts[:, :2].any(axis=1)
    middle = [
        int(np.mean(r))
        for r in np.split(np.arange(len(stands)), 1 + np.flatnonzero(np.diff(stands)))
    ]
    noisy[middle[1:-1], :2] = ~noisy[middle[1:-1], :2]
    assert gait_of(time_s, noisy, feet) == expected


def test_sliding_feet_are_less_certain():
    time_s, contacts, feet = walker()
    rng = np.random.default_rng(0)
    slid = gait_of(time_s, contacts, feet + rng.normal(0, 0.05, feet.shape))
    assert slid.stride_length_m.sd > 0.01
    assert abs(slid.stride_length_m.value - 1.5) < 4 * slid.stride_length_m.sd


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_who_stands_or_floats_takes_no_steps(count):
    for stands in (False, True):
        gait = gait_of(np.arange(count) / FPS, np.full((count, 4), stands), np.zeros((count, 2, 3)))
        assert gait.events == gait.strides == ()
        assert np.isnan([gait.stride_length_m.value, gait.speed_m_s.sd]).all()


def test_a_rest_is_no_stride():
    _, contacts, feet = walker(4.8)
    again = np.concatenate([contacts, np.ones((200, 4), bool), contacts])
    places = np.concatenate([feet, np.repeat(feet[-1:], 200, axis=0), feet + feet[-1] - feet[0]])
    gait = gait_of(np.arange(len(again)) / FPS, again, places)
    assert max(stride.duration_s for stride in gait.strides) < 1.4


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="contacts"):
        gait_of(np.zeros(3), np.zeros((3, 2), bool), np.zeros((3, 2, 3)))
