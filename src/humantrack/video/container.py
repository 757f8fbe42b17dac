"""Opening a video with PyAV, and decoding past damage."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import av.error

from humantrack.errors import (
    EmptySourceError,
    SourceError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from humantrack.video.complaints import counted, listening
from humantrack.video.problems import Problems

Frames = Generator[av.VideoFrame, None, None]
"""Decoded pictures; to be closed, so that the decoder is at rest when it is freed."""

_FALLBACK_FPS = Fraction(30)
_HIGHEST_FPS = 1000
_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
INDEXED_FORMATS = ("mov", "matroska")
"""Beginnings of FFmpeg's names of containers with exact timestamps and an index to seek by."""

MOST_PIXELS = 2**27
"""Of a picture (16K video has this many); a damaged header that asks for more gets no memory."""

_MOST_FAILURES = 64
"""Attempts in a row to read on behind damage."""

_TAGS_IN_ANY_ENCODING: dict[str, Any] = (
    {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
)
"""PyAV 19 reads tags in any encoding; those before fail on what is not UTF-8 unless told."""

_LISTS = frozenset({"hls", "concat", "dash", "imf", "webm_dash_manifest"})
"""FFmpeg's names of formats that are not a video but name files to read."""


@contextmanager
def open_video(path: Path, problems: Problems | None = None) -> Iterator[tuple[Any, Any]]:
    """A PyAV container and its first video stream.

    Args:
        path: a file.
        problems: counts what FFmpeg complains about while opening.

    Raises:
        UnreadableSourceError: if there is none.
        SourceNotFoundError: if the file is gone.
    """
    with listening():
        with counted(Problems() if problems is None else problems):
            container = open_container(path)
        with container:
            yield container, _video_stream(container, path)


def open_container(path: Path) -> Any:
    """A PyAV container for reading a file, whatever its name looks like to FFmpeg.

    Raises:
        UnreadableSourceError: if it is none.
        SourceNotFoundError: if the file is gone.
    """
    try:
        container = av.open(
            f"file:{path}",  # else "12:30.mp4" has the protocol "12", and "pipe:0" is stdin
            **_TAGS_IN_ANY_ENCODING,
            options={"protocol_whitelist": "file", "format_whitelist": _formats()},
        )
    except (av.error.FFmpegError, OSError) as error:
        raise _unreadable(path, error) from error
    return container


@cache
def _formats() -> str:
    """What may be opened: everything but lists of other files, which anyone could name in one."""
    return ",".join(sorted(av.formats_available - _LISTS))


def _video_stream(container: Any, path: Path) -> Any:
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        what = "holds sound but no video" if container.streams.audio else "holds no video"
        raise UnreadableSourceError(what, where=path)
    stream = streams[0]
    if stream.codec_context is None:
        raise UnreadableSourceError("no decoder for this video's codec", where=path)
    if stream.codec_context.name in _TEXT_CODECS:
        raise UnreadableSourceError("a text file, not a video", where=path)
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def decoded(
    container: Any,
    stream: Any,
    problems: Problems,
    *,
    damage: Problems | None = None,
    told: Callable[[Any], None] = lambda packet: None,
) -> Frames:
    """All frames from where the container stands; what is damaged is counted and passed over.

    Args:
        container: from :func:`open_video`.
        stream: its video stream.
        problems: of the file.
        damage: of the pictures; None counts it with the problems.
        told: hears of each packet before it is decoded.
    """
    damage = problems if damage is None else damage
    decoder = stream.codec_context
    if not _is_open(decoder, damage):
        return
    try:
        for packet in _packets(container, stream, problems):
            told(packet)
            yield from _frames_of(packet, decoder, damage)
        yield from _frames_of(None, decoder, damage)
    finally:
        with counted(damage, decoder.name):  # its threads must be at rest before it is freed
            decoder.flush_buffers()


def _is_open(decoder: Any, damage: Problems) -> bool:
    """Open a decoder; False if it cannot be.

    PyAV would do it with the first packet, and after a failure use what is no decoder any more:
    version 19 then crashes.
    """
    with counted(damage, decoder.name):
        try:
            decoder.open(strict=False)
        except av.error.FFmpegError as error:
            _count(error, damage)
            return False
    return True


def _frames_of(packet: Any, decoder: Any, damage: Problems) -> list[av.VideoFrame]:
    """What a packet completes, or for None all that is left inside the decoder."""
    frames: list[av.VideoFrame] = []
    with counted(damage, decoder.name):
        try:
            frames = decoder.decode(packet)
        except av.error.EOFError:
            pass
        except av.error.FFmpegError as error:
            _count(error, damage)
    for frame in frames:
        if frame.is_corrupt:
            damage.add(f"damaged frame at {frame.time} s of the container's clock")
    return frames


def first_frame(container: Any, stream: Any, path: Path) -> av.VideoFrame:
    """The first frame that decodes.

    Raises:
        EmptySourceError: if there is none.
    """
    problems = Problems()
    for frame in decoded(container, stream, problems):
        return frame
    raise EmptySourceError(
        "not one frame of the video can be decoded",
        where=path,
        hint=problems.messages[0] if problems.messages else "the file may have been cut short",
    )


def frame_rate(stream: Any) -> Fraction:
    """Average frames per second, or the container's guess where that makes no sense."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _HIGHEST_FPS:
            return Fraction(rate)
    return _FALLBACK_FPS


def is_cut_avi(path: Path) -> bool:
    """True for an AVI whose first RIFF chunk goes on behind the end of the file."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            size = file.seek(0, os.SEEK_END)
    except OSError:  # the file is gone meanwhile
        return False
    return head[:4] == b"RIFF" and size < 8 + int.from_bytes(head[4:], "little")


def _packets(container: Any, stream: Any, problems: Problems) -> Iterator[Any]:
    failures = 0
    demuxer = container.demux(stream)
    while failures < _MOST_FAILURES:
        with counted(problems):
            try:
                packet = next(demuxer, None)
            except av.error.FFmpegError as error:
                _count(error, problems)
                failures += 1
                demuxer = container.demux(stream)  # goes on behind what could not be read
                continue
        if packet is None or packet.size == 0:  # PyAV ends with an empty packet
            return
        failures = 0
        yield packet


def _count(error: av.error.FFmpegError, problems: Problems) -> None:
    """Also when memory is refused, which a damaged size asks for and a frame never needs."""
    problems.add(error.strerror or str(error))


def _is_cover(stream: Any) -> bool:
    """True for the cover art of a music file, a video stream of one picture."""
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and "attached_pic" in str(disposition)


def _unreadable(path: Path, error: Exception) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceNotFoundError("the video is gone", where=path)
    if isinstance(error, PermissionError):
        return UnreadableSourceError("no permission to read the video", where=path)
    if isinstance(error, av.error.ArgumentError):
        return UnreadableSourceError("not a video, or a list of other files", where=path)
    return UnreadableSourceError(
        "not a video that can be opened",
        where=path,
        hint="if a player shows it, re-encode it; a recording that was cut off may lack its index"
        if isinstance(error, av.error.InvalidDataError)
        else str(error),
    )
