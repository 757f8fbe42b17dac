"""Records of frames as they become known, and the sinks that are told of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Literal, Protocol

from humantrack.geometry.rotations import matrix_to_axis_angle
from humantrack.types import Frame, FrameRecord, TrackedPerson
from humantrack.video import LiveReader

_log = logging.getLogger(__name__)

State = Literal["provisional", "final"]
"""Told at once, or when no track can be filled back into the frame any more."""


@dataclass(frozen=True, kw_only=True)
class LiveRecord:
    """What is known of one frame. Its line is made once, however many ask for it."""

    state: State
    frame: Frame
    record: FrameRecord
    live: LiveReader | None = None
    """What reads the source; None for a file, which was captured at no known time."""

    processed_unix_s: float = 0.0
    """When the record was made, in seconds since 1970."""

    @cached_property
    def line(self) -> bytes:
        """As JSON, with a newline at its end; docs/live.md lists the fields."""
        return as_line(self.state, self.record, self.live, now=lambda: self.processed_unix_s)


class RecordSink(Protocol):
    """Where records go. All is called from the thread that tracks."""

    def __enter__(self) -> Any: ...

    def tell(self, told: LiveRecord) -> None:
        """Take a record. Who passes it on to others does not wait for them here."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Pass on what is left, and end."""


class Records:
    """Tells several sinks; one that fails is left, and the others go on.

    Args:
        sinks: told in this order.
        live: what reads the source; may be set later.
        now: seconds since 1970.

    Raises:
        BaseException: on leaving, or when no sink is left: what the first one failed with.
    """

    def __init__(
        self,
        sinks: Sequence[RecordSink],
        live: LiveReader | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sinks = list(sinks)
        self.live = live
        self._now = now
        self._failure: Exception | None = None

    def __enter__(self) -> Records:
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.enter_context(sink)
            stack.pop_all()
        return self

    def tell(self, state: State, frame: Frame, record: FrameRecord) -> None:
        """Tell every sink of a frame."""
        told = LiveRecord(
            state=state,
            frame=frame,
            record=record,
            live=self.live,
            processed_unix_s=self._now(),
        )
        for sink in list(self._sinks):
            try:
                sink.tell(told)
            except Exception as error:  # noqa: BLE001 - raised when no sink is left, or at the end
                self._leave(sink, error)
        if self._failure is not None and not self._sinks:
            raise self._failure

    def _leave(self, sink: RecordSink, error: Exception) -> None:
        self._sinks.remove(sink)
        self._failure = self._failure or error
        if self._sinks:
            _log.warning("one output has ended, the others go on: %s", error)
        try:
            sink.__exit__(type(error), error, error.__traceback__)
        except Exception as second:  # noqa: BLE001 - of cleaning up after the first
            _log.debug("and cleaning up failed: %s", second)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.push(sink)
            stack.pop_all().__exit__(kind, error, trace)
        if error is None and self._failure is not None:
            raise self._failure


def as_line(
    state: str,
    record: FrameRecord,
    live: LiveReader | None,
    *,
    now: Callable[[], float] = time.time,
) -> bytes:
    """A record as a line of JSON.

    Args:
        state: "provisional" or "final".
        record: of a frame.
        live: what reads the source; None for a file, which was captured at no known time.
        now: seconds since 1970.
    """
    import orjson

    processed = now()
    told: dict[str, Any] = {
        "state": state,
        "frame": record.source_index,
        "time_s": record.time_s,
        "processed_unix_s": processed,
    }
    if live is not None:
        captured = live.started_unix_s + record.time_s
        facts = live.facts
        told |= {
            "captured_unix_s": captured,
            "clock": facts["clock"],
            "delay_ms": round(1000 * (processed - captured), 1),
            "skipped": facts["skipped"],
        }
        if "pace" in facts:
            told["reduced"] = facts["pace"]["reduced"]
    told["image_size"] = list(record.image_size)
    told["people"] = [_person(person) for person in record.people]
    return orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def _person(person: TrackedPerson) -> dict[str, Any]:
    seen = person.observation
    return {
        "id": person.track_id,
        "missed": person.missed,
        "score": float(seen.score),
        "xyxy_px": seen.xyxy_px.tolist(),
        "global_orient": matrix_to_axis_angle(seen.global_orient)[0].tolist(),
        "body_pose": matrix_to_axis_angle(seen.body_pose).tolist(),
        "betas": seen.betas.tolist(),
        "cam_t": seen.cam_t.tolist(),
        "joints_3d": seen.joints_3d.tolist(),
    }
