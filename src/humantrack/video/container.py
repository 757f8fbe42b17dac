"""Opening a video with PyAV, and decoding past damage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from humantrack.errors import EmptySourceError, UnreadableSourceError
from humantrack.video.problems import Problems

_FALLBACK_FPS = Fraction(30)
_HIGHEST_FPS = 1000
_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
INDEXED_FORMATS = ("mov", "matroska")
"""Beginnings of FFmpeg's names of containers with exact timestamps and an index to seek by."""

_MOST_THREADS = 64
"""Frames that may still be inside the decoder when the packets end."""


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """A PyAV container and its first video stream.

    Raises:
        UnreadableSourceError: if there is none.
    """
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError) as error:
        raise _unreadable(path, error) from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams:
            what = "holds sound but no video" if container.streams.audio else "holds no video"
            raise UnreadableSourceError(what, where=path)
        stream = streams[0]
        if stream.codec_context is None:
            raise UnreadableSourceError("no decoder for this video's codec", where=path)
        if stream.codec_context.name in _TEXT_CODECS:
            raise UnreadableSourceError("a text file, not a video", where=path)
        yield container, stream


def decoded(container: Any, stream: Any, problems: Problems) -> Iterator[av.VideoFrame]:
    """All frames from where the container stands; damage is counted and passed over."""
    packets = 0
    for packet in _packets(container, stream, problems):
        packets += 1
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            _count(error, problems)
            continue
        yield from _checked(frames, problems)
    for _ in range(_MOST_THREADS):  # an error while draining loses one frame, not the rest
        try:
            frames = stream.codec_context.decode(None)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            _count(error, problems)
            continue
        yield from _checked(frames, problems)
        return


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


def _packets(container: Any, stream: Any, problems: Problems) -> Iterator[Any]:
    demuxer = container.demux(stream)
    while True:
        try:
            packet = next(demuxer, None)
        except av.error.FFmpegError as error:
            _count(error, problems)
            return
        if packet is None or packet.size == 0:  # PyAV ends with an empty packet
            return
        yield packet


def _checked(frames: list[Any], problems: Problems) -> Iterator[av.VideoFrame]:
    for frame in frames:
        if frame.is_corrupt:
            problems.add(f"damaged frame at {frame.time} s of the container's clock")
        yield frame


def _count(error: av.error.FFmpegError, problems: Problems) -> None:
    if isinstance(error, MemoryError):
        raise error
    problems.add(str(error))


def _is_cover(stream: Any) -> bool:
    """True for the cover art of a music file, a video stream of one picture."""
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and "attached_pic" in str(disposition)


def _unreadable(path: Path, error: Exception) -> UnreadableSourceError:
    if isinstance(error, PermissionError):
        return UnreadableSourceError("no permission to read the video", where=path)
    return UnreadableSourceError(
        "not a video that can be opened",
        where=path,
        hint="if a player shows it, re-encode it; a recording that was cut off may lack its index"
        if isinstance(error, av.error.InvalidDataError)
        else str(error),
    )
