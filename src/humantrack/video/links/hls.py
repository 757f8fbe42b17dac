"""HTTP live streaming: a playlist that names pieces of a video, all read through ``open_http``."""

from __future__ import annotations

import errno
import re
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error

from humantrack.atomic import cannot_write
from humantrack.errors import SourceError, UnreadableSourceError
from humantrack.url import Url
from humantrack.video.decode_errors import Problems
from humantrack.video.ffmpeg_log import counted, listening
from humantrack.video.links.http import Policy, Reply, check_place, open_http, whole_of
from humantrack.video.streams import audio_stream, video_stream

_LONGEST = 8 << 20
"""Bytes of a playlist."""


def is_playlist(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U")


def is_finite(url: Url, reply: Reply, policy: Policy) -> bool:
    """Whether a playlist, or the first one that it names, says where it ends."""
    text, base = _text(url, reply), reply.address
    if "#EXT-X-STREAM-INF" not in text:
        return "#EXT-X-ENDLIST" in text
    named = re.search(r"^#EXT-X-STREAM-INF[^\n]*\n\s*([^#\s][^\n]*)", text, re.MULTILINE)
    if named is None:
        raise UnreadableSourceError("a playlist that names nothing", where=url)
    address = whole_of(named[1].strip(), base)
    check_place(address, url, policy)
    with open_http(Url.of(address), policy, within=url) as inner:
        return "#EXT-X-ENDLIST" in _text(url, inner)


def _text(url: Url, reply: Reply) -> str:
    found = b""
    while some := reply.read(1 << 16):
        found += some
        if len(found) > _LONGEST:
            raise UnreadableSourceError("a playlist without an end", where=url)
    return found.decode("utf-8", "replace").replace("\r\n", "\n")


class Opener:
    """What FFmpeg opens files with while it reads a playlist: only what the policy allows.

    Args:
        url: of the playlist.
        policy: where it may lead.
    """

    def __init__(self, url: Url, policy: Policy) -> None:
        self._url, self._policy = url, policy
        self.refused: SourceError | None = None
        """Why the last file was not opened."""

        self._open: set[Reply] = set()

    def __call__(self, address: str, flags: int, options: dict[str, str]) -> Any:
        """As PyAV wants it."""
        headers = {}
        start, end = options.get("offset", "0"), options.get("end_offset", "0")
        if start != "0" or end != "0":
            last = str(int(end) - 1) if end != "0" else ""
            headers["Range"] = f"bytes={start}-{last}"
        try:
            check_place(address, self._url, self._policy)
            reply = open_http(Url.of(address), self._policy, headers, within=self._url)
        except SourceError as error:
            self.refused = error
            raise
        self._open.add(reply)
        return _File(reply, self)

    def left(self, reply: Reply) -> None:
        """A file is read to where FFmpeg wants it."""
        reply.close()
        self._open.discard(reply)

    def close(self) -> None:
        """Close what FFmpeg left open, as it does after an error."""
        for reply in list(self._open):
            self.left(reply)


class _File:
    """A reply as a file that is read once."""

    def __init__(self, reply: Reply, opener: Opener) -> None:
        self._reply, self._opener = reply, opener

    def read(self, size: int) -> bytes:
        try:
            return self._reply.read(size)
        except SourceError as error:
            self._opener.refused = error
            raise

    def close(self) -> None:
        self._opener.left(self._reply)


def open_playlist(url: Url, opener: Opener) -> Any:
    """A PyAV container that reads the pieces.

    Raises:
        SourceError: if it cannot be read, or names what it may not.
    """
    start = url.whole.partition("#")[0]
    address = re.sub(r"^(https?://)[^/?]*@", r"\1", start, flags=re.IGNORECASE)
    try:
        return av.open(
            address,
            format="hls",
            io_open=opener,
            metadata_errors="ignore",
            options={
                "protocol_whitelist": "http,https,crypto",
                "http_persistent": "0",
                "http_multiple": "0",
                "allowed_extensions": "ALL",
                "max_reload": "10",
            },
        )
    except SourceError:
        raise
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise opener.refused or UnreadableSourceError(
            "not a playlist that can be read",
            where=url,
            hint="it may name other than web addresses",
        ) from error


def fetch_pieces(url: Url, folder: Path, policy: Policy) -> Path:
    """Put the pieces of a finite playlist together in one file, without decoding them.

    Raises:
        SourceError: if they cannot all be read.
        OutputError: if the file cannot be written.
    """
    stem = url.name.rpartition(".")[0] or url.name
    failure: Exception | None = None
    for ending in ("mp4", "matroska"):
        part = folder / f"fetching.{ending}.part"
        path = folder / f"{stem}.{'mp4' if ending == 'mp4' else 'mkv'}"
        try:
            with listening(), counted(Problems()):
                _join(url, part, ending, policy)
            part.replace(path)
        except SourceError:
            part.unlink(missing_ok=True)
            raise
        except (av.error.FFmpegError, ValueError) as error:  # a codec that mp4 has no place for
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise cannot_write(part, cast("OSError", error)) from error
            failure = error
            part.unlink(missing_ok=True)
            continue
        except OSError as error:
            raise cannot_write(part, error) from error
        return path
    raise UnreadableSourceError("its pieces cannot be joined", where=url) from failure


def _join(url: Url, part: Path, kind: str, policy: Policy) -> None:
    opener = Opener(url, policy)
    with (
        closing(opener),
        open_playlist(url, opener) as source,
        av.open(f"file:{part}", "w", format=kind) as target,
    ):
        picture = video_stream(source, None, Path(str(url)))
        sound = audio_stream(source, None, Path(str(url)))
        wanted = [s for s in (picture, sound) if s is not None]
        outs = {s.index: target.add_stream_from_template(s) for s in wanted}
        shifts = {s.index: _Shift() for s in wanted}
        for packet in source.demux(wanted):
            if packet.dts is None:
                continue
            shifts[packet.stream.index].apply(packet)
            packet.stream = outs[packet.stream.index]
            target.mux(packet)
    if opener.refused is not None:
        raise opener.refused


class _Shift:
    """Lets the clock of a stream run on where a piece sets it back."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._step, self._shift = 1, 0

    def apply(self, packet: Any) -> None:
        dts = packet.dts + self._shift
        if self._last is not None and dts <= self._last:
            self._shift += self._last + self._step - dts
            dts = self._last + self._step
        elif self._last is not None:
            self._step = max(1, int(Fraction(packet.duration or dts - self._last)))
        packet.pts = None if packet.pts is None else packet.pts + self._shift
        packet.dts = self._last = dts
