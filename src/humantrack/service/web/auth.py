"""Authentication and rate limits: tokens, the sessions of browsers, rates."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from humantrack.atomic import cannot_write
from humantrack.errors import ConfigError

LOCAL = "local"
"""Owner of all jobs where no tokens are set."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_LEAST_LENGTH = 16
_SESSION_S = 7 * 86400
_MOST_BUCKETS = 10_000
_BURST_S = 10.0


class Tokens:
    """The tokens of a file: a line ``name token`` or ``name sha256:HEX`` each, ``#`` comments.

    Only hashes are kept.

    Raises:
        ConfigError: if the file cannot be read, or a line is invalid.
    """

    def __init__(self, path: Path) -> None:
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ConfigError("cannot read the tokens", where=path) from error
        self._hashes: dict[str, bytes] = {}
        for number, line in enumerate(lines, start=1):
            words = line.split("#", 1)[0].split()
            if not words:
                continue
            where = f"{path}, line {number}"
            if len(words) != 2 or _NAME.fullmatch(words[0]) is None or words[0] in self._hashes:
                raise ConfigError("a line is a name of its own and a token", where=where)
            known = _HASH.fullmatch(words[1])
            if known is None and len(words[1]) < _LEAST_LENGTH:
                raise ConfigError(f"a token has {_LEAST_LENGTH} characters or more", where=where)
            self._hashes[words[0]] = bytes.fromhex(known[1]) if known else _hash(words[1])
        if not self._hashes:
            raise ConfigError("no token in the file", where=path)

    def owner(self, token: str) -> str | None:
        """The name of a token; takes as long for a wrong one as for a right one."""
        asked, found = _hash(token), None
        for name, known in self._hashes.items():
            if hmac.compare_digest(asked, known):
                found = name
        return found

    def fingerprint(self, name: str) -> bytes | None:
        """The hash of a name's token: a session ends when the token changes."""
        return self._hashes.get(name)


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


class Sessions:
    """Signed names for the cookie of a browser, which must not hold the token itself.

    Args:
        path: of the secret, made if it is not there; web processes that share it share sessions.
        tokens: those that are known.
    """

    def __init__(self, path: Path, tokens: Tokens) -> None:
        if not path.exists():
            ours = path.with_name(f"{path.name}.{os.getpid()}")
            with os.fdopen(os.open(ours, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            with suppress(FileExistsError):  # another process was faster
                os.link(ours, path)
            ours.unlink()
        self._secret, self._tokens = path.read_bytes(), tokens

    def begin(self, name: str) -> str:
        """A session of this name, for a week."""
        about = f"{name}:{int(time.time()) + _SESSION_S}"
        return f"{about}:{self._sign(about)}"

    def owner(self, session: str) -> str | None:
        """The name, if the session is genuine and goes on."""
        about, _, signature = session.rpartition(":")
        name, _, until = about.rpartition(":")
        if self._tokens.fingerprint(name) is None or not until.isdecimal() or len(until) > 12:
            return None
        genuine = hmac.compare_digest(self._sign(about).encode(), signature.encode("utf-8"))
        return name if genuine and int(until) > time.time() else None

    def _sign(self, about: str) -> str:
        known = self._tokens.fingerprint(about.rpartition(":")[0]) or b""
        return hmac.new(self._secret + known, about.encode("utf-8"), "sha256").hexdigest()


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
