"""Length of a video, as far as what its container claims can be true.

A container may claim any number of frames and any duration: a header is damaged, a recording was
cut off, a clock was set on the way. What it lists or holds tells: the index of an mp4, the packets
of a small file, how many frames the first megabytes of a large one hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from humantrack.video.clock import PAUSE_PERIODS, jumps, longest_pause_s
from humantrack.video.container import open_container
from humantrack.video.decode_errors import Problems
from humantrack.video.ffmpeg_log import counted
from humantrack.video.said_size import is_fragmented, said_size

_SMALL = 64 << 20
"""Bytes of a file whose packets are all counted, which takes a fraction of a second."""

_HEAD = 8 << 20
"""Bytes of a larger file that are looked at."""

_MOST_LISTED = 20_000_000
"""Entries of an index that are looked at: a week at 30 frames per second."""

_HIDING = frozenset({"vp8"})
"""Codecs with packets that are never shown."""

_MOST_FRAMES = 10**9
_SLACK, _SLACK_S, _SLACK_FRAMES = 0.05, 0.5, 2
"""A claim this near to what was counted is kept: it may know of hidden or repeated frames."""

_NEAR_RATE = 0.0005
"""Times in milliseconds tell a rate no better."""

_RATIO = 10.0
"""Between a claim and what the head of the file lets expect: pictures differ in size."""

_RATIO_CONSTANT = 3.0
"""The same in a transport stream, which is sent at a nearly constant rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a video is, by what is known before it is decoded."""

    frames: int | None
    """Frames that the file holds, perhaps a few more or less; None if nobody knows."""

    duration_s: float | None
    """Their time, without jumps of the clock; None if nobody knows."""

    fps: Fraction
    """Average frames per second."""

    promised: int | None = None
    """Frames that the container says it has, if that is a count and not an estimate."""

    is_cut: bool = False
    """True if the file ends before what the container lists, or its header says."""

    has_jumps: bool = False
    """True if the clock is known to jump."""

    pause_s: float = longest_pause_s("")
    """Longest step ahead of the clock that is no jump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packets:
    """What was counted of a video's packets."""

    count: int
    stamps_s: Sequence[float] = ()
    """Decode times in the order of the file, of those that have one."""

    size: int = 0
    """Bytes of the file that they were counted in, sound and all."""

    tick_s: float = 0.0
    """Seconds that the stamps count in."""

    are_frames: bool = True
    """False for a codec with hidden frames in packets of their own."""


def believable_length(path: Path, container: Any, stream: Any, fps: Fraction) -> Length:
    """What the container claims where that can be true, what was counted where it cannot.

    Args:
        path: the file.
        container: PyAV's, open.
        stream: its video stream.
        fps: average rate as the container has it.
    """
    size: int = container.size
    claim = Length(
        frames=stream.frames or None,
        duration_s=_claimed_s(container, stream),
        fps=fps,
        pause_s=longest_pause_s(container.format.name),
    )
    is_avi = container.format.name == "avi"
    said, there = said_size(path, container.format.name)
    if container.format.name.startswith("mov") and not is_fragmented(path):
        listed = stream.index_entries
        if 0 < len(listed) <= _MOST_LISTED:
            return _by_index(claim, listed, stream.time_base, size)
    if size <= _SMALL:
        found = _packets(path, stream)
        length = measured(claim, found)
    else:
        ratio = _RATIO_CONSTANT if claim.pause_s < longest_pause_s("") else _RATIO
        found = _packets(path, stream, _HEAD)
        length = expected(claim, found, size, ratio)
    if is_avi:
        return replace(length, **_promise_of_avi(claim, found, said, there))
    return replace(length, is_cut=there < said)


def measured(claim: Length, packets: Packets) -> Length:
    """The claim held against all packets of the file.

    Args:
        claim: of the container; its ``pause_s`` is the format's.
        packets: all of them.
    """
    count, fps, claimed_s = packets.count, claim.fps, claim.duration_s
    seconds, period, has_jumps = _time(packets, claim.pause_s)
    if seconds is None or period is None:
        seconds = float(count / fps) if count else None
    duration = None if seconds is None else round(seconds, 6)
    if claimed_s is not None and seconds is not None and not has_jumps:
        is_near = abs(claimed_s - seconds) <= max(_SLACK_S, _SLACK * seconds)
        duration = claimed_s if is_near else duration
    if seconds and period is not None:
        fps = _mended_rate(fps, count / seconds, period)
    claimed = claim.frames or (0 if packets.are_frames else round((duration or 0) * fps))
    near = abs(claimed - count) <= max(_SLACK_FRAMES, _SLACK * count)
    return Length(
        frames=(claimed if claimed and near else count) or None,
        duration_s=duration,
        fps=fps,
        has_jumps=has_jumps,
        pause_s=max(claim.pause_s, PAUSE_PERIODS * (period or 0.0)),
    )


def expected(claim: Length, head: Packets, size: int, ratio: float) -> Length:
    """The claim held against what the first part of the file lets expect of the rest.

    Args:
        claim: of the container.
        head: what was counted.
        size: bytes of the file.
        ratio: how far the two may be apart.
    """
    if not head.count or not head.size:
        return replace(claim, frames=None, duration_s=None)
    likely = head.count * size / head.size
    seconds, period, _ = _time(head, claim.pause_s)
    if seconds and period and abs(head.count * period / seconds - 1) < _SLACK:
        claim = replace(claim, fps=_mended_rate(claim.fps, head.count / seconds, period))
    by_time = None if claim.duration_s is None else claim.duration_s * claim.fps
    frames = claim.frames or (None if by_time is None else round(by_time))

    def holds(number: float | None) -> bool:
        return number is not None and likely / ratio <= number <= min(likely * ratio, _MOST_FRAMES)

    return Length(
        frames=frames if holds(frames) else None,
        duration_s=claim.duration_s if holds(by_time) else None,
        fps=claim.fps,
        pause_s=max(claim.pause_s, PAUSE_PERIODS * (period or 0.0)),
    )


def _by_index(claim: Length, listed: Any, time_base: Fraction, size: int) -> Length:
    """What an index lists, and how much of that lies in the file."""
    shown = [entry for entry in listed if not entry.is_discard]
    there = [entry for entry in shown if entry.pos + entry.size <= size]
    stamps = [float(entry.timestamp * time_base) for entry in there]
    found = Packets(count=len(there), stamps_s=stamps, tick_s=float(time_base))
    length = measured(replace(claim, frames=len(there)), found)
    return replace(length, promised=len(shown), is_cut=len(there) < len(shown))


def _claimed_s(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return float(container.duration / av.time_base)
    return None


def _packets(path: Path, stream: Any, most: int | None = None) -> Packets:
    """All packets, or those in the first ``most`` bytes, undecoded."""
    count = read = total = 0
    decode_s: list[float] = []
    show_s: list[float] = []
    with counted(Problems()), open_container(path) as container:
        try:
            for packet in container.demux():
                total += packet.size
                read = max(total, (packet.pos or 0) + packet.size)
                if packet.size and packet.stream.index == stream.index and not packet.is_discard:
                    count += 1
                    if packet.dts is not None:
                        decode_s.append(float(packet.dts * packet.time_base))
                    if packet.pts is not None:
                        show_s.append(float(packet.pts * packet.time_base))
                if most is not None and read >= most:
                    break
        except av.error.FFmpegError:
            pass  # what can be read behind damage is left to the decoder
    shows = stream.codec_context.name not in _HIDING
    return Packets(
        count=count,
        stamps_s=decode_s or show_s,
        size=read,
        tick_s=float(stream.time_base or 0),
        are_frames=shows,
    )


def _time(packets: Packets, pause_s: float) -> tuple[float | None, float | None, bool]:
    """Seconds that pass without jumps, those of a typical frame, and whether there are jumps."""
    steps = np.diff(np.asarray(packets.stamps_s, float))
    forward = np.sort(steps[steps > 0])
    if not forward.size:
        return None, None, False
    middle = float(forward[(len(forward) - 1) // 2])
    period = float(forward[(forward > middle / 2) & (forward < middle * 1.5)].mean())
    jumped = np.zeros(len(steps), bool)
    for i in np.flatnonzero((steps < 0) | (steps > _SLACK_S)):
        jumped[i] = jumps(Fraction(float(steps[i])), Fraction(period), pause_s)
    is_coarse = middle < 1.5 * packets.tick_s  # so that frames may share a stamp
    passed = np.where(jumped | (steps < 0 if is_coarse else steps <= 0), period, steps)
    period = float(passed.mean()) if is_coarse else period
    untimed = packets.count - len(steps)  # the last, and those without a stamp
    return float(passed.sum()) + untimed * period, period, bool(jumped.any())


def _mended_rate(fps: Fraction, counted: float, period_s: float) -> Fraction:
    """The container's rate if it is that of the frames counted or nearly; else a typical frame's.

    An AVI with H.264 may tell the rate of fields, and one of a false length a false rate.
    """
    if fps / 1.5 <= counted <= fps * 1.5 or abs(fps * Fraction(period_s) - 1) < _SLACK:
        return fps
    if period_s > 1:
        return 1 / Fraction(period_s).limit_denominator(1001)
    typical = Fraction(1 / period_s)
    for usual in (Fraction(round(typical)), Fraction(round(typical * 1.001) * 1000, 1001)):
        if abs(usual - typical) <= typical * Fraction(_NEAR_RATE):
            return usual
    return typical.limit_denominator(1001)


def _promise_of_avi(claim: Length, found: Packets, said: int, there: int) -> dict[str, Any]:
    """The header's count, if it fits the size that the file says it has."""
    if claim.frames is None or not said or not found.count or not found.size:
        return {}
    likely = found.count * max(said, there) / found.size
    fits = claim.frames <= likely * _RATIO_CONSTANT
    return {"promised": claim.frames, "is_cut": there < said} if fits else {}
