"""The overlay as motion JPEG over HTTP, and a page that shows it."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType

from aiohttp import web

from humantrack.live.gate import Gate
from humantrack.live.pictures import Draw, Pictures
from humantrack.live.records import LiveRecord
from humantrack.live.web import PATIENCE_S, WebServer

_BOUNDARY = "humantrack-picture"
_HEAD = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
"""Of the next picture. It goes out with the one before, which Chromium shows only when it has read
this; so it cannot tell a length."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>humantrack-live</title>
<link rel="icon" href="data:,">
<style>
body { margin: 0; background: #111; }
img { display: block; width: 100vw; height: 100vh; object-fit: contain; }
</style>
<img src="stream.mjpeg" alt="The newest frame, with the people who are tracked in it">
</html>
"""


class MjpegOutput:
    """Sends pictures of the newest frames to everybody who looks. Implements ``RecordSink``.

    Each client gets the newest picture whenever it has taken the one before. ``/`` is a page that
    shows them, ``/stream.mjpeg`` the stream, ``/picture.jpg`` the newest picture.

    Args:
        listening: the socket.
        gate: who may look.
        draw: draws a frame.
    """

    def __init__(self, listening: socket.socket, gate: Gate, draw: Draw) -> None:
        routes = {"/": self._page, "/stream.mjpeg": self._stream, "/picture.jpg": self._picture}
        self._server = WebServer(listening, gate, routes)
        self.pictures = Pictures(
            draw,
            wanted=lambda: self._lookers > 0,
            show=lambda jpeg: self._server.call(self._put, jpeg),
        )
        self._lookers = 0
        self._newest, self._number = b"", 0
        self._is_over = False
        self._changed = asyncio.Event()

    @property
    def port(self) -> int:
        """That it listens at."""
        return self._server.port

    def __enter__(self) -> MjpegOutput:
        self._server.start()
        self.pictures.__enter__()
        return self

    def tell(self, told: LiveRecord) -> None:
        """Take a frame to draw, if anybody looks."""
        self.pictures.tell(told)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.pictures.__exit__(kind, error, trace)
        finally:
            self._server.call(self._finish)
            if error is None or isinstance(error, Exception):  # else nobody waits for anything
                self._server.end()

    # -- in the server's thread ---------------------------------------------------------------

    def _put(self, jpeg: bytes) -> None:
        self._newest, self._number = jpeg, self._number + 1
        self._wake()

    def _finish(self) -> None:
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        # The old event is for those who wait for it now; who comes later waits for the next.
        before, self._changed = self._changed, asyncio.Event()
        before.set()

    async def _next(self, number: int) -> tuple[bytes, int] | None:
        """The newest picture, once there is one after that of this number; None at the end."""
        while self._number <= number and not self._is_over:
            await self._changed.wait()
        return None if self._is_over else (self._newest, self._number)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        headers = self._server.headers(request)
        if "token" in request.query:  # it has become a cookie, and need not be seen
            return web.Response(status=303, headers={**headers, "Location": "/"})
        return web.Response(text=_PAGE, content_type="text/html", headers=headers)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        self._enter()
        try:
            found = await asyncio.wait_for(self._next(self._number), PATIENCE_S)
        except asyncio.TimeoutError:
            found = None
        finally:
            self._lookers -= 1
        if found is None:
            raise web.HTTPServiceUnavailable(reason="no picture came")
        headers = self._server.headers(request)
        return web.Response(body=found[0], content_type="image/jpeg", headers=headers)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        headers = {
            **self._server.headers(request),
            "Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}",
        }
        answer = web.StreamResponse(headers=headers)
        self._enter()
        try:
            await answer.prepare(request)
            await answer.write(_HEAD)
            number = 0
            while (found := await self._next(number)) is not None:
                picture, number = found
                await asyncio.wait_for(answer.write(picture + b"\r\n" + _HEAD), PATIENCE_S)
        except (ConnectionError, asyncio.TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._lookers -= 1
        return answer

    def _enter(self) -> None:
        self._lookers += 1
        self.pictures.look()
