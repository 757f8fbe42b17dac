"""The WSGI server: waitress, with bounds on what is received and how long it may take."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from humantrack.errors import ConfigError
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.settings import Settings
from humantrack.service.web.gate import Gate
from humantrack.service.web.parser import Parser
from humantrack.terminal import ending_signals

_HEADER_BYTES = 2**15
_FORM_BYTES = 2**20
_CONNECTIONS = 1000
_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")


def serve(
    app: Any,
    settings: Settings,
    gate: Gate,
    *,
    ready: Callable[[int], None],
    ending: Callable[[], None],
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; then finish the current ones.

    Args:
        app: of WSGI.
        settings: host, port, threads, limits.
        gate: who may send a body.
        ready: called with the port when requests are accepted.
        ending: called when no more are, while the current ones are finished.

    Raises:
        ConfigError: if the address cannot be listened at.
    """
    tempfile.tempdir = str(DataFolder(settings.data).incoming)  # bodies that do not fit in memory

    parser: Any = partial(Parser, settings=settings, gate=gate, data=DataFolder(settings.data))

    class Channel(HTTPChannel):  # type: ignore[misc]
        def __init__(self, server: Any, sock: Any, addr: Any, *more: Any, **named: Any) -> None:
            super().__init__(server, sock, addr, *more, **named)
            self.parser_class = partial(parser, address=str(addr[0]))

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
