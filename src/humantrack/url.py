"""Sources that are no paths, and how the secrets of addresses are kept out of what is written.

A configuration, a log line, a file name and an error hold an address without its secrets, with
``***`` in their place (:func:`concealed`). Only who opens the connection asks for them
(:attr:`Url.whole`); they are kept in this process alone and written nowhere.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

CAMERA = "camera:"
"""What a camera's number or name stands behind."""

MARK = "***"
"""Stands where something secret was; a second secret of the same address has ``***2``."""

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/{2,}[^\s'\"<>|\\^`]+")
_USER = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+:/{2,})([^/?#]*)@")
_VALUE = re.compile(r"([?&;,/_#]|%26|%3F)([\w.\[\]-]+?)(=|%3D)([^&;#]+)", re.IGNORECASE)
"""A named value of a query, a fragment or, as in some cameras, a path."""

_SECRET = re.compile(
    r"pass|pwd|token|secret|auth|credential|session|policy|jwt|bearer|hdnea|hdnts|streamid"
    r"|(^|[^a-z])sig([^a-z]|$)|signature|(^|[^a-z]|access|api|stream)key([^a-z]|$)"
    r"|key-pair|^(user|username|login|usr)$",
    re.IGNORECASE,
)
"""What names of secret values hold."""

_lock = threading.Lock()
_secrets: dict[str, str] = {}
"""Whole addresses by what is shown of them."""

_called: dict[str, str] = {}
"""Names by the whole addresses that are known by them just now."""


@dataclass(frozen=True, repr=False)
class Url:
    """An address; printed, compared and stored it has no secrets."""

    shown: str
    """Without what is secret."""

    @staticmethod
    def of(text: str) -> Url:
        """Of an address as typed, or of one that was concealed before."""
        return Url(concealed(text))

    @property
    def whole(self) -> str:
        """With its secrets, for who opens the connection and nobody else."""
        return _secrets.get(self.shown, self.shown)

    @property
    def is_incomplete(self) -> bool:
        """True if its secrets were concealed in another process, which kept them."""
        return MARK in self.shown and self.shown not in _secrets

    @property
    def scheme(self) -> str:
        """In lower case."""
        return self.shown.partition(":")[0].lower()

    @property
    def host(self) -> str:
        """Its host, in lower case; empty if there is none."""
        try:
            return (urlsplit(self.shown).hostname or "").lower()
        except ValueError:
            return ""

    @property
    def name(self) -> str:
        """A short name for files: the last part of the path, or the host."""
        try:
            path = urlsplit(self.shown).path
        except ValueError:
            path = ""
        last = unquote(path.rstrip("/").rpartition("/")[2])
        name = re.sub(r"[^\w.() -]+", "_", last.replace(MARK, "")).strip("_. ")
        return name or re.sub(r"[^\w.-]+", "_", self.host).strip("_.") or "stream"

    @property
    def digest(self) -> str:
        """Eight hex digits that tell nothing of the secrets."""
        return hashlib.sha256(self.shown.encode()).hexdigest()[:8]

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Url({self.shown!r})"


def is_address(text: object) -> bool:
    """True for ``scheme://...``, which no file is called."""
    return isinstance(text, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/{2,}", text) is not None


def is_camera(source: object) -> bool:
    """True for ``camera:0`` and ``camera:NAME``."""
    return isinstance(source, str) and source.lower().startswith(CAMERA)


def is_elsewhere(source: object) -> bool:
    """True for an address, and for a camera unless a file is called so."""
    return is_address(source) or (is_camera(source) and not os.path.exists(str(source)))  # noqa: PTH110 - pathlib's raises


def never_ends(source: str) -> bool:
    """True for a camera or a stream as its address says; one over http may be either."""
    return is_elsewhere(source) and Url.of(source).scheme not in ("http", "https")


def redacted(text: str) -> str:
    """A text with the secrets of all addresses in it struck out, for good."""
    for address, name in list(_called.items()):
        text = without_place(text, address, name)
    if ":/" not in text:
        return text
    return _ADDRESS.sub(lambda found: _struck(found[0], MARK), text)


def concealed(text: str) -> str:
    """A text with the secrets of all addresses in it put aside; :attr:`Url.whole` has them."""
    if ":/" not in text:
        return text
    return _ADDRESS.sub(lambda found: _put_aside(found[0]), text)


@contextmanager
def called(address: str, name: str) -> Iterator[str]:
    """Know an address by a name for a while: neither its secrets nor its place are shown anywhere.

    Args:
        address: whole.
        name: letters, digits, ``-`` and ``_``.

    Yields:
        What to show in its place, its scheme and the name; :attr:`Url.whole` has the address.
    """
    shown = f"{address.partition(':')[0].lower()}://{name}"
    with _lock:
        _secrets[shown] = address
        _called[address] = name
    try:
        yield shown
    finally:
        with _lock:
            _secrets.pop(shown, None)
            _called.pop(address, None)


def without_place(text: str, address: str, name: str) -> str:
    """A text that tells a name in place of an address, and of its host."""
    try:
        parts = urlsplit(address)
        places = [address, parts.netloc.rpartition("@")[2], parts.hostname or ""]
    except ValueError:
        places = [address]
    for place in filter(None, places):
        text = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w-])", name, text)
    return text


def _put_aside(address: str) -> str:
    shown = _struck(address, MARK)
    if shown == address:
        return address
    with _lock:
        for number in range(2, 1000):
            if _secrets.setdefault(shown, address) == address:
                return shown
            shown = _struck(address, f"{MARK}{number}")
    return _struck(address, MARK)


def _struck(address: str, mark: str) -> str:
    if not re.search(r"@|=|%3D", address, re.IGNORECASE):
        return address
    found = _USER.match(address)
    if found and not re.fullmatch(r"\*\*\*\d*", found[2]):
        address = f"{found[1]}{mark}@{address[found.end() :]}"

    def value(match: re.Match[str]) -> str:
        if not _SECRET.search(match[2]) or re.fullmatch(r"\*\*\*\d*", match[4]):
            return match[0]
        return f"{match[1]}{match[2]}{match[3]}{mark}"

    return _VALUE.sub(value, address)
