"""When the frames of a results file are."""

from __future__ import annotations

import math
from typing import Any

from humantrack.clips.facts import ClipFacts
from humantrack.clips.options import ExportOptions

_NEAR_A_FRAME = 0.1
"""Part of a frame that a clock may be off."""

END_OF_TIME_S = 1e12
"""What claims to be later is not a time."""


class Clock:
    """When the frames of a file are: as it says, unless the user says otherwise."""

    def __init__(self, facts: ClipFacts, options: ExportOptions) -> None:
        self.fps = facts.fps
        self._is_even = options.source_fps is not None
        self._slow_motion = options.slow_motion or 1.0
        self._fps_said = facts.fps_said or options.source_fps
        self._offset: float | None = None

    def time_s(self, index: int, said: Any) -> float:
        """When a frame is, ``said`` being the file's time or None."""
        if self._is_even:
            return (index + self._before(index, said)) / self.fps
        if said is None:
            return index / self.fps
        return float(said) / self._slow_motion

    def _before(self, index: int, said: Any) -> float:
        """Frames of the source before the first of the file, which may be a cut from its midst."""
        if self._offset is None:
            frames = 0.0 if said is None else float(said) * (self._fps_said or 0.0) - index
            whole = round(frames) if math.isfinite(frames) else 0
            self._offset = float(whole) if abs(frames - whole) < _NEAR_A_FRAME else frames
            if not abs(self._offset) < END_OF_TIME_S:
                self._offset = 0.0
        return self._offset
