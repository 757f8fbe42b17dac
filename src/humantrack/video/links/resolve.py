"""What an address means: a file to be fetched, a list of pieces, a page, or an endless stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from humantrack.atomic import cannot_write
from humantrack.claims import Claim, HeldError
from humantrack.errors import ConfigError, SourceError, UnreadableSourceError
from humantrack.url import Url
from humantrack.video.links.download import Download
from humantrack.video.links.hls import fetch_pieces, is_finite, is_playlist
from humantrack.video.links.http import (
    BROKEN,
    NO_ANSWER,
    Policy,
    Reply,
    SlowServerError,
    open_http,
)
from humantrack.video.links.pages import fetch_page, is_known_site

_log = logging.getLogger(__name__)

STREAMS = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "tcp"})
"""Schemes of what has no end and no length."""

_ENDLESS = frozenset({"multipart/x-mixed-replace", "video/mp2t", "video/x-flv"})
"""What a server calls a stream, if it says no length."""


@dataclass(frozen=True, kw_only=True)
class LinkOptions:
    """What may be followed, and where fetched files are kept."""

    folder: Path = Path("outputs/_LINKS")
    policy: Policy = field(default_factory=Policy)


def resolve(url: Url, options: LinkOptions) -> Path | None:
    """The file of a finite video, fetched; None if the address is that of an endless stream.

    What was fetched before is fetched again only if the server has another one by now.

    Raises:
        SourceError: if there is no video, or the server cannot be used.
        DependencyError: if it is a page that only yt-dlp can read, which is not installed.
        OutputError: if it cannot be stored.
    """
    if url.is_incomplete:
        raise ConfigError(
            "the address lacks its password, which is never stored", where=url, hint="give it again"
        )
    if url.scheme in STREAMS:
        return None
    if url.scheme not in ("http", "https"):
        known = ", ".join(sorted({"http", "https", *STREAMS}))
        raise UnreadableSourceError(
            "this kind of address is not read", where=url, hint=f"known are {known}"
        )
    folder = options.folder / url.digest
    return _page(url, folder) if is_known_site(url) else _fetched(url, folder, options.policy)


def is_endless(url: Url, policy: Policy) -> bool:
    """Whether an address is that of a live source; nothing is fetched.

    Raises:
        SourceError: if the server cannot be asked, or leads where it may not.
    """
    if url.scheme in STREAMS:
        return True
    with open_http(url, policy) as reply:
        kind = _kind(reply)
        return kind == "endless" or (kind == "list" and not is_finite(url, reply, policy))


def _fetched(url: Url, folder: Path, policy: Policy) -> Path | None:
    download = Download(folder, url, policy)
    try:
        reply = download.ask()
    except SourceError as error:
        whole = download.whole()
        if whole is None or _is_final(error):
            raise
        _log.warning(f"{error}; using what was fetched before, {whole}")
        return whole
    with reply:
        kind = "known" if reply.status == 304 else _kind(reply)
        if kind == "list" and not is_finite(url, reply, policy):
            kind = "endless"
    if kind == "page":
        return _page(url, folder)
    if kind == "list":
        with _held(folder):
            return fetch_pieces(url, folder, policy)
    if kind == "file":
        with _held(folder):
            return download.run()
    return download.whole() if kind == "known" else None


def _page(url: Url, folder: Path) -> Path:
    with _held(folder):
        return fetch_page(url, folder)


def _is_final(error: SourceError) -> bool:
    """True if the server, or the policy, has said no; False if it could not be asked."""
    return not isinstance(error, SlowServerError) and error.what not in (NO_ANSWER, BROKEN)


def _kind(reply: Reply) -> str:
    head = reply.peek(512)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if is_playlist(head):
        return "list"
    if reply.content_type in ("text/html", "application/xhtml+xml") or start.startswith(
        (b"<!doctype html", b"<html")
    ):
        return "page"
    is_mpegts = len(head) > 188 and head[0:1] == head[188:189] == b"G"
    if reply.length is None and (is_mpegts or reply.content_type in _ENDLESS):
        return "endless"
    return "file"


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder against other runs that fetch the same; waits for one that does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    told = False
    while True:
        try:
            with Claim(folder / ".claim", lost_after_s=60.0, note="", on_lost=lambda: None):
                yield
                return
        except HeldError:
            if not told:
                _log.warning(f"another run is fetching into {folder}; waiting until it ends")
            told = True
            time.sleep(0.5)
