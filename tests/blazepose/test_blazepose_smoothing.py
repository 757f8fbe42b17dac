"""The filters on landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.blazepose.smoothing import LandmarkFilter, OneEuroFilter

STEP = 1 / 30


def filtered(values, **settings):
    one_euro = OneEuroFilter(**{"min_cutoff_hz": 1.0, "beta": 0.0, **settings})
    return np.array([one_euro(np.array([v]), STEP)[0] for v in values])


def test_the_first_value_passes_and_a_constant_stays():
    np.testing.assert_array_equal(filtered([3.0] * 10), 3.0)


def test_without_beta_it_is_an_exponential_filter():
    share = 2 * np.pi * STEP / (1 + 2 * np.pi * STEP)
    np.testing.assert_allclose(filtered([0, 1, 1]), [0, share, share + (1 - share) * share])


def test_noise_at_rest_is_damped():
    noise = np.random.default_rng(0).normal(size=300)
    assert filtered(noise)[50:].std() < 0.4


def test_movement_is_followed_more_closely_with_beta():
    ramp = np.arange(60) * 0.1
    lag = ramp - filtered(ramp), ramp - filtered(ramp, beta=10)
    assert lag[0][-1] > 5 * lag[1][-1] > 0


def walker(size: float, frames: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (T,33,2) and (T,33,3) of somebody of this size who walks and trembles."""
    rng = np.random.default_rng(1)
    still = rng.normal(size=(33, 3))
    shake = rng.normal(scale=0.01, size=(frames, 33, 3))
    world = still + shake
    walk = np.arange(frames)[:, None, None] * [0.02, 0.0]
    return (world[..., :2] + walk) * size, world


def test_size_in_the_image_changes_nothing():
    results = []
    for size in (50.0, 400.0):
        one, (xy, world) = LandmarkFilter(), walker(size)
        for i in range(30):
            out = one(xy[i], world[i], time_s=i * STEP, side_px=size)
        results.append(out[0] / size)
    np.testing.assert_allclose(*results, rtol=1e-9)


@pytest.mark.parametrize("times", [[0, 0, 0], [0, -1, -2], [0, 1e6, 2e6], [5, 5, 4]])
def test_odd_time_stamps_do_no_harm(times):
    one, (xy, world) = LandmarkFilter(), walker(100)
    for i, time_s in enumerate(times):
        got = one(xy[i], world[i], time_s=time_s, side_px=100)
    assert np.isfinite(got[0]).all() and np.isfinite(got[1]).all()
    np.testing.assert_allclose(got[0], xy[2], atol=10)
