"""The one-euro filter: calm while somebody stands, without lag while he moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from humantrack.types.arrays import FloatArray

_DEFAULT_STEP_S = 1 / 30
_LONGEST_STEP_S = 1.0  # time stamps that jump further, or back, say nothing about speed


class OneEuroFilter:
    """Low-pass filter of an array over time whose cutoff rises with speed, entry by entry.

    Source: Casiez, Roussel, Vogel: 1 euro filter, CHI 2012.

    Args:
        min_cutoff_hz: cutoff at rest.
        beta: how much the cutoff rises per unit of speed.
        speed_cutoff_hz: cutoff of the filter on the speed itself.
    """

    def __init__(self, *, min_cutoff_hz: float, beta: float, speed_cutoff_hz: float = 1.0) -> None:
        self._min_cutoff, self._beta = min_cutoff_hz, beta
        self._speed_cutoff = speed_cutoff_hz
        self._value: FloatArray | None = None
        self._speed: FloatArray | float = 0.0

    def __call__(self, value: FloatArray, step_s: float, scale: float = 1.0) -> FloatArray:
        """The filtered value.

        Args:
            value: array, always of the same shape.
            step_s: seconds since the last call, positive.
            scale: the unit speeds are measured in, such as a person's size in px.
        """
        if self._value is None:
            self._value = value
            return value
        speed = (value - self._value) / (scale * step_s)
        self._speed = self._speed + _share(self._speed_cutoff, step_s) * (speed - self._speed)
        cutoff = self._min_cutoff + self._beta * np.abs(self._speed)
        self._value = self._value + _share(cutoff, step_s) * (value - self._value)
        return self._value

    def state_dict(self) -> dict[str, Any]:
        """All that the next value depends on."""
        return {"value": self._value, "speed": self._speed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one with the same arguments."""
        self._value, self._speed = state["value"], state["speed"]


def _share(cutoff_hz: Any, step_s: float) -> Any:
    """Share of the new value that an exponential filter with this cutoff takes."""
    turn = 2 * math.pi * cutoff_hz * step_s
    return turn / (1 + turn)


class LandmarkFilter:
    """Smooths one person's landmarks.

    Image speeds count in sides of the region, so that a person far away is treated like one nearby.
    The cutoffs lie between the noise of the networks, which at 60 frames a second shakes a joint by
    25 mm a frame squared (people: 3), and what people do; MediaPipe's own for images (0.05 Hz, 80)
    and world points (0.1 Hz, 40) let half of it through.
    """

    def __init__(self) -> None:
        self._image = OneEuroFilter(min_cutoff_hz=1.0, beta=40)
        self._world = OneEuroFilter(min_cutoff_hz=1.0, beta=2)
        self._time_s: float | None = None

    def __call__(
        self, xy_px: FloatArray, world: FloatArray, *, time_s: float, side_px: float
    ) -> tuple[FloatArray, FloatArray]:
        """Smoothed image points (33,2) and world points (33,3) at a time."""
        step = _DEFAULT_STEP_S if self._time_s is None else time_s - self._time_s
        step = step if 0 < step < _LONGEST_STEP_S else _DEFAULT_STEP_S
        self._time_s = time_s
        return self._image(xy_px, step, side_px), self._world(world, step)

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {
            "image": self._image.state_dict(),
            "world": self._world.state_dict(),
            "time_s": self._time_s,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._image.load_state_dict(state["image"])
        self._world.load_state_dict(state["world"])
        self._time_s = state["time_s"]
