"""Filters over a person's motion: rotations are smoothed on their manifold, points as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from humantrack.geometry.rotations import (
    axis_angle_to_quaternion,
    matrix_to_quaternion,
    quaternion_to_axis_angle,
    quaternion_to_matrix,
    transpose,
)
from humantrack.types.arrays import FloatArray

SAVGOL_WINDOW, SAVGOL_ORDER = 9, 2
EURO_CUTOFF_HZ, EURO_SPEED_CUTOFF_HZ = 1.5, 1.0
EURO_TURN_BETA, EURO_MOVE_BETA = 1.0, 4.0
"""How much the cutoff rises per radian, or metre, a second."""


def smooth(
    kind: str, time_s: FloatArray, quaternions: FloatArray, *points: FloatArray
) -> tuple[FloatArray, ...]:
    """One stretch of motion through a filter.

    Args:
        kind: 'savgol' looks both ways (9 frames, parabola) and adds no lag; 'one-euro' looks
            back only, as a live program must.
        time_s: (T,).
        quaternions: (T,J,4) w first.
        points: any number of (T,...) positions.

    Returns:
        The same arrays, smoothed. Sources: Savitzky and Golay 1964, in the tangent space of each
        frame's rotation; Casiez, Roussel, Vogel: 1 euro filter, CHI 2012.
    """
    if kind == "savgol":
        return _savgol_turns(quaternions), *(_savgol_points(p) for p in points)
    return _euro_turns(time_s, quaternions), *(_euro_points(time_s, p) for p in points)


def _windows(count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each of T frames the window's frames (T,W) and their weights (T,W).

    At the ends the window stays inside and the parabola is read off its side.
    """
    width = min(SAVGOL_WINDOW, count - (count + 1) % 2)
    order = min(SAVGOL_ORDER, width - 1)
    start = np.clip(np.arange(count) - width // 2, 0, count - width)
    place = np.arange(count) - start
    from scipy.signal import savgol_coeffs  # slow to import

    table = np.array([savgol_coeffs(width, order, pos=p, use="dot") for p in range(width)])
    return start[:, None] + np.arange(width), table[place]


def _savgol_points(points: FloatArray) -> FloatArray:
    frames, weights = _windows(len(points))
    return np.asarray(np.einsum("tw,tw...->t...", weights, points[frames]))


def _savgol_turns(quaternions: FloatArray) -> FloatArray:
    frames, weights = _windows(len(quaternions))
    here = quaternion_to_matrix(quaternions)
    step = np.zeros((*quaternions.shape[:-1], 3))
    for k in range(frames.shape[1]):
        turn = transpose(here) @ here[frames[:, k]]
        step += weights[:, k, None, None] * quaternion_to_axis_angle(matrix_to_quaternion(turn))
    return _turned(quaternions, step)


def _euro_points(time_s: FloatArray, points: FloatArray) -> FloatArray:
    out = np.array(points, np.float64)
    speed: FloatArray = np.zeros((*points.shape[1:-1], 1))
    for t, step_s in enumerate(np.diff(time_s), start=1):
        move = points[t] - out[t - 1]
        share, speed = _euro_share(
            np.linalg.norm(move, axis=-1, keepdims=True), speed, step_s, EURO_MOVE_BETA
        )
        out[t] = out[t - 1] + share * move
    return out


def _euro_turns(time_s: FloatArray, quaternions: FloatArray) -> FloatArray:
    out = np.array(quaternions, np.float64)
    speed: FloatArray = np.zeros((quaternions.shape[1], 1))
    for t, step_s in enumerate(np.diff(time_s), start=1):
        turn = transpose(quaternion_to_matrix(out[t - 1])) @ quaternion_to_matrix(quaternions[t])
        move = quaternion_to_axis_angle(matrix_to_quaternion(turn))
        share, speed = _euro_share(
            np.linalg.norm(move, axis=-1, keepdims=True), speed, step_s, EURO_TURN_BETA
        )
        out[t] = _turned(out[t - 1], share * move)
    return out


def _euro_share(
    distance: FloatArray, speed: FloatArray, step_s: float, beta: float
) -> tuple[FloatArray, FloatArray]:
    """Share of the new value to take, and the filtered speed."""
    step_s = max(float(step_s), 1e-6)
    speed = speed + _share(EURO_SPEED_CUTOFF_HZ, step_s) * (distance / step_s - speed)
    return _share(EURO_CUTOFF_HZ + beta * speed, step_s), speed


def _share(cutoff_hz: FloatArray | float, step_s: float) -> Any:
    turn = 2 * np.pi * cutoff_hz * step_s
    return turn / (1 + turn)


def _turned(quaternions: FloatArray, rotation_vector: FloatArray) -> FloatArray:
    """Each rotation followed, in its own axes, by a further turn."""
    turn = quaternion_to_matrix(axis_angle_to_quaternion(rotation_vector))
    return matrix_to_quaternion(quaternion_to_matrix(quaternions) @ turn)
