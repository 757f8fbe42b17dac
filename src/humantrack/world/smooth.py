"""Penalised least squares over time: values near what was seen, with small accelerations."""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import matrix_to_quaternion, quaternion_to_matrix
from humantrack.types.arrays import FloatArray


def accelerations(time_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Second differences of T frames at any times.

    Returns:
        (T-2,3) factors of the values before, at and after each inner frame, whose sum is the
        acceleration there, and (T-2,) the seconds that it stands for.
    """
    step = np.maximum(np.diff(time_s), 1e-6)
    before, after = step[:-1], step[1:]
    both = before + after
    factors = np.stack([2 / (before * both), -2 / (before * after), 2 / (after * both)], axis=1)
    return factors, both / 2


def durations(time_s: FloatArray) -> FloatArray:
    """(T,) seconds that each frame stands for."""
    if len(time_s) < 2:
        return np.full(len(time_s), 1 / 30)
    return np.maximum(np.gradient(time_s), 1e-6)


def smooth_values(
    values: FloatArray, weight: FloatArray, time_s: FloatArray, cutoff_hz: float
) -> FloatArray:
    """Whittaker's smoother (1923) with accelerations penalised.

    Args:
        values: (T,K).
        weight: (T,) 1 for a good frame, 0 for one to be bridged.
        time_s: (T,).
        cutoff_hz: a swing of this frequency is halved; one of half of it keeps 94 %.
    """
    count = len(values)
    if count < 3:
        return _held(values, weight)
    factors, span = accelerations(time_s)
    strength = span / (2 * np.pi * cutoff_hz) ** 4
    band = np.zeros((3, count))
    for i in range(3):
        for j in range(i + 1):
            part = strength * factors[:, i] * factors[:, j]
            band[i - j, j : j + count - 2] += part
    data = np.maximum(weight, 1e-6) * durations(time_s)
    band[0] += data
    from scipy.linalg import solveh_banded

    return np.asarray(solveh_banded(band, data[:, None] * values, lower=True))


def _held(values: FloatArray, weight: FloatArray) -> FloatArray:
    """One or two frames: what is bad takes the other's values."""
    best = int(np.argmax(weight))
    return np.where((weight > 0)[:, None], values, values[best])


def smooth_rotations(
    local: FloatArray, weight: FloatArray, time_s: FloatArray, cutoff_hz: float
) -> FloatArray:
    """Rotations (T,J,3,3), smoothed as quaternions of one sign, which is as on the manifold for
    turns that are small from frame to frame.
    """
    q = matrix_to_quaternion(local)
    good = np.flatnonzero(weight > 0)
    if len(good) == 0:
        return local
    near = good[np.maximum(np.searchsorted(good, np.arange(len(q)), side="right") - 1, 0)]
    q = q[near]  # a bad frame's sign, and value, is that of the last good one
    flips = np.sign((q[1:] * q[:-1]).sum(axis=-1))
    signs = np.cumprod(np.where(flips < 0, -1.0, 1.0), axis=0)
    q[1:] *= signs[..., None]
    flat = q.reshape(len(q), -1)
    smooth = smooth_values(flat, weight, time_s, cutoff_hz).reshape(q.shape)
    return quaternion_to_matrix(smooth)
