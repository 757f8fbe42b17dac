"""Live sources for tests: a clip that is played again and again, at its own pace, as MPEG-TS."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av

USER, PASSWORD = "operator", "s3cret-of-the-camera"


def play(clip: Path, target: Any, over: threading.Event, speed: float = 1.0) -> None:
    """Send the clip over and over until it is over, or nobody takes it.

    Args:
        clip: of H.264.
        target: an address, or something with ``write``.
        over: ends it.
        speed: 1 for the clip's own pace.
    """
    with av.open(target, "w", format="mpegts") as out:
        stream, begun, offset_s = None, time.monotonic(), 0.0
        while not over.is_set():
            end_s = 0.0
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                base = Fraction(video.time_base)
                if stream is None:
                    stream = out.add_stream_from_template(video)
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    at_s = offset_s + float(packet.dts * base)
                    end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * base))
                    if over.wait(max(0.0, begun + at_s / speed - time.monotonic())):
                        return
                    shift = round(offset_s / base)
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    out.mux(packet)
            offset_s += end_s


class HttpSource:
    """A server of the clip as an endless body; it wants a password."""

    def __init__(self, clip: Path, speed: float) -> None:
        self.over = threading.Event()
        over, wanted = self.over, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.served = 0
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != f"Basic {wanted}":
                    self.send_error(401)
                    return
                source.served += 1
                self.send_response(200)
                self.send_header("Content-Type", "video/mp2t")
                self.end_headers()
                with suppress(OSError, av.error.FFmpegError):  # who reads has gone
                    play(clip, _Writer(self.wfile), over, speed)
                self.close_connection = True

            def finish(self) -> None:
                with suppress(OSError):
                    super().finish()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """With its password."""
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.port}/secret-path/live.ts"

    def close(self) -> None:
        """End it, as a camera that is unplugged."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Writer:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(data)
        return len(data)


@contextmanager
def http_source(clip: Path, speed: float = 1.0) -> Iterator[HttpSource]:
    """A server, ended with the block."""
    source = HttpSource(clip, speed)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def udp_source(clip: Path, speed: float = 1.0) -> Iterator[str]:
    """The address to which the clip is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    over = threading.Event()
    address = f"udp://127.0.0.1:{port}"
    target = f"{address}?pkt_size=1316"
    thread = threading.Thread(target=play, args=(clip, target, over, speed), daemon=True)
    thread.start()
    yield address
    over.set()
    thread.join()
