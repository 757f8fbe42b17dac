"""Choice of the stream of a container that is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from av.stream import Disposition

from humantrack.errors import ConfigError, UnreadableSourceError

_DEFAULT_WORTH = 5_000_000
"""What the default flag counts for, in pixels or channels: FFmpeg's own measure."""

_TEXT_CODECS = frozenset({"ansi", "bintext", "xbin", "idf"})
_PICTURES = ("attached_pic", "timed_thumbnails", "still_image")
"""Flags of video streams that are no video: cover art, thumbnails, the still of an animation."""


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """Numbers of streams, from 0 among those of their kind as ffprobe lists them; None: the best.

    The best is the one FFmpeg takes: the one with the default flag, else the largest picture or
    the most channels, else the first. Cover art and thumbnails are the best of none but theirs.
    """

    video: int | None = None
    audio: int | None = None


def video_stream(container: Any, number: int | None, path: Path) -> Any:
    """The video stream to read.

    Raises:
        ConfigError: if there is none of this number.
        UnreadableSourceError: if there is none at all, or none with a decoder.
    """
    every = list(container.streams.video)
    if number is not None:
        stream = _numbered(every, number, "video.stream", path)
    else:
        streams = [s for s in every if not _has_flag(s, "attached_pic", "timed_thumbnails")]
        if not streams:
            what = "holds sound but no video" if container.streams.audio else "holds no video"
            raise UnreadableSourceError(what, where=path)
        streams = [s for s in streams if not _is_still(s)] or streams
        streams = [s for s in streams if s.codec_context is not None] or streams
        stream = max(streams, key=lambda s: _worth(s, _pixels))
    if stream.codec_context is None:
        raise UnreadableSourceError("no decoder for this video's codec", where=path)
    if stream.codec_context.name in _TEXT_CODECS:
        raise UnreadableSourceError("a text file, not a video", where=path)
    return stream


def audio_stream(container: Any, number: int | None, path: Path) -> Any | None:
    """The sound to keep; None if the container has none.

    Raises:
        ConfigError: if there is none of this number.
    """
    streams = list(container.streams.audio)
    if number is not None:
        return _numbered(streams, number, "video.audio_stream", path)
    return max(streams, key=lambda s: _worth(s, _channels), default=None)


def number_of(stream: Any) -> int:
    """A stream's number among those of its kind."""
    same = [s.index for s in stream.container.streams if s.type == stream.type]
    return same.index(stream.index)


def _is_still(stream: Any) -> bool:
    """True for a single picture, as an animated AVIF has one beside its frames."""
    return _has_flag(stream, *_PICTURES) or stream.frames == 1


def _numbered(streams: list[Any], number: int, key: str, path: Path) -> Any:
    if 0 <= number < len(streams):
        return streams[number]
    listed = "; ".join(f"{i}: {_description(stream)}" for i, stream in enumerate(streams))
    raise ConfigError(
        f"there is no stream {number} in {path}",
        where=f"{key}={number}",
        hint=f"it has {listed}" if listed else "it has none of this kind",
    )


def _worth(stream: Any, size: Callable[[Any], int]) -> tuple[bool, int]:
    """A stream without a decoder comes last, whatever it claims."""
    codec = stream.codec_context
    return codec is not None, size(codec) + _DEFAULT_WORTH * _has_flag(stream, "default")


def _pixels(codec: Any) -> int:
    return 0 if codec is None else int(codec.width or 0) * int(codec.height or 0)


def _channels(codec: Any) -> int:
    return 0 if codec is None else int(codec.layout.nb_channels)


def _has_flag(stream: Any, *flags: str) -> bool:
    return any(stream.disposition & Disposition[flag] for flag in flags)


def _description(stream: Any) -> str:
    """Codec, size or channels, flags, language and title, in one line."""
    codec = stream.codec_context
    words = ["unknown codec" if codec is None else codec.name]
    if codec is not None:
        is_video = stream.type == "video"
        words.append(f"{codec.width}x{codec.height}" if is_video else f"{_channels(codec)}-channel")
    words += [flag for flag in ("default", *_PICTURES) if _has_flag(stream, flag)]
    words += [str(stream.metadata[k]) for k in ("language", "title") if k in stream.metadata]
    return " ".join(" ".join(words).split())
