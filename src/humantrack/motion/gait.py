"""Steps of a person in the world: when feet meet the floor and leave it, and what follows of it.

Stride length, cadence and speed are as gait analysis has them: a stride is from one contact of a
foot to its next, a step from one foot's to the other's (Perry and Burnfield, Gait Analysis, 2nd
ed., 2010, chapter 1). Each number comes with a standard uncertainty (JCGM 100:2008).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray

SHORTEST_STANCE_S, SHORTEST_SWING_S = 0.1, 0.1
"""What is shorter is an error of the contacts: people walk and run with longer ones."""

LONGEST_STRIDE_S = 2.5
"""What is longer is a rest."""

_FEET = ("left", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A foot meets the floor, or leaves it."""

    side: str
    """left or right."""

    kind: str
    """contact or off."""

    row: int
    """The first frame in which it stands, or no longer stands."""

    time_s: float
    """Half a frame before it: between the two frames that differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stride:
    """From one contact of a foot to its next."""

    side: str
    start_s: float
    duration_s: float
    length_m: float
    """On the floor, from where the foot stood to where it stands next."""

    length_sd_m: float
    """Of ``length_m``: how far the two standing feet slid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number and its standard uncertainty; NaN where nothing is known."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gait:
    """What is known of a person's steps."""

    events: tuple[Event, ...]
    strides: tuple[Stride, ...]
    stride_length_m: Measure
    cadence_per_min: Measure
    """Steps, of either foot, a minute."""

    speed_m_s: Measure


def gait_of(time_s: FloatArray, contacts: BoolArray, feet: FloatArray) -> Gait:
    """The steps of one person in one shot.

    Args:
        time_s: (T,) rising.
        contacts: (T,4) whether left heel, left toe, right heel and right toe stand, the order of
            ``world.CONTACTS``.
        feet: (T,2,3) metres, y up: where the left and the right foot are (the ankles, say).

    Raises:
        ValueError: if the shapes do not fit.
    """
    count = len(time_s)
    if contacts.shape != (count, 4) or feet.shape != (count, 2, 3):
        raise ValueError(f"contacts {contacts.shape} and feet {feet.shape} for {count} frames")
    events: list[Event] = []
    strides: list[Stride] = []
    for foot, side in enumerate(_FEET):
        stances = _stances(time_s, np.asarray(contacts[:, 2 * foot : 2 * foot + 2].any(axis=1)))
        for start, stop in stances:
            if start > 0:
                events.append(_event(side, "contact", start, time_s))
            if stop < count:
                events.append(_event(side, "off", stop, time_s))
        strides += _strides(side, stances, time_s, feet[:, foot])
    events.sort(key=lambda event: (event.time_s, event.side))
    strides.sort(key=lambda stride: (stride.start_s, stride.side))
    frame_s = float(np.median(np.diff(time_s))) if count > 1 else np.nan
    return Gait(
        events=tuple(events),
        strides=tuple(strides),
        stride_length_m=_mean([s.length_m for s in strides], [s.length_sd_m for s in strides]),
        cadence_per_min=_cadence(strides, frame_s),
        speed_m_s=_speed(strides, frame_s),
    )


def _stances(time_s: FloatArray, stands: BoolArray) -> list[tuple[int, int]]:
    """First frames and ends of a foot's stances; swings, and then stances, too short are none."""
    if not len(stands):
        return []
    frame_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
    runs = _runs(stands)
    joined: list[tuple[int, int]] = []
    for start, stop in runs:
        if joined and time_s[start] - time_s[joined[-1][1] - 1] - frame_s < SHORTEST_SWING_S - 1e-9:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    shortest = SHORTEST_STANCE_S - 1e-9
    return [(a, b) for a, b in joined if time_s[b - 1] - time_s[a] + frame_s >= shortest]


def _runs(stands: BoolArray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(stands.astype(int), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _event(side: str, kind: str, row: int, time_s: FloatArray) -> Event:
    between = float(time_s[row - 1] + time_s[row]) / 2
    return Event(side=side, kind=kind, row=row, time_s=between)


def _strides(
    side: str, stances: Sequence[tuple[int, int]], time_s: FloatArray, foot: FloatArray
) -> list[Stride]:
    """Between stances whose beginnings were both seen."""
    out = []
    for (a, b), (c, d) in itertools.pairwise(stances):
        if a == 0:
            continue
        start_s = _event(side, "contact", a, time_s).time_s
        duration_s = _event(side, "contact", c, time_s).time_s - start_s
        if duration_s > LONGEST_STRIDE_S:
            continue
        before, after = foot[a:b][:, [0, 2]], foot[c:d][:, [0, 2]]
        apart = np.median(after, axis=0) - np.median(before, axis=0)
        slid = [float(np.sqrt((x.std(axis=0) ** 2).sum())) for x in (before, after)]
        out.append(
            Stride(
                side=side,
                start_s=start_s,
                duration_s=duration_s,
                length_m=float(np.linalg.norm(apart)),
                length_sd_m=float(np.hypot(slid[0], slid[1])),
            )
        )
    return out


def _mean(values: Sequence[float], sds: Sequence[float]) -> Measure:
    """The mean of independent numbers.

    Its uncertainty is the larger of that which their own give and that which their spread shows.
    """
    count = len(values)
    if not count:
        return Measure(value=np.nan, sd=np.nan)
    own = float(np.sqrt(np.square(sds).sum())) / count
    spread = float(np.std(values, ddof=1)) / np.sqrt(count) if count > 1 else 0.0
    return Measure(value=float(np.mean(values)), sd=max(own, float(spread)))


def _timing_s(frame_s: float) -> float:
    """Of a duration between two events, each somewhere between two frames: evenly distributed."""
    return float(frame_s * np.sqrt(2 / 12))


def _cadence(strides: Sequence[Stride], frame_s: float) -> Measure:
    """Two steps a stride."""
    durations = _mean([s.duration_s for s in strides], [_timing_s(frame_s)] * len(strides))
    value = 120 / durations.value
    return Measure(value=value, sd=value * durations.sd / durations.value)


def _speed(strides: Sequence[Stride], frame_s: float) -> Measure:
    """The mean of the strides' own speeds."""
    speeds = [s.length_m / s.duration_s for s in strides]
    sds = [
        v * np.hypot(s.length_sd_m / max(s.length_m, 1e-9), _timing_s(frame_s) / s.duration_s)
        for v, s in zip(speeds, strides, strict=True)
    ]
    return _mean(speeds, sds)
