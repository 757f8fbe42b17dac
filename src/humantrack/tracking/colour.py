"""Colour signatures of the embedded default: comparing them, and a track's memory of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray

SIGNATURE_SIZE = 192
"""Leading numbers of an appearance code that hold the colours (square roots of histograms)."""

WEIGHT = 7.0
"""Appearance component of two people without a colour in common. This and the three below were
chosen on the drawn clips of tests/data: ids stay with people who cross."""

MAX_DISTANCE = 0.75
"""Pairs further apart in colour (0..1) are never matched."""

RATE = 0.1
"""Share of new colours in a track's memory."""

LEAST_SCORE = 0.4
"""Colours of weaker detections are not remembered."""


def colour_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Hellinger distances of colour signatures: (T,C), (D,C) -> (T,D) float64, 0..1.

    NaN where either person shows no colours (a signature of zeros).
    """
    s, t = _signatures(a), _signatures(b)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(np.maximum(0.0, 1 - s @ t.T / _lengths(s, t))))


def are_blank(codes: FloatArray) -> BoolArray:
    """(N,) of whom no colour is known."""
    return np.asarray(~codes[:, :SIGNATURE_SIZE].any(axis=1))


def _signatures(codes: FloatArray) -> FloatArray:
    return codes[:, :SIGNATURE_SIZE].astype(np.float64)


def _lengths(s: FloatArray, t: FloatArray) -> FloatArray:
    """(T,D) products of lengths: 0 where a person shows no colours, NaN where one is broken."""
    return np.asarray(np.sqrt((s * s).sum(axis=1))[:, None] * np.sqrt((t * t).sum(axis=1)))


def colour_component(
    weight: float = WEIGHT, max_distance: float = MAX_DISTANCE
) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """The appearance component of a cost: weight * d^2, infinite where d > ``max_distance``.

    A person without colours speaks neither for nor against a match: d = ``max_distance`` / 2.
    """

    def component(a: FloatArray, b: FloatArray) -> FloatArray:
        d = colour_distances(a, b)
        is_blank = _lengths(_signatures(a), _signatures(b)) == 0
        d = np.where(is_blank, max_distance / 2, d)
        return np.where(d > max_distance, np.inf, weight * d**2)

    return component


def blend_colours(old: FloatArray, new: FloatArray, *, rate: float) -> FloatArray:
    """A track's signature after one more look, of length 1; the rest of the code is the new one."""
    code = new.copy()
    a, b = old[:SIGNATURE_SIZE], new[:SIGNATURE_SIZE]
    if not np.count_nonzero(b):
        code[:SIGNATURE_SIZE] = a
    elif np.count_nonzero(a):
        mixed = (1 - rate) * a + rate * b
        code[:SIGNATURE_SIZE] = mixed / np.sqrt(mixed.dot(mixed))
    return code
