"""Pages of video sites, through yt-dlp (extra ``url``)."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from humantrack.errors import DependencyError, UnreadableSourceError
from humantrack.extras import missing
from humantrack.url import Url, redacted

_SITES = re.compile(r"(^|\.)(youtube\.com|youtu\.be|youtube-nocookie\.com|vimeo\.com)$")
"""Whose pages are not asked for anything before yt-dlp is: they redirect to other hosts."""

_log = logging.getLogger(__name__)

_FORMAT = "b[ext=mp4]/bv*[ext=mp4]/b/bv*"
"""One file, that needs no program to be put together: with sound if there is such a one."""


def is_known_site(url: Url) -> bool:
    """True for sites of which every address is a page."""
    return _SITES.search(url.host) is not None


def fetch_page(url: Url, folder: Path) -> Path:
    """The video of a page, in the folder; fetched once.

    Raises:
        DependencyError: if yt-dlp is not installed.
        UnreadableSourceError: if it finds no video, or none that it can fetch.
    """
    if missing("yt_dlp"):
        raise DependencyError(
            f"{url} is a page, and finding its video needs yt-dlp, which is not installed",
            hint='run pip install "humantrack[url]"',
        )
    import yt_dlp

    options: dict[str, Any] = {
        "format": _FORMAT,
        "noplaylist": True,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Quiet(),
        "paths": {"home": str(folder)},
        "outtmpl": {"default": "%(id).80B.%(ext)s"},
        "overwrites": False,
        "continuedl": True,
        "socket_timeout": 20,
        "retries": 5,
    }
    try:
        with yt_dlp.YoutubeDL(options) as loader:
            found = loader.extract_info(url.whole, download=True)
            if found and found.get("_type") == "playlist":
                found = next(iter(found.get("entries") or []), None)
            path = Path(loader.prepare_filename(found)) if found else None
            for one in (found or {}).get("requested_downloads") or []:
                path = Path(one["filepath"]) if one.get("filepath") else path
    except yt_dlp.utils.YoutubeDLError as error:
        line = re.sub(r"\x1b\[[0-9;]*m", "", redacted(str(error))).removeprefix("ERROR: ")
        raise UnreadableSourceError(
            "yt-dlp cannot fetch this page's video",
            where=url,
            hint=f"{line.splitlines()[0] if line else 'it says nothing'}"
            "; YouTube needs a JavaScript runtime (pip install deno) and a yt-dlp of today",
        ) from None
    if path is None or not path.is_file():
        raise UnreadableSourceError("no video on this page", where=url)
    return path


class _Quiet:
    """Takes yt-dlp's log."""

    def debug(self, text: str) -> None:
        _log.debug(redacted(text))

    info = warning = debug

    def error(self, text: str) -> None:
        """Raised as well, and told then."""
