"""Authentication and rate limits: tokens, the sessions of browsers, rates."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from humantrack.access import Rates, Tokens, new_token
from humantrack.atomic import cannot_write

__all__ = ["LOCAL", "Rates", "Sessions", "Tokens", "new_token"]

LOCAL = "local"
"""Owner of all jobs where no tokens are set."""

_SESSION_S = 7 * 86400


class Sessions:
    """Signed names for the cookie of a browser, which must not hold the token itself.

    A session goes on as long as its file is there: in the folder beside the secret, named by a hash
    of what only the cookie says.

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
        self._begun = path.with_name("sessions")

    def begin(self, name: str) -> str:
        """A session of this name, for a week.

        Raises:
            OutputError: if it cannot be written down.
        """
        about = f"{name}:{int(time.time()) + _SESSION_S}:{secrets.token_hex(16)}"
        try:
            self._begun.mkdir(mode=0o700, exist_ok=True)
            self._forget_old()
            os.close(os.open(self._file(about), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise cannot_write(self._begun, error) from error
        return f"{about}:{self._sign(about, name)}"

    def owner(self, session: str) -> str | None:
        """The name, if the session is genuine and goes on."""
        about, _, signature = session.rpartition(":")
        name, until, key = (*about.split(":"), "", "")[:3]
        if self._tokens.fingerprint(name) is None or not until.isdecimal() or len(until) > 12:
            return None
        genuine = hmac.compare_digest(self._sign(about, name).encode(), signature.encode("utf-8"))
        goes_on = genuine and int(until) > time.time() and bool(key)
        return name if goes_on and self._file(about).is_file() else None

    def end(self, session: str) -> None:
        """End a session: its cookie is worth nothing from here on, wherever there are copies."""
        if self.owner(session) is not None:
            self._file(session.rpartition(":")[0]).unlink(missing_ok=True)

    def _file(self, about: str) -> Path:
        return self._begun / hashlib.sha256(about.encode("utf-8")).hexdigest()[:32]

    def _forget_old(self) -> None:
        limit = time.time() - _SESSION_S
        for path in self._begun.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < limit:
                    path.unlink()

    def _sign(self, about: str, name: str) -> str:
        known = self._tokens.fingerprint(name) or b""
        return hmac.new(self._secret + known, about.encode("utf-8"), "sha256").hexdigest()
