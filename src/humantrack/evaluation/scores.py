"""What scoring gives: values of each sequence, and those of all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from humantrack.evaluation.catalogue import MEASURES
from humantrack.evaluation.measures.tracking import Overlaps, TrackingScores
from humantrack.types.arrays import FloatArray, IntArray

_STATISTICS: dict[str, Callable[[Any], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "sum": np.sum,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceErrors:
    """The errors of one sequence, before they become one number each."""

    name: str
    frames: int
    errors: Mapping[str, FloatArray] = field(default_factory=dict)
    """Measure -> one value for each frame, joint or foot that it is taken of."""

    overlaps: Overlaps | None = None
    timeline: tuple[str, IntArray, FloatArray] | None = None
    """A measure over time for the plot: its name, frames, values."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The figures of some results on a benchmark. Shares are 0..1, units those of ``MEASURES``."""

    benchmark: str
    protocol: str
    values: Mapping[str, float]
    """Over all sequences."""

    sequences: Mapping[str, Mapping[str, float]]
    """Sequence -> values."""

    absent: Mapping[str, str] = field(default_factory=dict)
    """Measures that cannot be compared, and why."""

    alphas: Mapping[str, FloatArray] = field(default_factory=dict)
    """Sequence -> (19,) HOTA over alpha; "" is all."""

    timelines: Mapping[str, tuple[str, IntArray, FloatArray]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def scores_of(
    benchmark: str,
    protocol: str,
    sequences: Sequence[SequenceErrors],
    *,
    tracking: TrackingScores | None = None,
    absent: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Scores:
    """Pool sequences: every measure is taken of the values of all of them together.

    Args:
        benchmark: its name.
        protocol: by which it was scored.
        sequences: at least one.
        tracking: what TrackEval and motmetrics say of them.
        absent: measures that cannot be compared, and why.
        notes: what the reader should know.
    """
    each = {s.name: {"Frames": float(s.frames), **_values([s])} for s in sequences}
    overall = {"Frames": float(sum(s.frames for s in sequences)), **_values(sequences)}
    if tracking is not None:
        overall |= tracking.overall
        for name, values in tracking.videos.items():
            each[name] |= values
    order = {name: i for i, name in enumerate(MEASURES)}
    told = [*notes, *_notes(sequences)]
    return Scores(
        benchmark=benchmark,
        protocol=protocol,
        values=_ordered(overall, order),
        sequences={name: _ordered(values, order) for name, values in each.items()},
        absent=dict(absent or {}),
        alphas={} if tracking is None else tracking.alphas,
        timelines={s.name: s.timeline for s in sequences if s.timeline is not None},
        notes=tuple(dict.fromkeys(told)),
    )


def _notes(sequences: Sequence[SequenceErrors]) -> list[str]:
    """What there is to know of some sequences, or of all of them."""
    about: dict[str, list[str]] = {}
    for sequence in sequences:
        for note in sequence.notes:
            about.setdefault(note, []).append(sequence.name)
    return [
        note if len(names) == len(sequences) else f"{', '.join(names)}: {note}"
        for note, names in about.items()
    ]


def _values(sequences: Sequence[SequenceErrors]) -> dict[str, float]:
    out = {}
    for name in dict.fromkeys(name for s in sequences for name in s.errors):
        values = np.concatenate([np.ravel(s.errors[name]) for s in sequences if name in s.errors])
        if len(values):
            out[name] = float(_STATISTICS[MEASURES[name].statistic](values))
    return out


def _ordered(values: Mapping[str, float], order: Mapping[str, int]) -> dict[str, float]:
    return dict(sorted(values.items(), key=lambda item: order[item[0]]))
