"""Sound in step with pictures although the container's clock jumps.

Packets are read in the order of the file. Where the clock of the pictures jumps, time runs on for
them (:class:`~humantrack.video.clock.Clock`); the clock of the sound jumps a little before or
behind that place, and is then shifted by as much as the pictures of its time are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from humantrack.video.clock import jumps

_APART_S = Fraction(2)
"""Sound and pictures of one time lie at most this far apart in a file."""

_MOST_WAITING = 4096
"""Packets of sound that wait for the pictures' clock to jump, too."""


def in_step(
    container: Any, sound: Any, pictures: Any, *, period_s: Fraction, pause_s: float
) -> Iterator[Any]:
    """The packets of sound, their times shifted so that they run on with the pictures.

    The last one is PyAV's empty packet, which makes a decoder give up its rest.

    Args:
        container: PyAV's, from where it stands.
        sound: its stream of sound.
        pictures: its stream of pictures.
        period_s: of a picture.
        pause_s: from :func:`~humantrack.video.clock.longest_pause_s`.
    """
    seen = _Pictures(period_s, pause_s)
    heard = _Sound(seen, period_s, pause_s)
    waiting: deque[Any] = deque()
    for packet in container.demux(sound, pictures):
        if packet.stream.index == sound.index:
            waiting.append(packet)
        elif packet.size and packet.pts is not None:
            seen.add(packet, packet.pts * packet.time_base)
        while waiting and heard.take(waiting[0], has_to=len(waiting) > _MOST_WAITING):
            yield waiting.popleft()
    for packet in waiting:
        heard.take(packet, has_to=True)
        yield packet


@dataclass(slots=True)
class _Part:
    """Pictures between two jumps of their clock."""

    first_s: Fraction
    last_s: Fraction
    shift_s: Fraction
    """From the container's times to those that run on."""

    def holds(self, time_s: Fraction) -> bool:
        """True if sound of this time may belong to these pictures."""
        return self.first_s - _APART_S <= time_s <= self.last_s + _APART_S


class _Pictures:
    """The parts so far."""

    def __init__(self, period_s: Fraction, pause_s: float) -> None:
        self._period_s, self._pause_s = period_s, pause_s
        self._order_s: Fraction | None = None
        self.parts: list[_Part] = []

    def add(self, packet: Any, time_s: Fraction) -> None:
        """A packet of a picture, shown at this time by the container's clock."""
        order_s = time_s if packet.dts is None else packet.dts * packet.time_base
        step_s = Fraction(0) if self._order_s is None else order_s - self._order_s
        self._order_s = order_s
        if not self.parts:
            self.parts.append(_Part(time_s, time_s, Fraction(0)))
        elif jumps(step_s, self._period_s, self._pause_s):
            before = self.parts[-1]
            end_s = before.last_s + before.shift_s + self._period_s
            self.parts.append(_Part(time_s, time_s, end_s - time_s))
        else:
            self.parts[-1].last_s = max(self.parts[-1].last_s, time_s)


class _Sound:
    """The clock of the sound."""

    def __init__(self, pictures: _Pictures, period_s: Fraction, pause_s: float) -> None:
        self._pictures, self._period_s, self._pause_s = pictures, period_s, pause_s
        self._end_s: Fraction | None = None  # by the container's clock
        self._shift_s = Fraction(0)
        self._part = 0

    def take(self, packet: Any, *, has_to: bool) -> bool:
        """Shift a packet; False if it is not known yet by how much, unless it has to be."""
        if packet.pts is None:
            return True
        base = packet.time_base
        time_s = packet.pts * base
        step_s = Fraction(0) if self._end_s is None else time_s - self._end_s
        if jumps(step_s, self._period_s, self._pause_s):
            found = self._part_of(time_s)
            if found is None and not has_to and not self._is_late():
                return False
            if found is None:  # a jump of its own
                self._shift_s -= step_s
            else:
                self._part, self._shift_s = found, self._pictures.parts[found].shift_s
        self._end_s = time_s + (packet.duration or 0) * base
        ticks = round(self._shift_s / base)
        packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks
        return True

    def _part_of(self, time_s: Fraction) -> int | None:
        """The next part of the pictures that this time lies in."""
        later = range(self._part + 1, len(self._pictures.parts))
        return next((i for i in later if self._pictures.parts[i].holds(time_s)), None)

    def _is_late(self) -> bool:
        """True if the pictures are far ahead, so that their clock has not jumped with it."""
        part = self._pictures.parts[-1] if self._pictures.parts else None
        if part is None or self._end_s is None:
            return False
        return part.last_s + part.shift_s > self._end_s + self._shift_s + 2 * _APART_S
