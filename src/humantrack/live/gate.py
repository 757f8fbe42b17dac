"""Who may read what a live command serves."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from humantrack.access import LOOPBACK, OneToken, Rates, Tokens, host_name, is_of_another_site
from humantrack.errors import ConfigError

TOKEN, TOKEN_FILE = "HUMANTRACK_TOKEN", "HUMANTRACK_TOKEN_FILE"
"""Variables of the environment."""

_GUESSES = 0.5
"""Wrong tokens a second from one address."""


class Owners(Protocol):
    """Knows tokens."""

    def owner(self, token: str) -> str | None:
        """The name of a token's owner; None for a wrong one."""


class Refused(Exception):  # noqa: N818 - an answer to a client, not an error of ours
    """An HTTP status and a line that says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Gate:
    """Lets in who has a token, and no page of another site.

    Args:
        owners: of the tokens; None: everybody on this machine may read.
        origins: of pages elsewhere that may read too, as browsers write them.
    """

    def __init__(self, owners: Owners | None, origins: Sequence[str] = ()) -> None:
        self._owners, self.origins = owners, frozenset(origins)
        self._session = secrets.token_urlsafe(32)
        self._guesses = Rates(_GUESSES)

    @property
    def session(self) -> str:
        """What the cookie of a browser holds that has shown a token."""
        return self._session

    def admit(self, asked: Any, address: str, token: str | None, session: str | None) -> None:
        """Let a request pass.

        Args:
            asked: its headers, a mapping that knows no case.
            address: of who asks.
            token: in its address.
            session: in its cookie.

        Raises:
            Refused: otherwise.
        """
        host, origin = asked.get("Host", ""), asked.get("Origin")
        if self._owners is None and host_name(host) not in LOOPBACK:
            raise Refused(403, "without a token, only localhost may be asked")
        is_link = asked.get("Sec-Fetch-Mode") == "navigate"
        if origin not in self.origins and not (is_link and origin is None):
            site = None if origin is not None else asked.get("Sec-Fetch-Site")
            if is_of_another_site(origin, site, host):
                raise Refused(403, "pages of other sites are refused (--allow-origin)")
        if self._owners is not None:
            self._check_token(self._owners, asked, address, token, session)

    def _check_token(
        self,
        owners: Owners,
        asked: Any,
        address: str,
        token: str | None,
        session: str | None,
    ) -> None:
        shown = (session or "").encode("utf-8", "surrogateescape")
        if hmac.compare_digest(shown, self._session.encode()):
            return
        kind, _, bearer = asked.get("Authorization", "").partition(" ")
        given = bearer.strip() if kind.lower() == "bearer" else token
        if given is not None:
            if owners.owner(given) is not None:
                return
            if self._guesses.wait_s(address):
                raise Refused(429, "too many wrong tokens")
        raise Refused(401, "a token is needed")


def gate_for(
    hosts: Sequence[str],
    *,
    token_file: Path | None,
    no_token: bool,
    origins: Sequence[str] = (),
) -> tuple[Gate, str | None]:
    """The gate of these servers, and the token to show if one was made for them.

    Args:
        hosts: that are listened at.
        token_file: of lines ``name token``, as the service's.
        no_token: this machine needs none.
        origins: of pages that may read.

    Raises:
        ConfigError: for a token that is none, or if others could read without one.
    """
    for origin in origins:
        parts = urlsplit(origin)
        if origin not in ("null", f"{parts.scheme}://{parts.netloc}"):
            hint = "it is as http://localhost:3000"
            raise ConfigError("no origin", where=f"--allow-origin {origin}", hint=hint)
    if no_token:
        for host in hosts:
            if host not in LOOPBACK:
                hint = "leave out --no-token"
                raise ConfigError("others may reach it, and need a token", where=host, hint=hint)
        return Gate(None, origins), None
    if token_file is not None:
        return Gate(Tokens(token_file), origins), None
    if TOKEN in os.environ:
        return Gate(OneToken(os.environ[TOKEN], f"${TOKEN}"), origins), None
    if os.environ.get(TOKEN_FILE):
        return Gate(Tokens(Path(os.environ[TOKEN_FILE])), origins), None
    made = secrets.token_urlsafe(24)
    return Gate(OneToken(made, "the token"), origins), made
