"""When the detector looks, and how thoroughly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from humantrack.detect.nanodet.views import all_tiles
from humantrack.types import Frame
from humantrack.types.stages import passes_mark

START_FRAMES = 5
"""Looks on end at the start and after a cut, as a track counts from its fifth detection on."""

REST_S = 0.155
"""From one look to the next while nothing changes: 5 frames at 30 fps, 4 at 25, 10 at 60."""

SOON_S = 0.055
"""... while nobody is found, or after somebody came or went: 2 frames at 30 fps, 4 at 60."""

FULL_S = 0.455
"""From one look at all that people need to the next while those between show everybody."""

SURE_LOOKS = 2
"""Full looks on end at the start and after a cut."""

WIDE_S = 0.995
"""From one look at everything to the next; at least :data:`TILE_S` for each tile it takes."""

TILE_S = 0.15

LIVE_FRAMES, LIVE_FULL, LIVE_WIDE = 3, 2, 2
"""Of a live source, where seconds may hold few frames: at least so many frames from look to look
while somebody is followed, and looks from one at all that people need, or at one more part of the
picture (all take their turns), to the next. Otherwise every frame of a slow machine would be
looked at thoroughly, and it would become slower still."""

LONGEST = 60
"""Frames without a look (times 6 without one at everything) where timestamps stand still."""


@dataclass
class Schedule:
    """Decides about a frame from earlier frames and looks alone, never from chunks.

    Args:
        every: "auto", or look at each N-th frame from the start or the last cut on.
    """

    every: int | str = "auto"
    rest: int = 1
    """How many times as long it rests between looks."""

    is_live: bool = False
    """Frames come as they can be managed."""

    frames: int = 0
    """Frames since the start or the last cut."""

    looks: int = 0
    """Looks since then."""

    since_look: int = 0
    """Frames since the last look; likewise below."""

    since_full: int = 0
    since_wide: int = 0
    looks_since_full: int = 0
    """Looks since one at all that people need; likewise below."""

    looks_since_wide: int = 0
    look_s: float = 0.0
    """Time of the last look; likewise below."""

    full_s: float = 0.0
    wide_s: float = 0.0
    strong: int = 0
    """People found by the last look."""

    has_changed: bool = False
    """Whether that look found another number than the one before."""

    def is_due(self, frame: Frame) -> bool:
        """Whether to look at a frame."""
        if self._passes_mark(frame, self.look_s):
            return True
        if self.every != "auto":
            return self.frames % (int(self.every) * self.rest) == 0
        if self.looks < START_FRAMES:
            return True
        if self.is_live and self.strong and self.since_look < LIVE_FRAMES * self.rest:
            return False
        rest = REST_S if self.strong and not self.has_changed else SOON_S
        longest = LONGEST * self.rest
        return _is_over(frame, self.look_s, rest * self.rest, self.since_look, longest)

    def is_wide_due(self, frame: Frame) -> bool:
        """Whether a look at this frame is one at everything."""
        if self._passes_mark(frame, self.wide_s):
            return True
        if self.is_live and self.looks and self.looks_since_wide < LIVE_WIDE:
            return False
        pause = max(WIDE_S, TILE_S * len(all_tiles(frame.width, frame.height))) * self.rest
        longest = 6 * LONGEST * self.rest
        return not self.looks or _is_over(frame, self.wide_s, pause, self.since_wide, longest)

    def is_full_due(self, frame: Frame) -> bool:
        """Whether a look at this frame is one at all that people need, or only confirms."""
        if self.every != "auto" or self.looks < SURE_LOOKS or not self.strong or self.has_changed:
            return True
        if self.is_live and self.looks_since_full < LIVE_FULL:
            return False
        pause, longest = FULL_S * self.rest, 3 * LONGEST * self.rest
        return _is_over(frame, self.full_s, pause, self.since_full, longest)

    def _passes_mark(self, frame: Frame, last_s: float) -> bool:
        # A live source is never worked on in parts, and a slow machine would look at many marks.
        return bool(self.looks) and not self.is_live and passes_mark(last_s, frame.time_s)

    def rested(self) -> None:
        """A frame has passed without a look."""
        self.frames += 1
        self.since_look += 1
        self.since_full += 1
        self.since_wide += 1

    def looked(self, frame: Frame, strong: int, *, is_full: bool, is_wide: bool) -> None:
        """A frame has been looked at, and so many people were found."""
        self.has_changed = bool(self.looks) and strong != self.strong
        self.strong = strong
        self.frames = 1 if self._passes_mark(frame, self.look_s) else self.frames + 1
        self.looks += 1
        self.since_look, self.look_s = 1, frame.time_s
        self.since_full += 1
        self.since_wide += 1
        self.looks_since_full += 1
        self.looks_since_wide += 1
        if is_full:
            self.since_full, self.full_s, self.looks_since_full = 1, frame.time_s, 0
        if is_wide:
            self.since_wide, self.wide_s, self.looks_since_wide = 1, frame.time_s, 0

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    @staticmethod
    def of(state: Mapping[str, Any]) -> Schedule:
        """The inverse of ``state_dict``."""
        return Schedule(**state)


def _is_over(frame: Frame, last_s: float, pause_s: float, count: int, longest: int) -> bool:
    """Whether a pause is over: in time, or in frames where time stands still or goes back."""
    return not last_s <= frame.time_s < last_s + pause_s or count >= longest
