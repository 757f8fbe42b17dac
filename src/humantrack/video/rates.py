"""How many frames a second a video has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

_FALLBACK_FPS = Fraction(30)
_ORDINARY_FPS = 240
"""Up to here what the container says is believed."""

_HIGHEST_FPS = 1_000_000
"""The fastest cameras reach this."""

_SAMPLE = 64
"""Packets whose timestamps are looked at."""


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
    measured = _measured(list(itertools.islice(stamps(), _SAMPLE)), stream.time_base)
    for claim in claims:
        if measured is not None and abs(claim / measured - 1) < Fraction(1, 4):
            return claim
    if measured is not None and measured <= _HIGHEST_FPS:
        return measured
    return next((claim for claim in claims if claim <= _ORDINARY_FPS), _FALLBACK_FPS)


def _measured(stamps: list[int], time_base: Fraction | None) -> Fraction | None:
    """Frames per second of the first packets; None if their times do not tell."""
    if len(stamps) < 2 or not time_base:
        return None
    steps = sorted(b - a for a, b in itertools.pairwise(sorted(stamps)))
    kept = [step for step in steps if step <= 8 * max(steps[len(steps) // 2], 1)]  # no pauses
    span = sum(kept)
    if span == 0:
        return None
    rate = Fraction(len(kept)) / (span * time_base)
    whole = Fraction(max(round(rate), 1))
    is_rounded = abs(len(kept) / (whole * time_base) - span) <= 1  # times are whole ticks
    return whole if is_rounded else rate
