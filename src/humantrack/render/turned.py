"""Bodies as they look from another side, each turned about its own pelvis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from humantrack.types import Observation
from humantrack.types.arrays import FloatArray

GROUND = (24, 25, 28)
"""RGB that bodies are drawn on where there is no picture."""

FROM_THE_SIDE: FloatArray = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)
"""(3,3) about the camera's vertical: what was at its right comes to lie nearest."""

FROM_ABOVE: FloatArray = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
"""(3,3) about the camera's horizontal: what was at its top comes to lie nearest."""


def turned(seen: Observation, rotation: FloatArray) -> Observation:
    """The same person in the same place, turned by a rotation (3,3) in camera axes."""
    return replace(seen, global_orient=(rotation @ seen.global_orient).astype(np.float32))
