"""Frames of a live source: a thread reads all that comes, the pipeline takes what it can."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any, Literal

import av
import av.error

from humantrack.errors import HumantrackError, SourceError, UnreadableSourceError
from humantrack.types import Frame, SourceInfo
from humantrack.url import Url
from humantrack.video.aspect import PixelAspect, squared
from humantrack.video.clock import Clock, longest_pause_s
from humantrack.video.colour import RgbConverter
from humantrack.video.container import MOST_PIXELS, decoded
from humantrack.video.decode_errors import Problems
from humantrack.video.live.arrival import Arrival, Stamps
from humantrack.video.live.box import Box
from humantrack.video.live.cameras import Camera
from humantrack.video.live.connect import Connect
from humantrack.video.live.sizes import Sizes
from humantrack.video.orientation import Orientation
from humantrack.video.span import Span
from humantrack.video.streams import number_of

_log = logging.getLogger(__name__)

wall_clock = time.time
"""Seconds since 1970; tests put another one in its place."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_MOST_GAPS = 100
"""Gaps that are listed one by one; all are counted."""

_MOST_TAKEN = 256
"""Frames given out of which is known when they came."""

_SLACK_S = 0.5
"""A source with a length that ends so near to it is at its end, and not lost."""

_USUAL_FPS = Fraction(30)
_HIGHEST_FPS = 1000
"""Some streams tell the rate of their clock."""


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """How a live source is read."""

    policy: Literal["newest", "all"] = "newest"
    """Take the newest frame and skip those that came meanwhile, or keep all waiting."""

    duration_s: float | None = None
    """End after this time; None: when the source ends, or somebody ends it."""

    reconnect_s: float = 60.0
    """How long a lost connection is tried again; 0: not at all."""


@dataclass(frozen=True, slots=True)
class _Item:
    number: int
    time_s: float
    frame: av.VideoFrame
    aspect: Fraction
    lost: int
    """Frames lost in all gaps before it."""

    arrived: float
    """``time.monotonic()`` when it was decoded."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is known of a frame that was given out."""

    index: int
    lost_before: int
    arrived: float


class LiveReader:
    """A camera or a stream. It is connected to, and read, from the moment it is made.

    Time 0 is the first frame. Within a connection, times are those of the stream's own clock if it
    has one, else those of arrival; a new connection starts at the time of its arrival.

    Args:
        source: what is read.
        connect: opens it.
        options: how it is read.
        name: short name; the time of the start is added, so that no recording replaces another.
        phalp_keys: key a frame by (address, ticks of 1/90000 s).

    Raises:
        SourceError: if it cannot be opened, or no frame comes.
    """

    def __init__(
        self,
        source: Url | Camera,
        connect: Connect,
        options: LiveOptions,
        *,
        name: str,
        phalp_keys: bool,
    ) -> None:
        self._source, self._connect, self._options = source, connect, options
        self._phalp_keys = phalp_keys
        self.problems = Problems()
        self.paths: Sequence[Path] = []
        self.stop: Event | None = None
        """Ends the source when it is set."""

        self.also: Mapping[str, Any] = {}
        """More to tell among the facts, by who reads the source."""

        self._arrival, self._epoch = Arrival(), 0.0
        self._taken: deque[_Taken] = deque(maxlen=_MOST_TAKEN)
        self._lost = 0
        self._sizes: Sizes | None = None
        self._gaps: list[dict[str, Any]] = []
        self._gap_count = self._numbered = 0
        self._clock_kind, self._begun, self._gap_s = "stream", 0.0, 0.0
        self._last_s: float | None = None
        self._lost_s: float | None = None
        self._is_closed = Event()
        self._box: Box[_Item] = Box(keeps_all=options.policy == "all")
        self._first: Event = Event()
        self._error: HumantrackError | None = None
        self._described: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run, name="live source", daemon=True)
        self._thread.start()
        self._first.wait()
        if not self._described:
            raise self._error or UnreadableSourceError("no frame came", where=source)
        begun = datetime.fromtimestamp(self._begun, timezone.utc)
        self.info = SourceInfo(
            name=f"{name}_{begun:%Y%m%dT%H%M%S}Z",
            path=Path(str(source)),
            kind="video",
            **self._described,
        )
        told = f"{source} {self._begun} {uuid.uuid4()}"
        self.identity = hashlib.sha256(told.encode()).hexdigest()[:16]
        """Of this recording, as a file has its content."""

    @property
    def facts(self) -> dict[str, Any]:
        """What there is to say of the recording so far; the fields of ``live`` in the meta file."""
        return {
            "address": str(self._source),
            "policy": self._options.policy,
            "clock": self._clock_kind,
            "started_unix_s": round(self._epoch + self._arrival.start, 3),
            "read": self._numbered,
            "skipped": self._box.skipped,
            "gap_count": self._gap_count,
            "gaps": list(self._gaps),
            "sizes": [] if self._sizes is None else list(self._sizes.changes),
            **self.also,
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line of how often the source was lost, if it was."""
        if not self._gap_count:
            return ()
        times = "once" if self._gap_count == 1 else f"{self._gap_count} times"
        return (f"the connection was lost {times}, for {self._gap_s:.1f} s in all",)

    @property
    def lost_unix_s(self) -> float | None:
        """Since when the source has been away, in seconds since 1970; None while it is there."""
        return self._lost_s

    @property
    def started_unix_s(self) -> float:
        """Time 0 in seconds since 1970, by the frames of the last minute that came quickest."""
        return self._epoch + self._arrival.newest

    def age_s(self, index: int) -> float | None:
        """Seconds since a frame of this ``index`` arrived; None for one long past."""
        arrived = (one.arrived for one in self._taken if one.index == index)
        return next((time.monotonic() - at for at in arrived), None)

    def lost_before(self, index: int) -> int:
        """How many frames were lost with the connection just before a frame of this ``index``."""
        return next((one.lost_before for one in self._taken if one.index == index), 0)

    def frames(self, span: Span) -> Iterator[Frame]:
        """The frames of the span; one that was skipped leaves a gap in ``source_index``.

        Where the stream's size changes, pictures of the first one's shape are brought to its size.
        """
        index, lost, colours, turned = 0, 0, None, None
        try:
            while (item := self._take(is_first=index == 0)) is not None:
                if span.is_past(item.number, item.time_s):
                    return
                if span.is_before(item.number, item.time_s):
                    continue
                if colours is None or turned is None:
                    colours, turned = RgbConverter(item.frame), Orientation.of(item.frame)
                stored = (item.frame.width, item.frame.height)
                own = squared(stored, item.aspect, MOST_PIXELS)
                if self._sizes is None:
                    self._sizes = Sizes(own, str(self._source))
                size = self._sizes.target(own, item.time_s)
                try:
                    rgb = colours.convert(item.frame, None if size == stored else size)
                except (av.error.FFmpegError, ValueError) as error:
                    self.problems.add(f"frame {item.number}: {error}")
                    continue
                self._taken.append(_Taken(index, item.lost - lost, item.arrived))
                lost = item.lost
                yield Frame(
                    index=index,
                    source_index=item.number,
                    time_s=item.time_s,
                    rgb=turned.apply(rgb),
                    key=self._key(item),
                )
                index += 1
        finally:
            self.close()

    def _key(self, item: _Item) -> Any:
        if self._phalp_keys:
            return str(self._source), round(item.time_s * 90000)
        return f"{self.info.name}/{item.number + 1:06d}.jpg"

    def _take(self, *, is_first: bool) -> _Item | None:
        """The next frame; None at the end, or when the source is to end."""
        end = self._options.duration_s
        deadline = None if end is None else self._begun + end

        def is_stopped() -> bool:
            return not is_first and self.stop is not None and self.stop.is_set()

        def is_over() -> bool:
            return is_stopped() or (deadline is not None and wall_clock() >= deadline)

        item = None if is_stopped() else self._box.take(is_over)
        if item is None and self._error is not None and is_first:
            raise self._error
        if item is not None and end is not None and item.time_s >= end and not is_first:
            return None
        return item

    def close(self) -> None:
        """End the connection. May be called more than once."""
        self._is_closed.set()
        self._box.close()
        if self._thread is not threading.current_thread():
            self._thread.join(30)

    # -- in the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._read()
        except HumantrackError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - told by who waits for frames
            self._error = UnreadableSourceError(
                "reading failed", where=self._source, hint=type(error).__name__
            )
        finally:
            if self._error is not None and self._described:
                self.problems.note(str(self._error))
            self._box.finish()
            self._first.set()

    def _read(self) -> None:
        lost_since, pause_s, reason = time.monotonic(), _FIRST_PAUSE_S, ""
        while not self._is_closed.is_set():
            before = self._numbered
            try:
                with self._connect(self.problems) as (container, stream):
                    length_s = (container.duration or 0) / av.time_base
                    read_s = self._read_connection(container, stream)
                if 0 < length_s <= read_s + _SLACK_S:
                    return
                reason = "the source ended"
            except SourceError as error:
                if not self._described:
                    raise
                reason = error.what
            except (av.error.FFmpegError, OSError) as error:
                if not self._described:
                    raise
                reason = getattr(error, "strerror", None) or "the connection broke"
            if self._numbered > before:
                lost_since, pause_s = time.monotonic(), _FIRST_PAUSE_S
                self._lost_s = time.time()
                if not self._is_closed.is_set() and self._options.reconnect_s > 0:
                    _log.warning(f"{self._source}: {reason}; trying again")
            left = lost_since + self._options.reconnect_s - time.monotonic()
            if self._is_closed.is_set() or not self._described:
                return
            if left <= 0:
                seconds = f"{self._options.reconnect_s:g} s"
                self.problems.note(f"the source was lost ({reason}) and not back within {seconds}")
                return
            self._is_closed.wait(min(pause_s, left))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _read_connection(self, container: Any, stream: Any) -> float:
        """Read until it ends; gives how long that was, by its own clock."""
        aspects, clock, base_s = PixelAspect(stream), None, 0.0
        fps, read_s = _rate(stream), 0.0
        stamps = Stamps(float(1 / fps))
        with closing(decoded(container, stream, self.problems, is_lost=_is_lost)) as frames:
            for frame in frames:
                aspect = aspects.of(frame)
                if clock is None:
                    base_s = self._connected(frame, stream, aspect, fps)
                    pause_s = longest_pause_s(container.format.name)
                    clock = Clock(Fraction(stream.time_base), fps, pause_s=pause_s)
                read_s = clock.time_s(frame.pts)
                own_s = base_s + read_s
                if not stamps.tell(frame.pts is not None):
                    self._clock_kind = "arrival"
                    own_s = wall_clock() - self._begun
                time_s = own_s if self._last_s is None else max(own_s, self._last_s + 1e-6)
                self._last_s = time_s
                arrived = time.monotonic()
                self._arrival.note(time_s, arrived)
                item = _Item(self._numbered, time_s, frame, aspect, self._lost, arrived)
                self._numbered += 1
                self._first.set()
                if self._is_closed.is_set() or not self._box.put(item):
                    break
        return read_s

    def _connected(self, frame: Any, stream: Any, aspect: Fraction, fps: Fraction) -> float:
        """Take note of a connection's first frame; gives its time."""
        self._lost_s = None
        if not self._described:
            self._begun = wall_clock()
            self._epoch = self._begun - time.monotonic()
            turned = Orientation.of(frame)
            width, height = squared((frame.width, frame.height), aspect, MOST_PIXELS)
            if turned.swaps_sides:
                width, height = height, width
            self._described = {
                "width": width,
                "height": height,
                "fps": fps,
                "rotation_deg": 90 * turned.quarter_turns,
                "sample_aspect": aspect,
                "codec": stream.codec_context.name,
                "stream": number_of(stream),
            }
            return 0.0
        last_s = self._last_s or 0.0
        now_s = max(wall_clock() - self._begun, last_s + float(1 / fps))
        lost = max(0, round((now_s - last_s) * float(fps)) - 1)
        self._numbered += lost
        self._lost += lost
        self._arrival.restart()
        self._gap_count += 1
        self._gap_s += now_s - last_s
        if len(self._gaps) < _MOST_GAPS:
            self._gaps.append({"from_s": round(last_s, 3), "to_s": round(now_s, 3)})
        _log.warning(f"{self._source}: back after {now_s - last_s:.1f} s")
        return now_s


def _is_lost(error: Exception) -> bool:
    """True for an error of the connection, not of what came through it."""
    return not isinstance(error, av.error.InvalidDataError)


def _rate(stream: Any) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _HIGHEST_FPS:
            return Fraction(rate)
    return _USUAL_FPS
