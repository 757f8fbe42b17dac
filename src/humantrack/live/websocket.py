"""Records to everybody who connects by WebSocket."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType

from aiohttp import WSCloseCode, web

from humantrack.live.gate import Gate
from humantrack.live.mailbox import Mailbox
from humantrack.live.records import LiveRecord, State
from humantrack.live.web import BUFFER_BYTES, PATIENCE_S, WebServer

_HEARTBEAT_S = 20.0
_MOST_HEARD = 4096
"""Bytes of a message of a client; what it says is not listened to."""

_ENDED, _FAILED = "the source has ended", "stopped by an error"


class WebSocketOutput:
    """Sends each record to every client, as one text message of JSON.

    A client that takes less than comes gets the newest provisional record, and is told how many it
    has lost. Implements ``RecordSink``.

    Args:
        listening: the socket.
        gate: who may connect.
    """

    def __init__(self, listening: socket.socket, gate: Gate) -> None:
        self._server = WebServer(listening, gate, {"/": self._client, "/ws": self._client})
        self._clients: set[Mailbox] = set()
        self._is_over = False
        self._why, self._code = _ENDED, WSCloseCode.OK

    @property
    def port(self) -> int:
        """That it listens at."""
        return self._server.port

    def __enter__(self) -> WebSocketOutput:
        self._server.start()
        return self

    def tell(self, told: LiveRecord) -> None:
        """Put a record into every client's mailbox."""
        if self._clients:  # a line costs something
            self._server.call(self._put, told.state, told.line.decode().rstrip())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and isinstance(error, Exception):
            self._why, self._code = _FAILED, WSCloseCode.INTERNAL_ERROR
        self._server.call(self._finish)
        if error is None or isinstance(error, Exception):  # else nobody waits for anything
            self._server.end()

    # -- in the server's thread ---------------------------------------------------------------

    def _put(self, state: State, text: str) -> None:
        for mailbox in self._clients:
            mailbox.put(state, text)

    def _finish(self) -> None:
        self._is_over = True
        for mailbox in self._clients:
            mailbox.finish()

    async def _client(self, request: web.Request) -> web.StreamResponse:
        socket_ = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_S,
            compress=False,
            max_msg_size=_MOST_HEARD,
            writer_limit=BUFFER_BYTES,
        )
        if not socket_.can_prepare(request):
            raise web.HTTPUpgradeRequired(reason="a WebSocket is served here")
        mailbox = Mailbox()
        self._clients.add(mailbox)  # who knows that it is connected misses nothing
        if self._is_over:
            mailbox.finish()
        try:
            await socket_.prepare(request)
            await self._serve(request, socket_, mailbox)
        finally:
            self._clients.discard(mailbox)
        return socket_

    async def _serve(
        self, request: web.Request, client: web.WebSocketResponse, mailbox: Mailbox
    ) -> None:
        hearing = asyncio.ensure_future(_hear(client, mailbox))
        try:
            await _send(client, mailbox)
            await asyncio.wait_for(client.close(code=self._code, message=self._why.encode()), 1)
        except (ConnectionError, asyncio.TimeoutError):
            if request.transport is not None:
                request.transport.abort()
        finally:
            hearing.cancel()


async def _hear(client: web.WebSocketResponse, mailbox: Mailbox) -> None:
    """Answer pings, and notice when the client leaves."""
    try:
        async for _ in client:
            pass
    finally:
        mailbox.close()


async def _send(client: web.WebSocketResponse, mailbox: Mailbox) -> None:
    while (taken := await mailbox.take()) is not None:
        text, lost = taken
        if any(lost.values()):
            told = f'"provisional":{lost["provisional"]},"final":{lost["final"]}'
            await asyncio.wait_for(client.send_str(f'{{"state":"lost",{told}}}'), PATIENCE_S)
        await asyncio.wait_for(client.send_str(text), PATIENCE_S)
