"""What looks at people count for: those soon after each other, and ways along the line of sight."""

from __future__ import annotations

import numpy as np

from humantrack.types.arrays import FloatArray, IntArray
from humantrack.world.evidence import LAG_S, Looks

INDEPENDENT_S = 0.5
"""Looks at a person count as one within so long."""

_CLEARLY = 2.0
"""Times what errors make of it, a way in depth is believed to be one."""


def shares(rows: Looks, who: IntArray) -> FloatArray:
    """(M,) what part of an independent look each row is.

    Args:
        rows: of people.
        who: (M,) which person it is, from 0.
    """
    out = np.ones(len(rows))
    for k in range(int(who.max(initial=-1)) + 1):
        some = np.flatnonzero(who == k)
        time_s = rows.time_s[some]
        step = np.diff(time_s, append=time_s[-1] + 2 * LAG_S)
        out[some] = np.clip(step, 1e-3, INDEPENDENT_S) / INDEPENDENT_S
    return out


def means(values: FloatArray, who: IntArray, weight: FloatArray) -> FloatArray:
    """(M,...) for each look, the mean over all at the same person.

    Args:
        values: (M,...)
        who: (M,) which person it is, from 0.
        weight: (M,) above zero.
    """
    total = np.zeros((int(who.max()) + 1, *values.shape[1:]))
    np.add.at(total, who, (values.T * weight).T)
    return np.asarray((total.T / np.bincount(who, weight)).T[who])


def way_in_depth(
    place: FloatArray, ray: FloatArray, error_m: FloatArray, who: IntArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far people go along the line of sight, and what part of it errors may have made.

    What is expected of a place, given how it is seen, is without that part (regression calibration:
    Carroll et al., "Measurement Error in Nonlinear Models", 2006, chapter 4). Who stays in one
    place is seen to go to and fro by errors alone, and the floor under him shows no tilt.

    Args:
        place: (M,3) metres.
        ray: (M,3) of unit length, along the line of sight.
        error_m: (M,) of the place, along it.
        who: (M,) which person it is, from 0.
        weight: (M,) above zero.

    Returns:
        (M,3) metres from the middle of the looks at each person, and (M,) 0..1.
    """
    away = ((place - means(place, who, weight)) * ray).sum(axis=1)
    spread, chance = means(away**2, who, weight), means(error_m**2, who, weight)
    part = np.clip(_CLEARLY * chance / np.maximum(spread, 1e-12), 0, 1)
    return away[:, None] * ray, part
