"""Who may send a body at all: asked when the headers are there, before a byte of it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from humantrack.access import is_of_another_site
from humantrack.service.web.auth import Rates, Sessions, Tokens
from humantrack.service.web.problems import ProblemError, try_later

COOKIE = "humantrack_session"
_LOGIN = "/api/session"
_LOGIN_BYTES = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Knows tokens and sessions. ``headers`` are waitress's: upper case, with underscores."""

    tokens: Tokens | None
    sessions: Sessions | None
    guesses: Rates
    """Of wrong tokens, by address."""

    proxy: str | None
    """Address of the proxy that is believed."""

    def check_body(
        self, headers: Mapping[str, str], path: str, length: int | None, address: str
    ) -> None:
        """Refuse a body whose sender may not send one.

        Args:
            headers: of the request.
            path: its path.
            length: of the body; None where it is not known.
            address: of who is connected.

        Raises:
            ProblemError: 401, 403, 413 or 429.
        """
        behind_proxy = self.proxy is not None and address == self.proxy
        self._check_origin(headers, behind_proxy)
        if self.tokens is None or self.sessions is None:
            return
        if path == _LOGIN:
            if length is None or length > _LOGIN_BYTES:
                raise ProblemError(413, "TooLargeError", "the body is too large")
            return
        if behind_proxy:
            address = headers.get("X_FORWARDED_FOR", "").rpartition(",")[2].strip() or address
        kind, _, token = headers.get("AUTHORIZATION", "").partition(" ")
        if kind.lower() == "bearer":
            if self.tokens.owner(token.strip()) is not None:
                return
            wait_s = self.guesses.wait_s(address)
            if wait_s:
                raise try_later("TooManyRequests", "too many wrong tokens", wait_s, status=429)
        elif self._has_session(headers.get("COOKIE", "")):
            return
        raise token_needed()

    def _has_session(self, cookies: str) -> bool:
        pairs = (pair.partition("=") for pair in cookies.split(";"))
        found = [value.strip().strip('"') for name, _, value in pairs if name.strip() == COOKIE]
        return any(self.sessions.owner(session) for session in found if self.sessions)

    def _check_origin(self, headers: Mapping[str, str], behind_proxy: bool) -> None:
        host = headers.get("HOST", "")
        if behind_proxy:
            host = headers.get("X_FORWARDED_HOST", "").partition(",")[0].strip() or host
        origin = headers.get("ORIGIN")
        if is_of_another_site(origin, headers.get("SEC_FETCH_SITE"), host):
            raise ProblemError(403, "OriginError", "requests of other sites are refused")


def token_needed() -> ProblemError:
    """401."""
    header = {"WWW-Authenticate": 'Bearer realm="humantrack"'}
    return ProblemError(401, "TokenError", "a token is needed", header)
