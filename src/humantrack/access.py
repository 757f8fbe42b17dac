"""Who may ask a server of ours: tokens, rates, and pages of other sites."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from pathlib import Path
from urllib.parse import urlsplit

from humantrack.atomic import cannot_write
from humantrack.errors import ConfigError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""What only this machine reaches."""

LEAST_LENGTH = 16
"""Characters of a token."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_MOST_BUCKETS = 10_000
_BURST_S = 10.0
_LOOK_S = 1.0
"""How often the file of tokens is looked at."""

_log = logging.getLogger(__name__)


class Tokens:
    """The tokens of a file: a line ``name token`` or ``name sha256:HEX`` each, ``#`` comments.

    Only hashes are kept. A file that changes is read again within a second; while it is missing or
    invalid, what was read last holds. Of a file that is emptied later nobody has a token.

    Raises:
        ConfigError: if the file cannot be read, or a line is invalid.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._hashes = _read(path)
        if not self._hashes:
            raise ConfigError("no token in the file", where=path)
        self._looked_s = time.monotonic()

    def owner(self, token: str) -> str | None:
        """The name of a token; takes as long for a wrong one as for a right one."""
        self._look()
        asked, found = _hash(token), None
        for name, known in self._hashes.items():
            if hmac.compare_digest(asked, known):
                found = name
        return found

    def fingerprint(self, name: str) -> bytes | None:
        """The hash of a name's token: a session ends when the token changes."""
        self._look()
        return self._hashes.get(name)

    def _look(self) -> None:
        """Read the file again if it is another one by now."""
        now = time.monotonic()
        if now - self._looked_s < _LOOK_S:
            return
        self._looked_s = now
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._hashes = _read(self._path)
        except ConfigError as error:
            _log.error("the tokens cannot be read; those of before hold: %s", error)
        else:
            _log.warning("%d tokens were read again", len(self._hashes))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from what it was; None while it is not there."""
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_mtime_ns, known.st_size, known.st_ino


def _read(path: Path) -> dict[str, bytes]:
    """The hashes of a file's tokens by name; errors as for :class:`Tokens`."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        hint = "write one by humantrack-serve token NAME"
        raise ConfigError("cannot read the tokens", where=path, hint=hint) from error
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        where = f"{path}, line {number}"
        if len(words) != 2 or _NAME.fullmatch(words[0]) is None or words[0] in hashes:
            raise ConfigError("a line is a name of its own and a token", where=where)
        known = _HASH.fullmatch(words[1])
        if known is None and len(words[1]) < LEAST_LENGTH:
            raise ConfigError(f"a token has {LEAST_LENGTH} characters or more", where=where)
        hashes[words[0]] = bytes.fromhex(known[1]) if known else _hash(words[1])
    return hashes


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def new_token(path: Path, name: str) -> str:
    """Make a token, add its hash to the file and give the token itself, which nobody keeps.

    Raises:
        ConfigError: if the name is none, or taken.
        OutputError: if the file cannot be written.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError("a name has letters, digits, - _ and . only", where=name)
    if path.exists() and path.stat().st_size and Tokens(path).fingerprint(name) is not None:
        raise ConfigError("there is a token of this name", where=name)
    token = secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(f"{name} sha256:{_hash(token).hex()}\n")
    except OSError as error:
        raise cannot_write(path, error) from error
    return token


class OneToken:
    """The one token of a server, of which only the hash is kept.

    Raises:
        ConfigError: if it is short.
    """

    def __init__(self, token: str, where: str) -> None:
        if len(token) < LEAST_LENGTH:
            raise ConfigError(f"a token has {LEAST_LENGTH} characters or more", where=where)
        self._known = _hash(token)

    def owner(self, token: str) -> str | None:
        """A name for who has it."""
        return "live" if hmac.compare_digest(_hash(token), self._known) else None


class Rates:
    """Token buckets: each name may ask ``rate`` times a second, and ten seconds' worth at once.

    Args:
        rate: a second; 0 = no limit.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, name: str, cost: float = 1.0) -> float:
        """Take one from the name's bucket: 0, or how long to wait if it is empty."""
        if not self._rate:
            return 0.0
        now, most = time.monotonic(), max(self._rate * _BURST_S, 1.0)
        with self._lock:
            level, then = self._buckets.pop(name, (most, now))
            level = min(level + (now - then) * self._rate, most)
            allowed = level >= cost
            self._buckets[name] = (level - cost if allowed else level, now)
            while len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (cost - level) / self._rate


def is_of_another_site(origin: str | None, fetch_site: str | None, host: str) -> bool:
    """Whether a browser sends this for a page of another site."""
    if (fetch_site or "same-origin") not in ("same-origin", "none"):
        return True
    return origin is not None and urlsplit(origin).netloc != host


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without its port; empty if it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
