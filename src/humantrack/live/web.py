"""An HTTP server in a thread of its own, whose clients never hold anybody back."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from humantrack.live.gate import Gate, Refused

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_CLIENTS = 64
"""Connections served at once; more are told to come later."""

BUFFER_BYTES = 2**16
"""That wait for a client outside of our own queues: what it gets is as old as they are long."""

PATIENCE_S = 30.0
"""A client that takes nothing for so long is let go."""

_ENDING_S = 3.0
"""What clients have left to take when the source has ended."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class WebServer:
    """Answers requests, from ``start`` to ``end``.

    Args:
        listening: the socket.
        gate: who may read.
        routes: handlers of GET by path, which run in the server's thread.
    """

    def __init__(self, listening: socket.socket, gate: Gate, routes: Mapping[str, Handler]) -> None:
        self._listening, self._gate, self._routes = listening, gate, routes
        self._port = listening.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._handlers: set[asyncio.Task[Any]] = set()
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._thread = threading.Thread(target=self._run, name="live web", daemon=True)

    @property
    def port(self) -> int:
        """That it listens at."""
        return int(self._port)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have something done in the server's thread, soon; nothing is waited for."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def end(self) -> None:
        """Let clients take what waits for them, for a moment, and end."""
        self.call(self._ending.set)
        self._thread.join(_ENDING_S + 5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application(middlewares=[self._admit], client_max_size=1024)
        app.add_routes([web.get(path, handler) for path, handler in self._routes.items()])
        quiet = logging.getLogger("humantrack.live.requests")
        quiet.setLevel(logging.CRITICAL)  # what is no HTTP gets 400, which concerns nobody here
        runner = web.AppRunner(app, access_log=None, logger=quiet, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, self._listening).start()
        await self._ending.wait()
        if self._handlers:
            _, late = await asyncio.wait(self._handlers, timeout=_ENDING_S)
            for task in late:
                task.cancel()
        await runner.cleanup()
        for transport in self._transports:  # of whom nothing more is waited for
            transport.abort()
        for _ in range(3):  # what is closing closes
            await asyncio.sleep(0)

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        cookie = f"humantrack_live_{self._port}"
        if request.transport is not None:
            self._transports.add(request.transport)
        try:
            self._gate.admit(
                request.headers,
                request.remote or "",
                request.query.get("token"),
                request.cookies.get(cookie),
            )
            if len(self._handlers) >= MOST_CLIENTS:
                raise Refused(503, f"{MOST_CLIENTS} clients are there already")
        except Refused as refused:
            return _plain(refused.status, str(refused))
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler runs in one
        self._handlers.add(task)
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            return _plain(error.status, error.reason)
        except ConnectionError:
            return _plain(503, "gone before there was an answer")  # which nobody reads
        except Exception as error:  # noqa: BLE001 - a client is worth no run
            _log.warning("a client was not served: %s: %s", type(error).__name__, error)
            _log.debug("where", exc_info=error)
            return _plain(500, "an error of ours")
        finally:
            self._handlers.discard(task)
        if request.query.get("token") is not None and not answer.prepared:
            answer.set_cookie(cookie, self._gate.session, httponly=True, samesite="Lax", path="/")
        return answer

    def headers(self, request: web.Request) -> dict[str, str]:
        """Those of every answer, and of one to a page elsewhere that may read it."""
        origin = request.headers.get("Origin")
        if origin in self._gate.origins and origin is not None:
            return {**_HEADERS, "Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        return {**_HEADERS, "Cross-Origin-Resource-Policy": "same-origin"}


def _plain(status: int, why: str) -> web.Response:
    extra = {"WWW-Authenticate": 'Bearer realm="humantrack"'} if status == 401 else {}
    return web.Response(status=status, text=f"{why}\n", headers={**_HEADERS, **extra})
