"""Fetching a file: whole or not at all, and from where it was broken off."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from pathlib import Path
from typing import Any, BinaryIO

from humantrack.atomic import atomic_write, cannot_write
from humantrack.errors import EmptySourceError, UnreadableSourceError
from humantrack.url import Url
from humantrack.video.links.http import BROKEN, NO_ANSWER, Policy, Reply, open_http

_log = logging.getLogger(__name__)

_PIECE = 1 << 20
_ATTEMPTS = 5
"""In a row in which not a byte more came."""

_TYPES = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/mp2t": ".ts",
    "video/x-msvideo": ".avi",
    "image/jpeg": ".jpg",
    "image/png": ".png",
}


class Download:
    """A file behind an address, and what is there of it.

    Args:
        folder: for it alone.
        url: of the file.
        policy: where the address may lead.
    """

    def __init__(self, folder: Path, url: Url, policy: Policy) -> None:
        self._folder, self._url, self._policy = folder, url, policy
        self._note = folder / "link.json"

    def whole(self) -> Path | None:
        """The file, if it is there whole."""
        name = self._known().get("file")
        path = self._folder / Path(name).name if isinstance(name, str) else None
        size = self._known().get("size")
        is_there = path is not None and path.is_file() and path.stat().st_size == size
        return path if is_there else None

    def ask(self) -> Reply:
        """Ask the server for it; it answers 304 if what is there whole is still what it has."""
        known = self._known() if self.whole() else {}
        headers = {"Accept-Encoding": "identity"}
        if known.get("etag"):
            headers["If-None-Match"] = known["etag"]
        elif known.get("changed"):
            headers["If-Modified-Since"] = known["changed"]
        return open_http(self._url, self._policy, headers)

    def run(self) -> Path:
        """Fetch it, or the rest of it.

        Raises:
            SourceError: if the server does not give it.
            OutputError: if it cannot be stored.
        """
        failures, before = 0, -1
        while True:
            part = self._folder / "fetching.part"
            have = part.stat().st_size if part.exists() else 0
            failures = failures + 1 if have <= before else 0
            before = have
            try:
                return self._attempt(part, have)
            except UnreadableSourceError as error:
                now = part.stat().st_size if part.exists() else 0
                is_broken = error.what in (BROKEN, NO_ANSWER)
                if not is_broken or (now <= have and failures >= _ATTEMPTS) or not now:
                    raise
                _log.warning(f"{error.what} after {now} bytes; going on from there")
                time.sleep(min(2.0**failures / 4, 8.0))

    def _attempt(self, part: Path, have: int) -> Path:
        known = self._known()
        headers = {"Accept-Encoding": "identity"}
        validator = known.get("part_etag") or known.get("part_changed")
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": str(validator)}
        with open_http(self._url, self._policy, headers) as reply:
            goes_on = reply.status == 206 and _starts_at(reply, have)
            if reply.status == 206 and not goes_on:
                part.unlink(missing_ok=True)
                raise UnreadableSourceError(BROKEN, where=self._url)
            expected = None if reply.length is None else reply.length + (have if goes_on else 0)
            self._remember(
                {"part_etag": _strong(reply), "part_changed": reply.headers.get("Last-Modified")}
            )
            try:
                with part.open("ab" if goes_on else "wb") as file:
                    self._copy(reply, file)
                size = part.stat().st_size
                if expected is not None and size < expected:
                    raise UnreadableSourceError(BROKEN, where=self._url)
                if not size:
                    raise EmptySourceError("the server sends an empty file", where=self._url)
                path = self._folder / self._file_name(reply)
                part.replace(path)
            except OSError as error:
                raise cannot_write(part, error) from error
            facts = {
                "file": path.name,
                "size": size,
                "etag": reply.headers.get("ETag"),
                "changed": reply.headers.get("Last-Modified"),
                "address": str(self._url),
            }
        self._remember(facts, keep=False)
        return path

    def _copy(self, reply: Reply, file: BinaryIO) -> None:
        told, done = time.monotonic(), file.tell()
        while some := reply.read(_PIECE):
            file.write(some)
            done += len(some)
            if time.monotonic() - told > 5:
                told = time.monotonic()
                _log.info(f"fetching {self._url}: {done / 1e6:.0f} MB")

    def _file_name(self, reply: Reply) -> str:
        name = self._url.name
        stem, dot, ending = name.rpartition(".")
        if dot and stem and ending.isalnum() and len(ending) <= 5:
            return name
        return name + _TYPES.get(reply.content_type, ".mp4")

    def _known(self) -> dict[str, Any]:
        try:
            content = json.loads(self._note.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _remember(self, facts: dict[str, Any], *, keep: bool = True) -> None:
        with contextlib.suppress(FileNotFoundError), atomic_write(self._note) as file:
            file.write(json.dumps({**(self._known() if keep else {}), **facts}).encode())


def _strong(reply: Reply) -> str | None:
    tag = reply.headers.get("ETag")
    return None if tag is None or tag.startswith("W/") else tag


def _starts_at(reply: Reply, have: int) -> bool:
    return (reply.headers.get("Content-Range") or "").replace(" ", "").startswith(f"bytes{have}-")
