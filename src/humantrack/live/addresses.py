"""Addresses of servers and receivers, as typed."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from humantrack.atomic import reason_of
from humantrack.errors import ConfigError


def host_and_port(text: str, option: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPV6]:PORT``, or a port of this machine.

    Raises:
        ConfigError: if it is none of these.
    """
    try:
        parts = urlsplit(f"//{text if ':' in text else f'127.0.0.1:{text}'}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    bare = text.rpartition(":")[0]
    if not host or port is None or parts.username is not None or parts.path:
        raise ConfigError(
            "no address", where=f"{option} {text}", hint="it is as 127.0.0.1:8081 or [::1]:8081"
        )
    if ":" in bare and not bare.startswith("["):
        raise ConfigError("no address", where=f"{option} {text}", hint="IPv6 is as [::1]:8081")
    return host, port


def listen(host: str, port: int, option: str, *, buffer_bytes: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: name or address.
        port: 0 takes any that is free.
        option: by which it was asked for.
        buffer_bytes: that the system keeps for a connection on the way out.

    Raises:
        ConfigError: if the address cannot be listened at.
    """
    where = f"{option} {host}:{port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        hint = "choose another port, or end what listens there"
        raise ConfigError(f"cannot listen ({reason_of(error)})", where=where, hint=hint) from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    return listening


def receiver(host: str, port: int, option: str) -> socket.socket:
    """A UDP socket connected to a receiver, which need not be there; sending never waits.

    Raises:
        ConfigError: if the name means nothing, or there is no way to it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
            0
        ]
        out = socket.socket(family, kind, protocol)
        out.connect(address)
    except OSError as error:
        where = f"{option} {host}:{port}"
        raise ConfigError(f"cannot be reached ({reason_of(error)})", where=where) from error
    out.setblocking(False)
    return out
