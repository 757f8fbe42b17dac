"""A small web server for tests, with ranges and with all the ways in which one can be bad."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import av


class Web:
    """Serves the files of a folder.

    ``requests`` holds (path, Range header or None) of every request; ``redirects`` maps a path to a
    location; ``break_after`` is the number of bytes of a body after which the next connection is
    cut, once each; ``drip`` holds paths of which a byte comes at a time, until ``end``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str | None]] = []
        self.logins: list[str | None] = []
        self.redirects: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.break_after: list[int] = []
        self.drip: set[str] = set()
        self.password: str | None = None
        self.has_ranges = True
        self.tells_length = True
        self.end = threading.Event()
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    web: Web

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        web, path = self.web, self.path.partition("?")[0]
        wanted = self.headers.get("Range")
        web.requests.append((path, wanted))
        web.logins.append(self.headers.get("Authorization"))
        if web.password is not None:
            right = "Basic " + base64.b64encode(web.password.encode()).decode()
            if self.headers.get("Authorization") != right:
                self.send_error(401)
                return
        if path in web.redirects:
            self.send_response(302)
            self.send_header("Location", web.redirects[path])
            self.end_headers()
            return
        file = web.folder / path.lstrip("/")
        if not file.is_file():
            self.send_error(404)
            return
        self._send(file.read_bytes(), path, wanted)

    def _send(self, body: bytes, path: str, wanted: str | None) -> None:
        web = self.web
        tag = f'"{hashlib.sha256(body).hexdigest()[:12]}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        start = 0
        if wanted and web.has_ranges and self.headers.get("If-Range", tag) == tag:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last or len(body) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(body)}")
            body = body[start : end + 1]
        else:
            self.send_response(200)
        self.send_header("ETag", tag)
        self.send_header("Content-Type", web.types.get(path, "application/octet-stream"))
        if web.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            if path in web.drip:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    if web.end.wait(0.05):
                        return
            elif web.break_after:
                self.wfile.write(body[: web.break_after.pop(0)])
            else:
                self.wfile.write(body)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Web]:
    """The server, while inside."""
    web = Web(folder)
    handler = type("Handler", (_Handler,), {"web": web})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    web.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.end.set()
        server.shutdown()
        server.server_close()
        thread.join()


def hls(clip, folder, *, ending="#EXT-X-ENDLIST"):
    """Cut a clip into pieces of a second, or as long as its key frames make them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        av.open(str(clip)) as source,
        av.open(
            f"file:{folder / 'list.m3u8'}",
            "w",
            format="hls",
            options={"hls_time": "1", "hls_list_size": "0"},
        ) as target,
    ):
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                target.mux(packet)
    path = folder / "list.m3u8"
    path.write_text(path.read_text().replace("#EXT-X-ENDLIST", ending))
    return path
