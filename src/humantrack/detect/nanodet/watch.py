"""Where anybody may be in a picture: for hiding faces, where one too many does no harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from humantrack.detect.nanodet.detector import NanoDet
from humantrack.types import Frame
from humantrack.types.arrays import FloatArray

SCORE = 0.2
"""Boxes from this score on are told: a head that comes in at the picture's edge and runners who
crouch have 0.24 to 0.39. Below it there are hardly any but parts of people, doors and trees."""

EVERYTHING_S = 1.0
"""Seconds between two looks at everything, tiles of a large picture among it."""

STRONG = 0.4
"""Small people of this score are looked for in tiles in the frames between."""

HELD = 3
"""Frames for which a box that is not there any more is told all the same."""


class Watch:
    """Looks at every frame in two sizes, whatever any schedule says, and now and then at all of it.

    Unlike a detector's boxes its own may be of people hardly to be seen, and say nothing of who is
    who. It knows no tracks; a box that vanishes is told for some frames more.
    """

    def __init__(self) -> None:
        self._detector = NanoDet(weak_score=SCORE)
        self._seen: list[FloatArray] = []
        self._small = np.zeros((0, 4), np.float32)
        self._looked_s = -np.inf

    def boxes(self, frame: Frame) -> FloatArray:
        """(N,4) pixels, x0 y0 x1 y1: of this frame, and of a few before."""
        if frame.is_shot_start:
            self._seen, self._looked_s = [], -np.inf
        is_due = not 0 <= frame.time_s - self._looked_s < EVERYTHING_S
        seen = self._detector.look(frame, None if is_due else self._small)
        found = seen.xyxy_px
        if is_due:
            self._small, self._looked_s = found[seen.score >= STRONG], frame.time_s
        self._seen = [*self._seen, found][-1 - HELD :]
        return np.concatenate(self._seen)

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of earlier frames, as plain values."""
        return {"seen": self._seen, "small": self._small, "looked_s": self._looked_s}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from another's ``state_dict``."""
        self._seen, self._small = list(state["seen"]), state["small"]
        self._looked_s = state["looked_s"]
