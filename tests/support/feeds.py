"""Live sources that play pieces of a clip, as the tests say."""

from __future__ import annotations

from contextlib import contextmanager

import av

from humantrack.errors import UnreadableSourceError


class Feed:
    """Connections that play pieces of a clip, each from a list of (first, past, error).

    Args:
        clip: the video.
        connections: what each of them plays, and what ends it.
        stamp: changes timestamps.
    """

    def __init__(self, clip, *connections, stamp=None):
        self.clip, self.connections, self.stamp = clip, list(connections), stamp

    @contextmanager
    def __call__(self, problems):
        if not self.connections:
            raise UnreadableSourceError("nobody there")
        first, past, error = self.connections.pop(0)
        with av.open(str(self.clip)) as container:
            part = _Part(container, first, past, error, self.stamp)
            yield part, container.streams.video[0]


class _Part:
    duration = None

    def __init__(self, container, first, past, error, stamp):
        self._inner, self.format = container, container.format
        self._first, self._past, self._error, self._stamp = first, past, error, stamp

    def demux(self, stream):
        for i, packet in enumerate(self._inner.demux(stream)):
            if packet.size == 0:
                break
            if not self._first <= i < self._past:
                continue
            if self._stamp is not None:
                packet.pts = self._stamp(packet.pts)
            yield packet
        if self._error is not None:
            raise self._error
