"""What the tracker is told of a connection that was lost for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from humantrack.types import FrameUpdate, Observation
from humantrack.types.stages import Tracker


class AgedByGaps:
    """A tracker that counts frames which were lost as frames in which nobody was seen.

    So a track ends in a gap as it would where a person is hidden: if more than ``max_age`` frames
    are missing. Frames that were skipped are not lost.

    Args:
        tracker: gives the identities.
        lost_before: how many frames were lost just before a frame, by its index.
    """

    def __init__(self, tracker: Tracker, lost_before: Callable[[int], int]) -> None:
        self._tracker, self._lost_before = tracker, lost_before

    def reset(self) -> None:
        """As the tracker's."""
        self._tracker.reset()

    def update(
        self, frame_index: int, observations: Sequence[Observation], *, is_shot_start: bool
    ) -> FrameUpdate:
        """The confirmed tracks after this frame."""
        for _ in range(self._lost_before(frame_index)):
            if not self._tracker.update(frame_index, (), is_shot_start=False).people:
                break  # nobody is left who could end
        return self._tracker.update(frame_index, observations, is_shot_start=is_shot_start)
