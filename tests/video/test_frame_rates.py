"""High-speed and slow videos keep their rate, and a rate that is none is judged by the times."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from humantrack.video import VideoWriter, open_source
from humantrack.video.length import Length, Packets, expected, measured
from humantrack.video.rates import frame_rate

RATES = [
    *(Fraction(1, 60), Fraction(1, 2), Fraction(30000, 1001), Fraction(25)),
    *(Fraction(1200), Fraction(2000), Fraction(10000)),
]


@pytest.mark.parametrize("fps", RATES)
def test_what_is_written_at_a_rate_is_read_at_it(tmp_path, fps):
    path = tmp_path / "a.mp4"
    with VideoWriter(path, fps=fps, width=64, height=48) as writer:
        for number in range(30):
            writer.write(np.full((48, 64, 3), number * 8, np.uint8), float(number / fps))
    with open_source(path) as source:
        frames = list(source)
        assert source.info.fps == fps
        assert source.info.frame_count == 30
    for number, frame in enumerate(frames):
        assert frame.time_s == pytest.approx(float(number / fps), rel=1e-3)
        assert abs(frame.rgb.mean() - number * 8) < 6


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mov"])
@pytest.mark.parametrize("rate", [480, 1200, 2000])
def test_high_speed_in_every_container(make_clip, suffix, rate):
    path = make_clip(f"a{suffix}", frames=50, rate=rate)
    with open_source(path) as source:
        assert source.info.fps == rate
        last = list(source)[-1]
    assert (last.source_index, last.time_s) == (49, pytest.approx(49 / rate, abs=0.001))


def stream(*rates: Any, time_base: Fraction) -> Any:
    return SimpleNamespace(
        average_rate=rates[0], guessed_rate=rates[1], base_rate=rates[2], time_base=time_base
    )


@pytest.mark.parametrize(
    ("claims", "step", "expected"),
    [
        ((90000, 90000, 90000), 3600, 25),
        ((None, 90000, 50), 3600, 25),
        ((10**6, None, None), 3000, 30),
        ((None, None, None), 3600, 25),
        ((10**9, 25, 25), 3600, 25),
        ((1200, 1200, 1200), 75, 1200),
        ((240, 1, 1), 3600, 240),
    ],
)
def test_a_rate_above_240_needs_timestamps_that_agree(claims, step, expected):
    given = stream(*claims, time_base=Fraction(1, 90000))
    assert frame_rate(given, lambda: iter(range(0, 100 * step, step))) == expected


@pytest.mark.parametrize("stamps", [[], [5], [7, 7, 7]])
def test_without_times_an_absurd_rate_is_not_believed(stamps):
    given = stream(90000, 90000, 25, time_base=Fraction(1, 90000))
    assert frame_rate(given, lambda: iter(stamps)) == 25


def test_a_pause_does_not_slow_the_rate_down():
    given = stream(5000, 5000, 5000, time_base=Fraction(1, 90000))
    stamps = [*range(0, 40 * 1500, 1500), *range(9_000_000, 9_000_000 + 40 * 1500, 1500)]
    assert frame_rate(given, lambda: iter(stamps)) == 60


@pytest.mark.parametrize("rate", [1200, 2400, 5000])
@pytest.mark.parametrize("ticks", [1000, 90000])
def test_whole_ticks_hide_no_usual_rate(rate, ticks):
    """Several frames may share a tick, and whoever copied the stream knew no rate."""
    given = stream(None, 1000, 1000, time_base=Fraction(1, ticks))
    stamps = [round(number * ticks / rate) for number in range(2000)]
    assert frame_rate(given, lambda: iter(stamps)) == rate


def test_frames_that_share_a_tick_take_no_longer_for_it():
    stamps = [round(number * 1000 / 2400) / 1000 for number in range(2400)]
    packets = Packets(count=2400, stamps_s=stamps, tick_s=0.001)
    claim = Length(frames=None, duration_s=None, fps=Fraction(2400))
    length = measured(claim, packets)
    assert length.fps == 2400
    assert length.duration_s == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("frames", [20, 90])
def test_an_avi_that_tells_the_rate_of_fields_has_that_of_its_frames(frames):
    """The count and the duration are true; the muxer took half the time of a frame for a slot."""
    packets = Packets(count=frames, stamps_s=[i / 30 for i in range(frames)], tick_s=1 / 60)
    claim = Length(frames=frames, duration_s=frames / 30, fps=Fraction(60))
    assert measured(claim, packets).fps == 30
    head = replace(packets, size=1000)
    assert expected(claim, head, 10_000_000, 10.0).fps == 30


def test_a_rate_that_is_nominal_is_kept_in_spite_of_pauses():
    stamps = [*(i / 30 for i in range(30)), *(1 + i / 4 for i in range(12))]
    packets = Packets(count=len(stamps), stamps_s=stamps, tick_s=0.001)
    claim = Length(frames=None, duration_s=4.0, fps=Fraction(30))
    assert measured(claim, packets).fps == 30
