"""open_source: a video file, a folder, a glob or a list of images as an iterator of frames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

from humantrack.errors import (
    ConfigError,
    EmptySourceError,
    SourceError,
)
from humantrack.fingerprint import clip_name
from humantrack.types import Frame, SourceInfo
from humantrack.url import is_elsewhere
from humantrack.video.animation import AnimationReader, Pages, TiffPages, WebpPages
from humantrack.video.container import has_several_packets
from humantrack.video.decode_errors import Problems
from humantrack.video.elsewhere import find_elsewhere
from humantrack.video.finding import find_path, images_in, images_matching, listed_images
from humantrack.video.images import (
    DEFAULT_FPS,
    ImageReader,
    begins_a_picture,
    is_image,
)
from humantrack.video.links import LinkOptions
from humantrack.video.live import LiveOptions, LiveReader
from humantrack.video.read_ahead import ReadAhead
from humantrack.video.several import several
from humantrack.video.span import Span
from humantrack.video.streams import StreamChoice
from humantrack.video.video_file import VideoReader

Keys = Literal["name", "phalp"]
_HIGHEST_FPS = 100_000


class Reader(Protocol):
    """A kind of source: says what it is, and yields the frames of a span each time it is asked."""

    info: SourceInfo
    problems: Problems
    paths: Sequence[Path]
    """The files that are read."""

    def frames(self, span: Span) -> Iterator[Frame]:
        """The frames of the span in order, ``index`` from 0."""


class FrameSource(Iterator[Frame]):
    """An opened source: iterate over it once; a context manager that ends its thread.

    Like a file, it goes on where the last loop stopped and yields nothing once closed.

    Raises (while iterating):
        EmptySourceError: if not one frame came out.
    """

    def __init__(self, reader: Reader, span: Span, *, read_ahead: int) -> None:
        self.info = replace(
            reader.info, frame_count=span.count(reader.info.frame_count, reader.info.fps)
        )
        self._reader, self._span = reader, span
        self._depth = read_ahead
        self._pending: Iterator[Frame] | None = _at_least_one(reader, span)
        self._ahead: ReadAhead[Frame] | None = None

    @property
    def paths(self) -> Sequence[Path]:
        """The files that are read."""
        return self._reader.paths

    @property
    def live(self) -> LiveReader | None:
        """What reads a camera or an endless stream; None for all else."""
        return self._reader if isinstance(self._reader, LiveReader) else None

    def read_further_ahead(self, frames: int) -> None:
        """Decode at least so many frames ahead, if any. Of use before the first is taken."""
        if self._depth > 0:
            self._depth = max(self._depth, frames)

    @property
    def decode_errors(self) -> int:
        """Number of the decoder's error messages; whole when the last frame has come."""
        return self._reader.problems.count

    @property
    def is_clean(self) -> bool:
        """True as long as nothing was found wrong, whether it has been counted yet or not."""
        return not self._reader.problems.has_any

    @property
    def decode_messages(self) -> tuple[str, ...]:
        """The first different messages."""
        return tuple(self._reader.problems.messages)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user ought to know of the frames read so far, a line each."""
        problems = self._reader.problems
        lost = () if self.live is None else self.live.warnings
        return (*problems.notes, *lost, *_said_of(problems.count, self.info.kind))

    def __next__(self) -> Frame:
        if self._pending is not None and self._depth > 0:
            self._ahead = ReadAhead(self._pending, self._depth)
            self._pending = None
        frames = self._ahead or self._pending
        if frames is None:
            raise StopIteration
        return next(frames)

    def begin_again(self, source_index: int | None = None) -> None:
        """Yield the frames once more, from this one of the source or from the first asked for.

        Their ``index`` counts from 0 again, and so do the decode errors.
        """
        self.close()
        span = self._span
        if source_index is not None:
            span = replace(span, start_frame=max(source_index, span.start_frame))
        self._reader.problems.clear()
        self._ahead, self._pending = None, _at_least_one(self._reader, span)

    def close(self) -> None:
        """Stop decoding and free the file. May be called more than once."""
        if self._ahead is not None:
            self._ahead.close()
        elif self._pending is not None:
            close = getattr(self._pending, "close", None)
            if close is not None:
                close()
        self._pending = None
        if self.live is not None:
            self.live.close()

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_source(
    source: str | Path | Sequence[str | Path],
    *,
    start_frame: int | None = None,
    end_frame: int | None = None,
    start_time_s: float | None = None,
    end_time_s: float | None = None,
    name: str | None = None,
    keys: Keys = "name",
    fps: float | Fraction | None = None,
    read_ahead: int = 8,
    streams: StreamChoice | None = None,
    links: LinkOptions | None = None,
    live: LiveOptions | None = None,
) -> FrameSource:
    """Open a video file, an address, a camera, a folder or glob of images, or a list of images.

    Images of a folder or glob come in natural order (2 before 10), those of a list as given; they
    may differ in size. Bounds by frame and by time hold together; None and -1 mean "no bound".

    Args:
        source: what to read. ``~`` is expanded.
        start_frame: first frame, counted in the source from 0.
        end_frame: one past the last frame.
        start_time_s: frames before this time, in seconds from the first frame, are left out.
        end_time_s: frames at or after this time are left out.
        name: short name; default the file's name without its last suffix, or the folder's name.
        keys: how frames are called in the results. "name": ``name/000001.jpg``, counted in the
            source, or ``name/file name`` for images. "phalp": PHALP's (path, pts), or an image's
            path as given.
        fps: frames per second of images (default 30); a video has its own.
        read_ahead: frames decoded ahead in a thread; 0 decodes in the caller's.
        streams: which of a video's streams; None takes the best, see :class:`StreamChoice`.
        links: where addresses may lead, and where videos behind them are kept.
        live: how cameras and endless streams are read.

    Raises:
        SourceNotFoundError: no such file or folder, or a glob without a match.
        UnreadableSourceError: not a video or image, or no permission.
        EmptySourceError: no frame in it (or, while iterating, none within the bounds).
        ConfigError: a bound, ``fps`` or ``keys`` is invalid.
    """
    span = Span.of(start_frame, end_frame, start_time_s, end_time_s)
    if keys not in ("name", "phalp"):
        raise ConfigError("keys must be 'name' or 'phalp'", where=keys)
    streams, phalp = streams or StreamChoice(), keys == "phalp"
    if isinstance(source, str) and is_elsewhere(source):
        more = links or LinkOptions(), live or LiveOptions(), streams
        found = find_elsewhere(source, *more, name=name, phalp_keys=phalp)
        if isinstance(found, LiveReader):
            return FrameSource(found, span, read_ahead=0)
        source = found
    reader = _reader(source, name, _rate(fps), phalp_keys=phalp, streams=streams)
    return FrameSource(reader, span, read_ahead=read_ahead)


def is_single_picture(source: str | Path) -> bool:
    """Whether a source is one picture: a file of one, or a folder or glob that holds no other."""
    if isinstance(source, str) and is_elsewhere(source):
        return is_image(Path(source.partition("?")[0]))  # as its name says; it is not fetched yet
    try:
        path, kind = find_path(source)
        if kind != "file":
            matches = images_in(path) if kind == "folder" else images_matching(str(path))
            if len(matches) != 1:
                return False
            path = Path(matches[0])
        return begins_a_picture(path) and not _holds_several(path) and _is_picture(path)
    except (SourceError, OSError):
        return False  # said by whoever opens it


def _reader(
    source: str | Path | Sequence[str | Path],
    name: str | None,
    rate: Fraction,
    *,
    phalp_keys: bool,
    streams: StreamChoice,
) -> Reader:
    """What reads this kind of source; errors as for :func:`open_source`."""

    def images(paths: Sequence[str], path: Path, default_name: str) -> ImageReader:
        return ImageReader(
            paths, path=path, name=name or default_name, fps=rate, phalp_keys=phalp_keys
        )

    def video() -> VideoReader:
        return VideoReader(
            path, name=name or clip_name(path), phalp_keys=phalp_keys, streams=streams
        )

    if not isinstance(source, str | Path):
        listed = [str(item) for item in source]
        path = listed_images(listed)
        return images(listed, path, _folder_name(path.parent))
    path, kind = find_path(source)
    if kind != "file":
        matches = images_in(path) if kind == "folder" else images_matching(str(path))
        first = Path(matches[0])
        folder, shown = (path, path) if kind == "folder" else (first.parent, first)
        if kind == "folder" or len(matches) > 1 or not _holds_several(first):
            return images(matches, shown, _folder_name(folder))
        path = first
    pages = _pages(path, rate)
    if pages is not None:
        return AnimationReader(path, pages, name=name or clip_name(path), phalp_keys=phalp_keys)
    if _is_picture(path):
        try:
            return images([str(path)], path, clip_name(path))
        except EmptySourceError as error:
            with suppress(SourceError):  # a video with the ending of an image
                return video()
            raise error
    return video()


def _pages(path: Path, rate: Fraction) -> Pages | None:
    """What reads a file of several pictures that FFmpeg does not read whole."""
    with suppress(OSError):  # said by whoever opens it next
        found = several(path)
        if found == "webp":
            return WebpPages(path)
        if found == "tiff":
            return TiffPages(path, rate)
    return None


def _holds_several(path: Path) -> bool:
    """True for an animation, or a document of several pages."""
    with suppress(OSError):
        return several(path) in ("webp", "tiff") or _is_animation(path)
    return False


def _is_picture(path: Path) -> bool:
    """True for a picture by its ending, or by its content where the ending is another's."""
    if is_image(path):
        return not _is_animation(path)
    with suppress(OSError, SourceError):
        return begins_a_picture(path) and not has_several_packets(path)
    return False


def _is_animation(path: Path) -> bool:
    """True for a picture of which FFmpeg finds several frames."""
    with suppress(OSError, SourceError):
        return several(path) == "ffmpeg" and has_several_packets(path)
    return False


def _at_least_one(reader: Reader, span: Span) -> Iterator[Frame]:
    count = 0
    for frame in reader.frames(span):
        count += 1
        yield frame
    if count:
        return
    info = reader.info
    length = [] if info.frame_count is None else [f"{info.frame_count} frames"]
    if info.duration_s is not None:
        length.append(f"{info.duration_s:.3f} s")
    raise EmptySourceError(
        span.why_empty(info.frame_count, info.duration_s),
        where=info.path,
        hint=f"the source is {', '.join(length)} long" if length else None,
    )


def _said_of(count: int, kind: str) -> tuple[str, ...]:
    """A line about decode errors, if there are any."""
    if not count:
        return ()
    if kind == "images":
        which = "an image" if count == 1 else f"{count} images"
        return (f"{which} could not be read and {'is' if count == 1 else 'are'} left out",)
    errors = "1 decode error" if count == 1 else f"{count} decode errors"
    return (f"{errors}: pictures may be damaged or missing",)


def _rate(fps: float | Fraction | None) -> Fraction:
    if fps is None:
        return DEFAULT_FPS
    try:
        rate = Fraction(str(fps))
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError("fps must be a number", where=fps) from error
    if not 0 < rate <= _HIGHEST_FPS:
        raise ConfigError(f"fps must lie between 0 and {_HIGHEST_FPS}", where=fps)
    return rate


def _folder_name(folder: Path) -> str:
    return Path(os.path.abspath(folder)).name or "images"  # noqa: PTH100 - links are names too
