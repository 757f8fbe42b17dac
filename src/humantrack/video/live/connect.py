"""Connections to live sources, each with what its protocol may reach and how long it may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import av
import av.error

from humantrack.errors import SourceError, UnreadableSourceError
from humantrack.url import Url
from humantrack.video.container import MOST_PIXELS, own_formats
from humantrack.video.decode_errors import Problems
from humantrack.video.ffmpeg_log import counted, listening
from humantrack.video.links.hls import Opener, is_playlist, open_playlist
from humantrack.video.links.http import Policy, Reply, open_http
from humantrack.video.live.cameras import Camera, open_camera
from humantrack.video.streams import StreamChoice, video_stream

Connect = Callable[[Problems], AbstractContextManager[tuple[Any, Any]]]
"""Opens the source: a container and its video stream."""

SILENCE_S = 10.0
"""After which a connection counts as lost."""

_PROTOCOLS = {
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsps,rtsp,rtp,srtp,udp,tcp,tls",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tcp,tls",
    "srt": "srt",
    "udp": "udp",
    "rtp": "rtp,udp",
    "tcp": "tcp",
}
"""All that FFmpeg may use for an address of this scheme: never a file."""

_QUICK = {"analyzeduration": "2000000"}
_OWN = {
    "rtsp": {"rtsp_transport": "tcp"},
    "rtsps": {"rtsp_transport": "tcp"},
    "udp": {"overrun_nonfatal": "1", "fifo_size": "50000"},
}


def to(source: Url | Camera, streams: StreamChoice, policy: Policy) -> Connect:
    """How to connect to a source."""

    @contextmanager
    def connect(problems: Problems) -> Iterator[tuple[Any, Any]]:
        with listening():
            reply = None
            try:
                with counted(Problems()):
                    container, reply = _open(source, policy)
                with container:
                    stream = video_stream(container, streams.video, Path(str(source)))
                    codec = stream.codec_context
                    codec.options = {"max_pixels": str(MOST_PIXELS)}
                    codec.thread_type = "SLICE"  # threads by frame hold as many back
                    yield container, stream
            finally:
                if reply is not None:
                    reply.close()

    return connect


def _open(source: Url | Camera, policy: Policy) -> tuple[Any, Reply | Opener | None]:
    if isinstance(source, Camera):
        return open_camera(source, {}, SILENCE_S), None
    if source.scheme in ("http", "https"):
        return _open_web(source, policy)
    options = {
        **_QUICK,
        **_OWN.get(source.scheme, {}),
        "protocol_whitelist": _PROTOCOLS[source.scheme],
        "format_whitelist": own_formats(),
    }
    try:
        return av.open(
            source.whole, options=options, metadata_errors="ignore", timeout=SILENCE_S
        ), None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise _refused(source, error) from None  # FFmpeg's own error tells the whole address


def _open_web(url: Url, policy: Policy) -> tuple[Any, Reply | Opener | None]:
    reply = open_http(url, policy)
    try:
        if is_playlist(reply.peek(512)):
            reply.close()
            opener = Opener(url, policy)
            return open_playlist(url, opener), opener
        options = {**_QUICK, "format_whitelist": own_formats(), "protocol_whitelist": "none"}
        return av.open(_Body(reply), options=options, metadata_errors="ignore"), reply
    except SourceError:
        reply.close()
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reply.close()
        raise _refused(url, error) from None


class _Body:
    """A reply as a file that is read once."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def read(self, size: int) -> bytes:
        return self._reply.read(size)


def _refused(url: Url, error: Exception) -> UnreadableSourceError:
    if isinstance(error, av.error.ProtocolNotFoundError):
        return UnreadableSourceError(
            f"the FFmpeg of this PyAV has no {url.scheme}", where=url, hint="use another protocol"
        )
    if isinstance(error, av.error.ExitError | TimeoutError):
        return UnreadableSourceError(f"nothing came for {SILENCE_S:.0f} s", where=url)
    said = getattr(error, "strerror", None) or type(error).__name__
    return UnreadableSourceError("cannot be opened", where=url, hint=said)
