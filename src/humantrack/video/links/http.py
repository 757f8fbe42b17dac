"""HTTP as far as a video needs it, with a limit on where it leads and on how long it takes.

Everything that is read over HTTP, also the pieces that a playlist names, comes through
:func:`open_http`: no other scheme, no other host unless that is allowed, and no server that keeps
us waiting with a byte a second.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from humantrack._version import __version__
from humantrack.errors import SourceError, SourceNotFoundError, UnreadableSourceError
from humantrack.url import Url

BROKEN, NO_ANSWER = "the connection broke", "the server cannot be reached"

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server is waited for."""

    silence_s: float = 10.0
    """Without a byte."""

    answer_s: float = 20.0
    """Until the connection stands, and again until the answer begins."""

    pace_s: float = 20.0
    """In which at least ``least_bytes`` have to come."""

    least_bytes: int = 4096


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Where an address may lead."""

    any_host: bool = False
    """Redirects and playlists may name other hosts than the address does."""

    patience: Patience = field(default_factory=Patience)


class SlowServerError(UnreadableSourceError):
    """The server sends next to nothing."""


class Reply:
    """An answer whose body is read."""

    def __init__(self, response: Any, url: Url, patience: Patience) -> None:
        self._response, self._url, self._patience = response, url, patience
        self._since, self._got = time.monotonic(), 0
        self._ahead = b""
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.address: str = response.url
        """Where it came from in the end. It may hold secrets."""

    @property
    def length(self) -> int | None:
        """Bytes of the body, if the server says."""
        text = self.headers.get("Content-Length") or ""
        return int(text) if text.isascii() and text.isdecimal() else None

    @property
    def content_type(self) -> str:
        """Without its parameters, in lower case."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    def peek(self, size: int) -> bytes:
        """The first bytes, which are read again afterwards."""
        while len(self._ahead) < size and (more := self._more(size - len(self._ahead))):
            self._ahead += more
        return self._ahead

    def read(self, size: int) -> bytes:
        """Some bytes, at most so many; none at the end.

        Raises:
            UnreadableSourceError: if the connection breaks or is too slow.
        """
        if self._ahead:
            some, self._ahead = self._ahead[:size], self._ahead[size:]
            return some
        return self._more(size)

    def _more(self, size: int) -> bytes:
        try:
            some: bytes = self._response.read1(size)
        except TimeoutError as error:
            raise _too_slow(self._url) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _broken(self._url, error) from None
        now = time.monotonic()
        self._got += len(some)
        if some and now - self._since > self._patience.pace_s:
            if self._got < self._patience.least_bytes:
                raise _too_slow(self._url)
            self._since, self._got = now, 0
        return some

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._response.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def open_http(
    url: Url, policy: Policy, headers: Mapping[str, str] | None = None, *, within: Url | None = None
) -> Reply:
    """Ask for an address.

    Args:
        url: http or https.
        policy: where it may lead.
        headers: of the request.
        within: the address that the user gave, where this one is named by a playlist.

    Raises:
        SourceNotFoundError: if the server has no such thing.
        UnreadableSourceError: if there is no answer, or it leads where it may not.
    """
    first = within or url
    parts = _split(url.whole, url)
    check_place(urlunsplit(parts), first, policy)
    request = urllib.request.Request(_without_user(parts))  # noqa: S310 - the scheme was checked
    request.add_header("User-Agent", f"humantrack/{__version__}")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    login = _login(parts) or (_login(_split(first.whole, first)) if within else None)
    if login and _is_same_server(parts, _split(first.whole, first)):
        request.add_unredirected_header("Authorization", login)
    opener = _opener(first, policy, login)
    try:
        response = opener.open(request, timeout=policy.patience.silence_s)
    except SourceError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 304:
            return Reply(error, url, policy.patience)
        raise _refused(url, error.code) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _no_answer(url, error) from None
    return Reply(response, url, policy.patience)


def check_place(address: str, first: Url, policy: Policy) -> None:
    """Refuse what an address given by a user may not lead to.

    Raises:
        UnreadableSourceError: if it is no http(s), or another host and that is not allowed.
    """
    try:
        to, start = urlsplit(address), urlsplit(first.whole)
        same = _is_same_server(to, start)
    except ValueError:
        raise UnreadableSourceError("not a usable address", where=Url.of(address)) from None
    shown = Url.of(address)
    if to.scheme.lower() not in _PORTS:
        raise UnreadableSourceError(
            f"it leads to {shown}, which is not on the web, and is not followed", where=first
        )
    if not same and not policy.any_host:
        raise UnreadableSourceError(
            f"it leads to another server, {to.hostname or shown}, and is not followed",
            where=first,
            hint="video.allow_hosts=any follows it",
        )


def whole_of(address: str, base: str) -> str:
    """An address that stands in a document, made whole."""
    return urljoin(base, address)


def _is_same_server(one: SplitResult, other: SplitResult) -> bool:
    """True for the same host, with ``www.`` or without, and no step from https to http."""
    if other.scheme.lower() == "https" and one.scheme.lower() != "https":
        return False
    names = [(p.hostname or "").lower().removeprefix("www.") for p in (one, other)]
    ports = [p.port or _PORTS.get(p.scheme.lower()) for p in (one, other)]
    both_usual = ports[0] in _PORTS.values() and ports[1] in _PORTS.values()
    return names[0] == names[1] and (ports[0] == ports[1] or both_usual)


def _split(address: str, url: Url) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        raise UnreadableSourceError("not a usable address", where=url) from None
    if not parts.hostname:
        raise UnreadableSourceError("an address without a host", where=url)
    return parts


def _without_user(parts: SplitResult) -> str:
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path or "/", query, ""))


def _login(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    both = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(both.encode()).decode("ascii")


# -- connections -----------------------------------------------------------------------------------


class _Watched:
    """A connection of which neither the making nor the answer takes for ever."""

    sock: Any
    answer_s = Patience.answer_s

    def connect(self) -> None:
        with self._in_time():
            super().connect()  # type: ignore[misc]

    def getresponse(self) -> Any:
        with self._in_time():
            return super().getresponse()  # type: ignore[misc]

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        is_over = threading.Event()

        def cut() -> None:
            is_over.set()
            if self.sock is not None:
                with contextlib.suppress(OSError):
                    self.sock.shutdown(2)

        timer = threading.Timer(self.answer_s, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            if is_over.is_set():
                raise TimeoutError("timed out") from error
            raise
        finally:
            timer.cancel()


class _Plain(_Watched, http.client.HTTPConnection):
    pass


class _Secure(_Watched, http.client.HTTPSConnection):
    pass


def _opener(first: Url, policy: Policy, login: str | None) -> urllib.request.OpenerDirector:
    limit = {"answer_s": policy.patience.answer_s}
    plain: Any = type("_Timed", (_Plain,), limit)
    secure: Any = type("_TimedSecure", (_Secure,), limit)

    class Http(urllib.request.HTTPHandler):
        def http_open(self, req: Any) -> Any:
            return self.do_open(plain, req)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, req: Any) -> Any:
            return self.do_open(secure, req)

    class Redirects(urllib.request.HTTPRedirectHandler):
        def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
            target = headers.get("location") or headers.get("uri")
            if target:
                try:
                    check_place(urljoin(req.full_url, target), first, policy)
                except SourceError:
                    fp.close()
                    raise
            return super().http_error_302(req, fp, code, msg, headers)

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

        def redirect_request(self, req: Any, *rest: Any) -> Any:
            new = super().redirect_request(req, *rest)
            start = urlsplit(first.whole)
            if new is not None and login and _is_same_server(urlsplit(new.full_url), start):
                new.add_unredirected_header("Authorization", login)
            return new

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        Http(),
        Https(),
        Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


# -- what went wrong -------------------------------------------------------------------------------


def _too_slow(url: Url) -> UnreadableSourceError:
    return SlowServerError("the server is too slow or silent", where=url, hint="try it later")


def _broken(url: Url, error: Exception) -> UnreadableSourceError:
    return UnreadableSourceError(
        BROKEN, where=url, hint=f"{_words(error)}; the same command goes on"
    )


def _no_answer(url: Url, error: Exception) -> UnreadableSourceError:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return _too_slow(url)
    return UnreadableSourceError(NO_ANSWER, where=url, hint=_words(reason))


def _words(error: object) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _refused(url: Url, code: int) -> SourceError:
    said = f"the server answers {code} {http.client.responses.get(code, '')}".strip()
    if code in (404, 410):
        return SourceNotFoundError(said, where=url)
    hint = None
    if code in (401, 403):
        hint = "a name and a password go before the host, as NAME:PASSWORD@HOST"
    return UnreadableSourceError(said, where=url, hint=hint)
