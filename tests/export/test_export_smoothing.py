"""The filters: what they keep, how much noise they take, and how late they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from humantrack.clips.options import SMOOTH
from humantrack.geometry.rotations import (
    axis_angle_to_quaternion,
    quaternion_to_axis_angle,
    quaternion_to_matrix,
)
from humantrack.motion.smoothing import smooth

RATE = 30


def seconds(count):
    return np.arange(count) / RATE


def about(axis, angle):
    """(T,) angles -> (T,1,4) turns about an axis."""
    return axis_angle_to_quaternion(np.multiply.outer(angle, axis))[:, None]


def angle_of(quaternions, axis):
    return np.unwrap(quaternion_to_axis_angle(quaternions)[:, 0] @ axis)


AXIS = np.array([2.0, -1, 2]) / 3


def test_savgol_keeps_parabolas():
    t = seconds(40)
    angle = 0.3 - 1.1 * t + 0.9 * t**2
    place = np.stack([t**2 - t, 2 * t, 3 - 4 * t**2], axis=-1)
    turns, points, many = smooth("savgol", t, about(AXIS, angle), place, place[:, None, ::-1])
    assert np.abs(angle_of(turns, AXIS) - angle).max() < 1e-9
    assert np.abs(points - place).max() < 1e-9
    assert np.abs(many[:, 0] - place[:, ::-1]).max() < 1e-9


def test_savgol_halves_noise_and_adds_no_lag():
    rng = np.random.default_rng(1)
    t = seconds(900)
    noise_turn, noise_move = rng.normal(0, 0.03, (900, 4, 3)), rng.normal(0, 0.03, (900, 3))
    turns, points = smooth("savgol", t, axis_angle_to_quaternion(noise_turn), noise_move)
    # The middle weights of a parabola over nine frames: sqrt(59 / 231) is left.
    assert quaternion_to_axis_angle(turns).std() / noise_turn.std() == pytest.approx(0.51, abs=0.03)
    assert points.std() / noise_move.std() == pytest.approx(0.51, abs=0.03)
    delay, gain = response("savgol", hertz=1)
    assert abs(delay) < 1e-4 and 0.99 < gain <= 1


def response(kind, hertz, count=300):
    """Delay in seconds and gain of a sine."""
    t = seconds(count)
    angle = 0.5 * np.sin(2 * np.pi * hertz * t)
    turns, points = smooth(kind, t, about(AXIS, angle), np.repeat(angle[:, None], 3, axis=1))
    wave = np.exp(-2j * np.pi * hertz * t[60:])
    before, after = (angle[60:] * wave).sum(), (angle_of(turns, AXIS)[60:] * wave).sum()
    assert points.shape == (count, 3)
    return np.angle(before / after) / (2 * np.pi * hertz), abs(after / before)


@pytest.mark.parametrize("hertz", [0.5, 1, 2])
def test_one_euro_is_a_frame_late_at_most(hertz):
    delay, gain = response("one-euro", hertz)
    assert 0 < delay < 0.045
    assert gain > 0.9


def test_one_euro_takes_noise_and_follows_a_step():
    rng = np.random.default_rng(2)
    t = seconds(600)
    noise_turn, noise_move = rng.normal(0, 0.01, (600, 4, 3)), rng.normal(0, 0.01, (600, 3))
    turns, points = smooth("one-euro", t, axis_angle_to_quaternion(noise_turn), noise_move)
    assert quaternion_to_axis_angle(turns)[30:].std() < 0.45 * noise_turn.std()
    assert points[30:].std() < 0.6 * noise_move.std()
    step = np.where(t < 10, 0.0, 1.0)
    turns, points = smooth("one-euro", t, about(AXIS, step), np.repeat(step[:, None], 3, axis=1))
    angle = angle_of(turns, AXIS)
    assert np.all(angle[t < 10] == 0)  # it cannot know what comes
    late = np.flatnonzero(t >= 10)[0] + 3
    assert angle[late] > 0.9 and points[late].min() > 0.9  # after a tenth of a second
    assert angle.max() <= 1 + 1e-9 and points.max() <= 1  # and it does not swing over


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.parametrize("count", range(1, 12))
def test_short_stretches(kind, count):
    rng = np.random.default_rng(count)
    turns, points = smooth(
        kind, seconds(count), about(AXIS, np.full(count, 0.7)), rng.normal(size=(count, 3))
    )
    assert turns.shape == (count, 1, 4) and points.shape == (count, 3)
    assert np.abs(angle_of(turns, AXIS) - 0.7).max() < 1e-9
    assert np.isfinite(points).all()


@given(
    st.sampled_from(SMOOTH),
    st.integers(1, 30),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-9, 0.5, 3.1]),
)
def test_turns_stay_turns_and_signs_do_not_matter(kind, count, seed, size):
    rng = np.random.default_rng(seed)
    quaternions = axis_angle_to_quaternion(rng.normal(size=(count, 2, 3)) * size)
    flipped = quaternions * rng.choice([-1, 1], (count, 2, 1))
    times = np.cumsum(rng.uniform(0, 0.1, count))  # two frames may share a time
    [turns] = smooth(kind, times, quaternions)
    [again] = smooth(kind, times, flipped)
    assert np.linalg.norm(turns, axis=-1) == pytest.approx(np.ones((count, 2)))
    assert np.abs(quaternion_to_matrix(turns) - quaternion_to_matrix(again)).max() < 1e-6


@pytest.mark.parametrize("kind", SMOOTH)
def test_turning_the_world_turns_the_result(kind):
    rng = np.random.default_rng(3)
    walk = Rotation.from_rotvec(np.cumsum(rng.normal(0, 0.2, (50, 3)), axis=0))
    world = Rotation.from_rotvec([0.4, -2, 1])

    def smoothed(turns):
        quaternions = np.roll(turns.as_quat(), 1, axis=-1)[:, None]
        return Rotation.from_matrix(
            quaternion_to_matrix(smooth(kind, seconds(50), quaternions)[0][:, 0])
        )

    assert (smoothed(walk).inv() * walk).magnitude().max() > 0.01
    assert ((world * smoothed(walk)).inv() * smoothed(world * walk)).magnitude().max() < 1e-6
