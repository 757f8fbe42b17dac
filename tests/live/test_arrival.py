"""When frames were captured, told from when they came."""

from __future__ import annotations

import pytest

from humantrack.video.live.arrival import Arrival


def test_the_quickest_frame_tells_most():
    arrival = Arrival()
    for i in range(60):  # the first ones have waited while the stream was looked into
        arrival.note(i / 30, 1000 + max(i / 30, 0.8) + 0.05 + 0.1 * (i % 7))
    assert arrival.start == arrival.newest == pytest.approx(1000.05)


def test_a_clock_that_drifts_is_followed_and_time_0_stays():
    arrival = Arrival()
    drift = 100e-6
    for i in range(2 * 3600 * 2):
        t = i / 2
        arrival.note(t, 1000 + t * (1 + drift) + 0.2 * (i % 3))
    assert arrival.start == pytest.approx(1000, abs=1e-9)
    assert arrival.newest == pytest.approx(1000 + 7200 * drift, abs=60 * drift + 1e-9)


def test_a_new_connection_begins_anew():
    arrival = Arrival()
    arrival.note(0.0, 1000.0)
    arrival.restart()
    arrival.note(20.0, 1020.7)
    assert arrival.newest == pytest.approx(1000.7)
    assert arrival.start == pytest.approx(1000.0)
