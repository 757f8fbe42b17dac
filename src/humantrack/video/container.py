"""Opening a video with PyAV, and decoding past damage."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
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
from humantrack.video.decode_errors import Problems
from humantrack.video.ffmpeg_log import counted, listening
from humantrack.video.streams import video_stream

Frames = Generator[av.VideoFrame, None, None]
"""Decoded pictures; to be closed, so that the decoder is at rest when it is freed."""

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
def open_video(
    path: Path, problems: Problems | None = None, *, number: int | None = None
) -> Iterator[tuple[Any, Any]]:
    """A PyAV container and one of its video streams.

    Args:
        path: a file.
        problems: counts the errors that FFmpeg logs while opening.
        number: of the stream; None takes the best (see ``StreamChoice``).

    Raises:
        UnreadableSourceError: if there is none.
        ConfigError: if there is none of this number.
        SourceNotFoundError: if the file is gone.
    """
    with listening():
        with counted(Problems() if problems is None else problems):
            container = open_container(path)
        with container:
            stream = video_stream(container, number, path)
            stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
            yield container, stream


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


def own_formats() -> str:
    """FFmpeg's names of the formats that are a video and no list, with commas between."""
    return _formats()


def decoded(
    container: Any,
    stream: Any,
    problems: Problems,
    *,
    damage: Problems | None = None,
    told: Callable[[Any], None] = lambda packet: None,
    is_lost: Callable[[Exception], bool] = lambda error: False,
) -> Frames:
    """All frames from where the container stands; what is damaged is counted and passed over.

    Args:
        container: from :func:`open_video`.
        stream: its video stream.
        problems: of the file.
        damage: of the pictures; None counts it with the problems.
        told: called with each packet before it is decoded.
        is_lost: whether an error of reading is raised rather than passed over.
    """
    damage = problems if damage is None else damage
    decoder = stream.codec_context
    if not _is_open(decoder, damage):
        return
    lost = None
    try:
        try:
            for packet in _packets(container, stream, problems, is_lost):
                told(packet)
                yield from _frames_of(packet, decoder, damage)
        except av.error.FFmpegError as error:
            lost = error
        yield from _frames_of(None, decoder, damage)
        if lost is not None:
            raise lost
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


def has_several_packets(path: Path) -> bool:
    """True if the video stream holds more than one packet.

    Raises:
        SourceError: if the file is not a video.
    """
    with open_video(path) as (container, stream):
        return len(list(islice(_packets(container, stream, Problems()), 2))) > 1


def holds_a_picture(path: Path) -> bool:
    """True if FFmpeg takes the file for a picture, not for a video.

    Raises:
        SourceError: if it takes it for neither.
    """
    with open_container(path) as container:
        name = str(container.format.name)
    return name.endswith("_pipe") or name in ("apng", "gif", "image2")


def _packets(
    container: Any,
    stream: Any,
    problems: Problems,
    is_lost: Callable[[Exception], bool] = lambda error: False,
) -> Iterator[Any]:
    failures = 0
    demuxer = container.demux(stream)
    while failures < _MOST_FAILURES:
        with counted(problems):
            try:
                packet = next(demuxer, None)
            except av.error.FFmpegError as error:
                if is_lost(error):
                    raise
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


def _unreadable(path: Path, error: Exception) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceNotFoundError("the video is gone", where=path)
    if isinstance(error, PermissionError):
        return UnreadableSourceError("no permission to read the video", where=path)
    if _is_empty(path):
        hint = "copy or download it again"
        return UnreadableSourceError("the file is empty", where=path, hint=hint)
    if isinstance(error, av.error.ArgumentError):
        return UnreadableSourceError("not a video, or a list of other files", where=path)
    return UnreadableSourceError(
        "not a video that can be opened",
        where=path,
        hint="if a player shows it, re-encode it; a recording that was cut off may lack its index"
        if isinstance(error, av.error.InvalidDataError)
        else str(error),
    )


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
