"""Holds the newest frames until no track can be filled back into them any more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from humantrack.types import Frame, FrameRecord, FrameUpdate, TrackedPerson


class BackFillWindow:
    """The newest ``length`` frames; older ones come out as final.

    A track counts from its ``n_init``-th detection on and is then also written into the frames of
    the earlier ones, which lie at most ``n_init - 1`` frames back.

    Args:
        length: frames held, at least 1 (= n_init).
    """

    def __init__(self, length: int) -> None:
        self._length = max(1, length)
        self._held: deque[tuple[Frame, FrameRecord]] = deque()

    def push(self, frame: Frame, update: FrameUpdate) -> Iterator[tuple[Frame, FrameRecord]]:
        """Take a frame with what the tracker said after it; yield what has become final."""
        record = FrameRecord(
            index=frame.index,
            source_index=frame.source_index,
            key=frame.key,
            time_s=frame.time_s,
            is_shot_start=frame.is_shot_start,
            image_size=(frame.height, frame.width),
            people=update.people,
        )
        self._held.append((frame, record))
        for entry in update.back_fill:
            self._fill(entry.frame_index, entry.person)
        while len(self._held) > self._length:
            yield self._held.popleft()

    def _fill(self, frame_index: int, person: TrackedPerson) -> None:
        for i, (frame, record) in enumerate(self._held):
            if record.index == frame_index:
                self._held[i] = (frame, replace(record, people=(*record.people, person)))

    def flush(self) -> Iterator[tuple[Frame, FrameRecord]]:
        """Yield all that is left, in order."""
        while self._held:
            yield self._held.popleft()
