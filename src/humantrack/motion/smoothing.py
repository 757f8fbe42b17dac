"""Filters over a person's motion: rotations are smoothed on their manifold, points as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from humantrack.geometry.rotations import (
    axis_angle_to_quaternion,
    matrix_to_quaternion,
    quaternion_to_axis_angle,
    quaternion_to_matrix,
    transpose,
)
from humantrack.types.arrays import FloatArray, IntArray

SAVGOL_WINDOW, SAVGOL_ORDER = 9, 2
EURO_CUTOFF_HZ, EURO_SPEED_CUTOFF_HZ = 1.5, 1.0
EURO_TURN_BETA, EURO_MOVE_BETA = 1.0, 4.0
"""How much the cutoff rises per radian, or metre, a second."""

Read = Callable[[int, int], tuple[FloatArray, ...]]


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
    [out] = smooth_parts(
        kind, time_s, lambda a, b: (quaternions[a:b], *(p[a:b] for p in points)), len(time_s)
    )
    return out


def smooth_parts(
    kind: str, time_s: FloatArray, read: Read, size: int
) -> Iterator[tuple[FloatArray, ...]]:
    """The same of a stretch too long for memory: ``size`` frames of its output at a time.

    Args:
        kind: see ``smooth``.
        time_s: (T,).
        read: gives the quaternions and points of the frames from one up to, but not with, another.
        size: frames.
    """
    filters: list[_Euro] = []
    for first in range(0, len(time_s), size):
        stop = min(first + size, len(time_s))
        if kind == "savgol":
            frames, weights = _windows(len(time_s), first, stop)
            start, end = int(frames.min()), int(frames.max()) + 1
            turns, *points = read(start, end)
            frames -= start
            yield (
                _savgol_turns(turns[first - start : stop - start], turns, frames, weights),
                *(np.asarray(np.einsum("tw,tw...->t...", weights, p[frames])) for p in points),
            )
        else:
            turns, *points = read(first, stop)
            filters = filters or [_EuroTurns(turns), *(_EuroPoints(p) for p in points)]
            now_s = time_s[max(first - 1, 0) : stop]
            yield tuple(f.take(now_s, a) for f, a in zip(filters, (turns, *points), strict=True))


def _windows(count: int, first: int, stop: int) -> tuple[IntArray, FloatArray]:
    """For some of T frames the window's frames (N,W) and their weights (N,W).

    At the ends the window stays inside and the parabola is read off its side.
    """
    width = min(SAVGOL_WINDOW, count - (count + 1) % 2)
    order = min(SAVGOL_ORDER, width - 1)
    here = np.arange(first, stop)
    start = np.clip(here - width // 2, 0, count - width)
    from scipy.signal import savgol_coeffs  # slow to import

    table = np.array([savgol_coeffs(width, order, pos=p, use="dot") for p in range(width)])
    return start[:, None] + np.arange(width), table[here - start]


def _savgol_turns(
    quaternions: FloatArray, around: FloatArray, frames: IntArray, weights: FloatArray
) -> FloatArray:
    here, there = quaternion_to_matrix(quaternions), quaternion_to_matrix(around)
    step = np.zeros((*quaternions.shape[:-1], 3))
    for k in range(frames.shape[1]):
        turn = transpose(here) @ there[frames[:, k]]
        step += weights[:, k, None, None] * quaternion_to_axis_angle(matrix_to_quaternion(turn))
    return _turned(quaternions, step)


class _Euro:
    """A filter that remembers what it has let through.

    Args:
        array: (T,...) what it begins with.
    """

    beta: ClassVar[float]

    def __init__(self, array: FloatArray) -> None:
        self._last: FloatArray | None = None
        self._speed: FloatArray = np.zeros((*array.shape[1:-1], 1))

    def take(self, time_s: FloatArray, array: FloatArray) -> FloatArray:
        """The next frames (N,...); their times, with that of the frame before if there is one."""
        out = np.array(array, np.float64)
        if self._last is None:
            self._last = out[0]
        for t, step_s in enumerate(np.diff(time_s), start=len(out) + 1 - len(time_s)):
            move = self._move(self._last, array[t])
            length = np.linalg.norm(move, axis=-1, keepdims=True)
            share, self._speed = _euro_share(length, self._speed, step_s, self.beta)
            out[t] = self._last = self._moved(self._last, share * move)
        return out

    def _move(self, start: FloatArray, end: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _moved(self, start: FloatArray, move: FloatArray) -> FloatArray:
        raise NotImplementedError


class _EuroPoints(_Euro):
    beta = EURO_MOVE_BETA

    def _move(self, start: FloatArray, end: FloatArray) -> FloatArray:
        return np.asarray(end - start)

    def _moved(self, start: FloatArray, move: FloatArray) -> FloatArray:
        return np.asarray(start + move)


class _EuroTurns(_Euro):
    beta = EURO_TURN_BETA

    def _move(self, start: FloatArray, end: FloatArray) -> FloatArray:
        turn = transpose(quaternion_to_matrix(start)) @ quaternion_to_matrix(end)
        return quaternion_to_axis_angle(matrix_to_quaternion(turn))

    def _moved(self, start: FloatArray, move: FloatArray) -> FloatArray:
        return _turned(start, move)


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
