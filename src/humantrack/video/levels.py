"""Pictures of more than 8 bits, or of floating point numbers -> 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from humantrack.types.arrays import ByteArray

_INTEGERS = (255, 1023, 4095, 16383, 65535)
"""White of cameras of 8 to 16 bits."""

_FEWEST = {np.dtype(np.uint16): 2, np.dtype(np.int16): 2}
"""Where in ``_INTEGERS`` to begin: a dark picture of 16 bits is not one of 8."""

_FLOATS = (1.0, *_INTEGERS)
_BRIGHT = 99.0
"""Percentile by which floating point numbers are judged: highlights may exceed white."""


@dataclass(frozen=True)
class Levels:
    """The value that is shown as white, found from the first of several pictures.

    Pictures of 16 bits often hold 12 or 14, and those of floating point numbers 0..1 or 0..255.
    A later picture that does not fit is shown by a white of its own.
    """

    white: float = 0.0

    @staticmethod
    def of(values: Any) -> Levels:
        """Those of one picture."""
        if values.dtype == np.uint8:
            return Levels()
        if np.issubdtype(values.dtype, np.floating):
            finite = values[np.isfinite(values)]
            brightest = float(np.percentile(finite, _BRIGHT)) if finite.size else 0.0
            candidates: tuple[float, ...] = _FLOATS
        else:
            brightest = float(values.max(initial=0))
            candidates = _INTEGERS[_FEWEST.get(values.dtype, 0) :]
        return Levels(next((white for white in candidates if brightest <= white), brightest))

    def apply(self, values: Any) -> ByteArray:
        """Scale to 0..255; what is not a number, or negative, becomes 0."""
        if values.dtype == np.uint8:
            return np.asarray(values, np.uint8)
        white = max(self.white, Levels.of(values).white)
        scaled: Any = np.nan_to_num(values.astype(np.float32), posinf=white, neginf=0) * (
            255 / white
        )
        return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)
