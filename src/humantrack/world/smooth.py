"""Penalised least squares over time: values near what was seen that change gently."""

from __future__ import annotations

import math

import numpy as np

from humantrack.geometry.rotations import matrix_to_quaternion, quaternion_to_matrix
from humantrack.types.arrays import FloatArray

CALM = 0.03
"""Weight of accelerations against that of jerks, at the cutoff: it keeps gaps from overshooting."""


def derivative(time_s: FloatArray, order: int) -> tuple[FloatArray, FloatArray]:
    """The derivative of some order, from as many and one more frames at any times.

    Returns:
        (T-order,order+1) factors of the values in these frames, whose sum is the derivative
        (Newton's divided differences times order!), and (T-order,) seconds that it stands for.
    """
    count = len(time_s) - order
    times = np.stack([time_s[i : count + i] for i in range(order + 1)], axis=1)
    apart = times[:, :, None] - times[:, None, :]
    apart[:, np.arange(order + 1), np.arange(order + 1)] = 1
    apart = np.where(np.abs(apart) < 1e-6, 1e-6, apart)
    span = np.maximum(times[:, -1] - times[:, 0], 1e-6) / order
    return math.factorial(order) / apart.prod(axis=2), span


def durations(time_s: FloatArray) -> FloatArray:
    """(T,) seconds that each frame stands for."""
    if len(time_s) < 2:
        return np.full(len(time_s), 1 / 30)
    return np.maximum(np.gradient(time_s), 1e-6)


def smooth_values(
    values: FloatArray, weight: FloatArray, time_s: FloatArray, cutoff_hz: float
) -> FloatArray:
    """Whittaker's smoother (1923) with the third derivative penalised.

    Args:
        values: (T,K).
        weight: (T,) 1 for a good frame, 0 for one to be bridged.
        time_s: (T,).
        cutoff_hz: a swing of this frequency is halved; one of half of it keeps 98 %.
    """
    count = len(values)
    if count < 3:
        return _held(values, weight)
    band = np.zeros((4, count))
    omega = 2 * np.pi * cutoff_hz
    for order, strength in ((3, omega**-6.0), (2, CALM * omega**-4.0)):
        if count <= order:
            continue
        factors, span = derivative(time_s, order)
        for i in range(order + 1):
            for j in range(i + 1):
                part = strength * span * factors[:, i] * factors[:, j]
                band[i - j, j : j + len(part)] += part
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
    """Rotations (T,J,3,3), smoothed as quaternions of one sign.

    That is as on the manifold, for turns that are small from frame to frame.
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
