"""A person to avatar programs, by the VMC protocol: OSC over UDP."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType

from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from humantrack.live.avatar import NAMES, Avatar, Choice, Pose, is_usable
from humantrack.live.records import LiveRecord

PACKET_BYTES = 1400
"""Of a packet at most, so that no network cuts it in two."""

_CALIBRATED, _NORMAL = 3, 0
_NO_TURN = (0.0, 0.0, 0.0, 1.0)


class VmcOutput:
    """Sends one person of each frame, as soon as it is tracked. Implements ``RecordSink``.

    A frame in which he is not seen is told without bones, so that the avatar keeps its pose.

    Args:
        out: a connected UDP socket that never waits; it is closed at the end.
        person: whom to follow, see ``Choice``.

    Source:
        The marionette specification of https://protocol.vmc.info/english: addresses, arguments and
        states.
    """

    def __init__(self, out: socket.socket, person: str | int = "longest") -> None:
        self._out, self._choice = out, Choice(person)
        self._avatars: dict[int, Avatar] = {}

    def __enter__(self) -> VmcOutput:
        return self

    def tell(self, told: LiveRecord) -> None:
        """Send a provisional record's person."""
        if told.state != "provisional":
            return
        people = told.record.people
        there = {person.track_id for person in people}
        self._avatars = {one: it for one, it in self._avatars.items() if one in there}
        person = self._choice.of(people)
        pose = None
        if person is not None and is_usable(person.observation):
            avatar = self._avatars.setdefault(person.track_id, Avatar())
            pose = avatar.pose(person.observation)
        for packet in packets(messages(pose, told.record.time_s)):
            with suppress(OSError):  # nobody there, or no room: the next frame comes soon
                self._out.send(packet)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._out.close()


def messages(pose: Pose | None, time_s: float) -> Iterator[OscMessage]:
    """A frame's messages, in the protocol's order."""
    yield _message("/VMC/Ext/OK", 1, _CALIBRATED, _NORMAL, int(pose is not None))
    yield _message("/VMC/Ext/T", float(time_s))
    if pose is None:
        return
    yield _message("/VMC/Ext/Root/Pos", "root", 0.0, 0.0, 0.0, *_NO_TURN)
    for name, place, turn in zip(NAMES, pose.places, pose.quaternions, strict=True):
        yield _message("/VMC/Ext/Bone/Pos", name, *place.tolist(), *turn.tolist())


def packets(some: Iterable[OscMessage]) -> Iterator[bytes]:
    """Messages in bundles that are no longer than ``PACKET_BYTES``."""
    bundle, size = OscBundleBuilder(IMMEDIATELY), 0
    for message in some:
        more = message.size + 4  # and its length
        if size and 16 + size + more > PACKET_BYTES:
            yield bundle.build().dgram
            bundle, size = OscBundleBuilder(IMMEDIATELY), 0
        bundle.add_content(message)
        size += more
    if size:
        yield bundle.build().dgram


def _message(address: str, *values: str | float) -> OscMessage:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()
