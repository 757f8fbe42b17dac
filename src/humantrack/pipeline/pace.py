"""Work that adapts to the machine: less for each frame while frames are late, and more again.

It goes one :class:`Step` at a time, in the order of their ``order``, and back in the opposite one.
"""

from __future__ import annotations

import logging
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from humantrack.types import Frame, FrameRecord
from humantrack.types.stages import Lightens, Sink

_log = logging.getLogger(__name__)

DOWN_S = 2.0
"""One step down when, over so long since the last change, more than :data:`LATE_SHARE` of the
frames were late, and the newest is."""

LATE_SHARE = 0.25
UP_S = 10.0
"""One step up when, over so long, nine of ten frames took less than :data:`ROOM` of the target."""

ROOM, ROOM_SHARE = 0.6, 0.9
RELAPSE_S = 30.0
"""A step up that has to be taken back within this doubles the wait before the next one."""

LONGEST_UP_S = 640.0
OVERLAY_HALF, DETECTOR_HALF, LANDMARKS_FULL, INPUT_416 = 1, 2, 3, 4
OVERLAY_QUARTER, DETECTOR_QUARTER, INPUT_320 = 5, 6, 7
"""The order of all steps there are. First what costs no result, then what is bridged, then what
makes results worse. docs/live.md lists them."""

_LEAST_FRAMES = 5
"""Fewer say nothing, however long they took to come."""

_MOST_CHANGES = 100


@dataclass(frozen=True, slots=True)
class Step:
    """Something that can be done less of."""

    order: int
    """From 1; the lower, the less is lost."""

    what: str
    """As it is told."""

    apply: Callable[[], None]
    undo: Callable[[], None]


class Pace:
    """Decides from the delays of frames which steps are in force.

    Args:
        target_s: a frame that takes longer is late.
        steps: in any order.
    """

    def __init__(self, target_s: float, steps: Sequence[Step]) -> None:
        self._target_s = target_s
        self._steps = sorted(steps, key=lambda step: step.order)
        self.level = 0
        """How many of the steps are in force."""

        self._delays: deque[tuple[float, float]] = deque(maxlen=4096)
        self._since_s: float | None = None
        self._went_up_s: float | None = None
        self._up_s = UP_S
        self._count, self._has_told = 0, False
        self._changes: deque[dict[str, Any]] = deque(maxlen=_MOST_CHANGES)

    @property
    def reduced(self) -> list[str]:
        """The steps in force."""
        return [step.what for step in self._steps[: self.level]]

    @property
    def facts(self) -> dict[str, Any]:
        """What there is to say of it; ``pace`` in the meta file."""
        return {
            "target_delay_ms": round(1000 * self._target_s, 3),
            "steps": [step.what for step in self._steps],
            "reduced": self.reduced,
            "change_count": self._count,
            "changes": list(self._changes),
        }

    def note(self, delay_s: float, now_s: float, time_s: float = 0.0) -> None:
        """Take note of a frame, and go a step down or up if it is time.

        Args:
            delay_s: from its arrival to its record.
            now_s: a clock that never goes back.
            time_s: of the frame, for the record.
        """
        if self._since_s is None:
            self._since_s = now_s
        self._delays.append((now_s, delay_s))
        while len(self._delays) > _LEAST_FRAMES and self._delays[0][0] < now_s - self._up_s:
            self._delays.popleft()
        if self._is_late(now_s):
            self._go_down(now_s, time_s)
        elif self.level and self._has_room(now_s):
            self._go_up(now_s, time_s)

    def undo_all(self) -> None:
        """Leave no step in force."""
        while self.level:
            self.level -= 1
            self._steps[self.level].undo()

    def _is_late(self, now_s: float) -> bool:
        if self._age(now_s) < DOWN_S or len(self._delays) < _LEAST_FRAMES:
            return False
        if self._delays[-1][1] <= self._target_s:
            return False  # what made the others late may be over
        within = sum(at_s >= now_s - DOWN_S for at_s, _ in self._delays)
        recent = [delay for _, delay in self._delays][-max(within, _LEAST_FRAMES) :]
        return sum(delay > self._target_s for delay in recent) > LATE_SHARE * len(recent)

    def _has_room(self, now_s: float) -> bool:
        if self._age(now_s) < self._up_s or len(self._delays) < _LEAST_FRAMES:
            return False
        quick = sum(delay < ROOM * self._target_s for _, delay in self._delays)
        return quick >= ROOM_SHARE * len(self._delays)

    def _age(self, now_s: float) -> float:
        """Seconds since the last change."""
        return now_s - (now_s if self._since_s is None else self._since_s)

    def _go_down(self, now_s: float, time_s: float) -> None:
        if self.level == len(self._steps):
            if not self._has_told:
                delay_ms = 1000 * self._usual()
                _log.warning(
                    f"a delay of {1000 * self._target_s:.0f} ms cannot be kept on this machine; "
                    f"it is {delay_ms:.0f} ms"
                )
            self._has_told = True
            return
        relapsed = self._went_up_s is not None and now_s - self._went_up_s < RELAPSE_S
        self._up_s = min(2 * self._up_s, LONGEST_UP_S) if relapsed else UP_S
        step = self._steps[self.level]
        self.level += 1
        step.apply()
        self._changed(f"less: {step.what}", now_s, time_s)

    def _go_up(self, now_s: float, time_s: float) -> None:
        self.level -= 1
        step = self._steps[self.level]
        step.undo()
        self._went_up_s, self._has_told = now_s, False
        self._changed(f"no more: {step.what}", now_s, time_s)

    def _changed(self, what: str, now_s: float, time_s: float) -> None:
        delay_ms = round(1000 * self._usual(), 1)
        _log.info(f"the delay is {delay_ms:.0f} ms; {what}")
        self._count += 1
        self._changes.append(
            {"time_s": round(time_s, 3), "delay_ms": delay_ms, "reduced": self.reduced}
        )
        self._since_s = now_s
        self._delays.clear()

    def _usual(self) -> float:
        return statistics.median(delay for _, delay in self._delays)


def lighter_detector(detector: object, *, may_rest: bool) -> list[Step]:
    """The steps of a detector, if it has any.

    Args:
        detector: of the pipeline.
        may_rest: the estimator goes on without boxes.
    """
    if not isinstance(detector, Lightens):
        return []
    now: dict[str, Any] = {"rest": 1, "longest_side": None}

    def setting(**values: Any) -> Callable[[], None]:
        def put() -> None:
            now.update(values)
            detector.lighten(**now)

        return put

    def rests(order: int, rest: int, before: int) -> Step:
        what = f"detector resting {rest} times as long"
        return Step(order, what, setting(rest=rest), setting(rest=before))

    def inputs(order: int, side: int, before: int | None) -> Step:
        what = f"detector input of {side} px"
        return Step(order, what, setting(longest_side=side), setting(longest_side=before))

    sizes = [inputs(INPUT_416, 416, None), inputs(INPUT_320, 320, 416)]
    if not may_rest:
        return sizes
    return [*sizes, rests(DETECTOR_HALF, 2, 1), rests(DETECTOR_QUARTER, 4, 2)]


class Rate:
    """How many of the frames a sink gets: each ``every``-th one, which may change on the way."""

    def __init__(self) -> None:
        self.every = 1

    def of(self, sink: Sink) -> Sink:
        """A sink that passes so many frames on."""
        return _Thinned(sink, self)


class _Thinned:
    def __init__(self, sink: Sink, rate: Rate) -> None:
        self._sink, self._rate = sink, rate
        self._left = 0

    def __enter__(self) -> _Thinned:
        self._sink.__enter__()
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        self._left = min(self._left, self._rate.every) - 1
        if self._left < 1:
            self._left = self._rate.every
            self._sink.write(frame, record)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sink.__exit__(kind, error, trace)
