"""Starting in the middle of a video without decoding what comes before, frame numbers exact.

Packets are read (not decoded) up to the start; the rank of a packet's timestamp is the frame's
number. Only containers and codecs for which that holds are seeked in; all others are decoded
from the beginning.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av

from humantrack.video.container import INDEXED_FORMATS
from humantrack.video.span import Span

_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mjpeg", "prores"})
"""Codecs of which every packet is one shown frame (VP8, for one, has hidden ones)."""

_MOST_REORDER = 64
"""More packets than any codec reorders (16 in H.264 and HEVC)."""


Jumps = Callable[[int], bool]
"""Whether a step of so many ticks is a clock that was set."""


class LostPlaceError(Exception):
    """The frame after a seek is not the one expected; decode from the beginning instead."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The first frame of a span and where to seek for it. All in ticks but ``number``."""

    number: int
    stamp: int
    keyframe: int


class Ranks:
    """Numbers frames by the rank of their packet's timestamp: a frame that is lost leaves a gap.

    So a frame has the same number whether the file was seeked in or read from its start.

    Args:
        number: of the first frame.
        stamp: its timestamp; packets before it do not count.
        jumps: where the clock starts again, packets before and behind are not mixed up.
    """

    def __init__(self, number: int, stamp: int, jumps: Jumps = lambda ticks: False) -> None:
        self._next, self._first_stamp = number, stamp
        self._went_in, self._came_out = _Epochs(jumps), _Epochs(jumps)
        self._waiting: list[tuple[int, int]] = []

    def add(self, packet: Any) -> None:
        """Count a packet that goes into the decoder."""
        if packet.pts is None or packet.is_discard:
            return
        place = self._went_in.place(packet.pts)
        if place >= (0, self._first_stamp):
            heapq.heappush(self._waiting, place)

    def number(self, stamp: int | None) -> int:
        """The number of a frame that comes out."""
        place = None if stamp is None else self._came_out.place(stamp)
        while self._waiting and place is not None and self._waiting[0] <= place:
            if heapq.heappop(self._waiting) == place:
                break
            self._next += 1
        self._next += 1
        return self._next - 1


class _Epochs:
    """Timestamps in an order that a clock which is set on the way does not disturb."""

    def __init__(self, jumps: Jumps) -> None:
        self._jumps, self._epoch = jumps, 0
        self._last: int | None = None

    def place(self, stamp: int) -> tuple[int, int]:
        """How often the clock has been set, and the stamp."""
        if self._last is not None and self._jumps(stamp - self._last):
            self._epoch += 1
        self._last = stamp
        return self._epoch, stamp


def is_seekable(container: Any, stream: Any) -> bool:
    """True if packets can be counted in place of frames."""
    return (
        container.format.name.startswith(INDEXED_FORMATS) and stream.codec_context.name in _CODECS
    )


def find_mark(
    container: Any, stream: Any, span: Span, origin: int, jumps: Jumps = lambda ticks: False
) -> Mark | None:
    """The mark of the span's first frame; None if there is no use or no way to seek.

    There is none where the clock jumps: a timestamp then may mean two places, or the wrong time.

    Args:
        container: just opened.
        stream: its video stream.
        span: the span wanted.
        origin: timestamp of the source's first frame.
        jumps: tells a step of the clock that is a jump.
    """
    stamps: list[int] = []
    last: int | None = None
    keyframes: dict[int, int] = {}
    is_mov = container.format.name.startswith("mov")
    left = _MOST_REORDER
    for packet in container.demux(stream):
        if packet.size == 0 or left == 0:
            break
        if packet.pts is None or (last is not None and jumps(packet.pts - last)):
            return None
        last = packet.pts
        if packet.is_discard or packet.pts < origin:
            continue
        stamps.append(packet.pts)
        if packet.is_keyframe:
            # MP4 is indexed by decode times, Matroska by presentation times.
            seek_to = packet.dts if is_mov else packet.pts
            keyframes[packet.pts] = packet.pts if seek_to is None else seek_to
        time_s = float((packet.pts - origin) * stream.time_base)
        if not span.is_before(len(stamps) - 1, time_s):
            left -= 1
    stamps.sort()
    if len(set(stamps)) != len(stamps):
        return None
    number = _first_number(stamps, span, origin, stream)
    if number is None:
        return None
    stamp = stamps[number]
    keyframe = max((key for key in keyframes if key <= stamp), default=origin)
    if keyframe <= origin:
        return None
    return Mark(number, stamp, keyframes[keyframe])


def frames_from(mark: Mark, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The frames from the mark on.

    Raises:
        LostPlaceError: before the first frame, if that is not the mark's.
    """
    for frame in frames:
        if frame.pts is None or frame.pts > mark.stamp:
            break
        if frame.pts == mark.stamp:
            yield frame
            yield from frames
            return
    raise LostPlaceError


def _first_number(stamps: list[int], span: Span, origin: int, stream: Any) -> int | None:
    first = bisect_left(
        stamps, span.start_time_s, key=lambda stamp: float((stamp - origin) * stream.time_base)
    )
    number = max(first, span.start_frame)
    return number if number < len(stamps) else None
