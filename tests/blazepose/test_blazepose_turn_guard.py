"""Left and right mixed up by the network for a moment, for long, and never."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.blazepose.turn_guard import TurnGuard

RATES = pytest.mark.parametrize("fps", [15, 30, 60])


def world(yaw_deg: float) -> np.ndarray:
    points = np.zeros((33, 3))
    side = np.array([np.cos(np.deg2rad(yaw_deg)), 0, np.sin(np.deg2rad(yaw_deg))])
    points[[11, 23]], points[[12, 24]] = 0.15 * side, -0.15 * side
    return points


def watched(yaws, fps: float) -> np.ndarray:
    """Whether each frame's sides are to be swapped."""
    guard = TurnGuard()
    return np.array([guard(world(yaw), i / fps) for i, yaw in enumerate(yaws)])


def seconds(fps: float, *spans: tuple[float, float]) -> np.ndarray:
    """Yaws, each for some seconds."""
    return np.concatenate([np.full(round(length * fps), yaw) for length, yaw in spans])


@RATES
def test_a_moment_of_mixing_up_is_repaired(fps):
    yaws = seconds(fps, (2, 10), (0.5, 195), (2, 14))
    np.testing.assert_array_equal(watched(yaws, fps), yaws == 195)


@RATES
@pytest.mark.parametrize("odd", [world(100), world(260), 0.4 * world(190)])
def test_a_line_turned_by_a_right_angle_or_too_short_tells_nothing(fps, odd):
    guard = TurnGuard()
    points = [*(world(0) for _ in range(round(fps))), odd, *(world(5) for _ in range(round(fps)))]
    assert not any(guard(p, i / fps) for i, p in enumerate(points))


@RATES
def test_the_line_before_odd_ones_is_what_the_next_is_compared_with(fps):
    yaws = seconds(fps, (2, 0), (1 / fps, 90), (0.2, 180), (1, 0))
    swapped = watched(yaws, fps)
    assert not swapped[yaws != 180].any()
    assert swapped[yaws == 180].all()


@RATES
def test_a_turn_right_before_a_person_is_lost_is_taken_back(fps):
    guard, other = TurnGuard(), TurnGuard()
    for i in range(round(2 * fps)):
        assert not guard(world(0), i / fps)
    assert guard(world(180), 2.0)
    other.load_state_dict(guard.state_dict())
    for one in (guard, other):
        one.lose()
        assert not one(world(5), 2.4)


@RATES
def test_a_turn_that_lasted_is_not(fps):
    guard = TurnGuard()
    for i in range(round(2.5 * fps)):
        swapped = guard(world(0 if i < 2 * fps else 180), i / fps)
    assert swapped
    guard.lose()
    assert guard(world(180), 2.6)


@RATES
def test_a_lasting_turn_is_held_against_for_a_while_and_believed_in_the_end(fps):
    yaws = seconds(fps, (2, 0), (5, 180))
    swapped = watched(yaws, fps)[round(2 * fps) :]
    held_s = swapped.argmin() / fps
    assert swapped[0] and not swapped[-1]
    assert 0.7 < held_s < 2.5
    assert not swapped[swapped.argmin() :].any()


@RATES
@pytest.mark.parametrize("turn_s", [1.4, 2, 8])
def test_walking_round_is_never_taken_for_a_mix_up(fps, turn_s):
    yaws = np.arange(4 * turn_s * fps) * 360 / (turn_s * fps)
    assert not watched(yaws, fps).any()


@RATES
def test_a_first_word_is_believed_less_than_one_that_lasted(fps):
    young = watched(seconds(fps, (0.1, 0), (5, 180)), fps)
    old = watched(seconds(fps, (4, 0), (5, 180)), fps)
    assert 0 < young.sum() < old.sum()


def test_it_is_said_once_that_the_network_was_right():
    guard = TurnGuard()
    said, before = [], False
    for i, yaw in enumerate(seconds(30, (2, 0), (5, 180))):
        swapped = guard(world(yaw), i / 30)
        said.append(guard.was_wrong)
        if said[-1]:
            assert not swapped and before
        before = swapped
    assert sum(said) == 1


def test_the_state_goes_on_as_it_would_have():
    yaws = seconds(30, (1, 0), (3, 180), (1, 5))
    one = TurnGuard()
    expected = []
    for i, yaw in enumerate(yaws):
        if i == 50:
            state = one.state_dict()
        expected.append(one(world(yaw), i / 30))
    other = TurnGuard()
    other.load_state_dict(state)
    got = [other(world(yaw), i / 30) for i, yaw in enumerate(yaws) if i >= 50]
    assert got == expected[50:]
    assert any(got) and not all(got)


def test_after_a_long_gap_anybody_may_have_turned():
    guard = TurnGuard()
    for i in range(60):
        guard(world(0), i / 30)
    assert not guard(world(180), 60.0)


@pytest.mark.parametrize("times", [[0, 0, 0], [5, 4, 3], [0, 1e9, 2e9]])
def test_odd_times_and_points_without_extent_are_no_turn(times):
    guard = TurnGuard()
    points = [np.zeros((33, 3)), world(0), np.zeros((33, 3))]
    assert not any(guard(p, t) for p, t in zip(points, times, strict=True))
