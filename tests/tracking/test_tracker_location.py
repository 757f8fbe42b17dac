"""Location forecasts against those of the genuine program."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from humantrack.tracking import forecast_locations
from humantrack.tracking.location import is_forecastable


@pytest.fixture(scope="module")
def arrays(golden):
    with np.load(golden.data / "location.npz") as file:
        return dict(file)


def test_all_golden_histories_at_once(arrays):
    found = forecast_locations(arrays["loca"], arrays["times"], arrays["ahead"])
    assert found.dtype == np.float32
    assert_allclose(found, arrays["out"], rtol=1e-5, atol=1e-6)
    assert is_forecastable(arrays["loca"], arrays["times"]).all()


def test_a_person_who_stands_still(arrays):
    found = forecast_locations(
        arrays["const_loca"][None], arrays["const_times"][None], np.array([0])
    )[0]
    assert_allclose(found, arrays["const_out"], rtol=1e-6, atol=1e-6)
    assert_allclose(found[93:96], [0, 0, 1], atol=1e-6)


def test_a_single_moment_has_no_interval(arrays):
    times = np.full((1, 7), arrays["allequal_time"])
    loca = arrays["loca"][1][None].repeat(1, 0)
    found = forecast_locations(loca, times, arrays["allequal_ahead"][None])[0]
    assert np.isnan(found[93:96]).all()
    assert np.isnan(arrays["allequal_out"][93:96]).all()
    assert np.isfinite(found[:93]).all()
    assert not is_forecastable(loca, times).any()


@pytest.mark.parametrize("depth", [0.0, -5.0, np.nan, np.inf])
def test_a_bad_depth_gives_no_forecast_and_no_error(depth, arrays):
    loca = arrays["loca"][:2].copy()
    loca[0, 3, 92] = depth
    found = forecast_locations(loca, arrays["times"][:2], arrays["ahead"][:2])
    assert not np.isfinite(found[0, 92])
    assert_allclose(found[1], arrays["out"][1], rtol=1e-5, atol=1e-6)
    assert list(is_forecastable(loca, arrays["times"][:2])) == [False, True]


def test_a_steady_walk_is_continued_and_the_interval_grows():
    rs = np.random.RandomState(0)
    loca = np.zeros((7, 99), np.float32)
    loca[:, 88] = 0.3 + 0.01 * np.arange(7) + 0.001 * rs.randn(7)
    loca[:, 89], loca[:, 92] = 0.5, 30
    ahead = np.arange(60)
    found = forecast_locations(
        np.repeat(loca[None], 60, 0), np.arange(7)[None].repeat(60, 0), ahead
    )
    assert (np.diff(found[:49, 88]) > 0).all()
    assert (np.diff(found[:49, 93]) > 0).all()
    assert_allclose(found[48:], found[48:49].repeat(12, 0))
    assert_allclose(found[:, 92], 30, rtol=1e-5)


def test_locations_once_more(golden, normal):
    """A second, independent set of golden histories."""
    with np.load(golden.data / "tracking_golden.npz") as file:
        times, since, wanted = file["L_time"], file["L_since"], file["L_out"]
    n = normal("golden.track.loca", (3, 7, 99))
    loca = 0.5 + 0.1 * n
    camera = np.stack([0.3 * n[..., 90], 0.3 * n[..., 91], 60 * np.exp(0.05 * n[..., 92])], -1)
    loca[..., 90:] = np.tile(camera, 3)
    assert_allclose(forecast_locations(loca, times, since), wanted, rtol=1e-4, atol=1e-6)
