"""Frame rates of videos."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from humantrack.video.container import open_video

_FALLBACK_FPS = Fraction(30)
_ORDINARY_FPS = 240
"""Up to here what the container says is believed."""

_HIGHEST_FPS = 1_000_000
"""The fastest cameras reach this."""

_SAMPLE = 512
"""Packets whose timestamps are looked at."""

_ROUND = (1000, 240, 100, 60, 50, 30, 25, 10, 5, 1)
"""Rates of cameras are multiples of these, the first ones more likely."""


def frame_rate(stream: Any, stamps: Callable[[], Iterator[int]]) -> Fraction:
    """Average frames per second.

    A container that claims more than 240, or nothing, is judged by its timestamps: some give the
    ticks of their clock for a rate, while high-speed cameras really have thousands.

    Args:
        stream: PyAV's.
        stamps: reads the presentation times of the stream's packets, in ticks.
    """
    said = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    claims = [Fraction(rate) for rate in said if rate and 0 < rate <= _HIGHEST_FPS]
    if claims and claims[0] <= _ORDINARY_FPS:
        return claims[0]
    time_base: Fraction | None = stream.time_base
    count, ticks = _ticks(list(itertools.islice(stamps(), _SAMPLE)))
    if ticks and time_base:
        rate = Fraction(count) / (ticks * time_base)
        likely = (max(round(rate / step), 1) * step for step in _ROUND)
        for claim in (*claims, *map(Fraction, likely), rate):
            is_true = abs(count / (claim * time_base) - ticks) <= 1  # times are whole ticks
            if is_true and claim <= _HIGHEST_FPS:
                return claim
    return next((claim for claim in claims if claim <= _ORDINARY_FPS), _FALLBACK_FPS)


def stamps_of(path: Path, number: int | None) -> Iterator[int]:
    """The times of a video stream's packets, in ticks, from the first one on.

    Args:
        path: the file.
        number: of the stream among the video streams; None for the best.
    """
    with open_video(path, number=number) as (container, stream):
        has_pts = container.format.name != "avi"
        for packet in container.demux(stream):
            stamp = packet.pts if has_pts else packet.dts
            if stamp is not None and packet.size and not packet.is_discard:
                yield stamp


def _ticks(stamps: list[int]) -> tuple[int, int]:
    """(frames, ticks they last) of the first packets, pauses left out."""
    steps = sorted(b - a for a, b in itertools.pairwise(sorted(stamps)))
    kept = [step for step in steps if step <= 8 * max(steps[len(steps) // 2], 1)]
    return len(kept), sum(kept)
