"""The WSGI server: waitress, with bounds on what is received and how long it may take."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server
from waitress.utilities import Error

from humantrack.errors import ConfigError
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.settings import Settings
from humantrack.service.web.problems import MEDIA_TYPE, document
from humantrack.terminal import ending_signals

_HEADER_BYTES = 2**15
_FORM_BYTES = 2**20
_CONNECTIONS = 1000
_CHECK_BYTES = 16 * 2**20
_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")
_SLOWEST = 1000
"""Bytes a second, on average, that a body has to come with."""


class _ProblemError(Error):  # type: ignore[misc]
    """What waitress answers when a request does not even reach the application."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        about = document(status, code, detail, "")
        super().__init__(detail)
        self.code, self.reason, self._about = status, str(about["title"]), about

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        body = json.dumps(self._about).encode()
        status = f"{self.code} {self.reason}"
        return status, [("Content-Type", MEDIA_TYPE), ("X-Content-Type-Options", "nosniff")], body


def _parser(settings: Settings) -> type[HTTPRequestParser]:
    data = DataFolder(settings.data)

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        """Ends a request early that is too large for the limit or the disk, or too slow."""

        error: Any = None
        completed = False

        def __init__(self, adj: Any) -> None:
            super().__init__(adj)
            self._begun_s = time.monotonic()
            self._unchecked = 0

        def received(self, piece: bytes) -> int:
            taken = super().received(piece)
            if self.error is not None and not isinstance(self.error, _ProblemError):
                self.error = _as_problem(self.error)
            if self.completed:
                return int(taken)
            seconds = time.monotonic() - self._begun_s
            if not self.headers_finished and seconds > settings.timeout_s:
                self._end(408, "TooSlowError", "the headers took too long")
            elif seconds > settings.timeout_s + self.body_bytes_received / _SLOWEST:
                self._end(408, "TooSlowError", "the body comes too slowly")
            self._unchecked += taken
            if self._unchecked > _CHECK_BYTES:
                self._unchecked = 0
                if data.free_bytes() < settings.least_free_bytes:
                    self._end(507, "DiskFullError", "there is no room on the server's disk")
            return int(taken)

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            names = {line.partition(b":")[0].strip() for line in header_plus.lower().split(b"\n")}
            if {b"content-length", b"transfer-encoding"} <= names:
                self._end(400, "BadRequest", "two lengths of one body")  # whose end is it?
                return
            # The body is received whole, and then its file is copied out of it.
            needed = 2 * self.content_length + settings.least_free_bytes
            allowed = _CHECK_BYTES < self.content_length < self.adj.max_request_body_size
            if allowed and data.free_bytes() < needed:
                self._end(507, "DiskFullError", "there is no room on the server's disk")

        def _end(self, status: int, code: str, detail: str) -> None:
            self.error = _ProblemError(status, code, detail)
            self.completed = self.connection_close = True

    return Parser


def _as_problem(error: Error) -> _ProblemError:
    code = "".join(word.capitalize() for word in error.reason.split())
    return _ProblemError(error.code, code, str(error.body))


def serve(
    app: Any, settings: Settings, *, ready: Callable[[int], None], ending: Callable[[], None]
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; then finish the current ones.

    Args:
        app: of WSGI.
        settings: host, port, threads, limits.
        ready: called with the port when requests are accepted.
        ending: called when no more are, while the current ones are finished.

    Raises:
        ConfigError: if the address cannot be listened at.
    """
    tempfile.tempdir = str(DataFolder(settings.data).incoming)  # bodies that do not fit in memory

    class Channel(HTTPChannel):  # type: ignore[misc]
        parser_class = _parser(settings)

    listening: dict[int, Any] = {}  # a name may stand for several addresses
    try:
        server = _server(app, settings, listening)
    except (OSError, ValueError) as error:
        where = f"{settings.host}:{settings.port}"
        hint = "choose another --port" if isinstance(error, OSError) else None
        raise ConfigError(f"cannot listen ({error})", where=where, hint=hint) from error
    sockets = [one for one in listening.values() if isinstance(one, BaseWSGIServer)]
    for one in sockets:
        one.channel_class = Channel

    def end(number: int, frame: FrameType | None) -> None:
        ending()
        raise SystemExit

    for number in ending_signals():
        signal.signal(number, end)
    ready(sockets[0].effective_port)
    server.run()
    server.close()


def _server(app: Any, settings: Settings, listening: dict[int, Any]) -> Any:
    proxy: dict[str, Any] = {}
    if settings.proxy is not None:
        proxy = {"trusted_proxy": settings.proxy, "trusted_proxy_headers": set(_FORWARDED)}
    return create_server(
        app,
        map=listening,
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        connection_limit=_CONNECTIONS,
        channel_timeout=max(int(settings.timeout_s), 1),
        cleanup_interval=min(max(int(settings.timeout_s / 2), 1), 10),
        max_request_header_size=_HEADER_BYTES,
        max_request_body_size=settings.upload_bytes + _FORM_BYTES,
        ident=None,
        expose_tracebacks=False,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=True,
        **proxy,
    )
