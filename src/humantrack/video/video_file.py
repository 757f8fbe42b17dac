"""Video files as a source of frames: one sequential decode."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import av.error

from humantrack.cores import imposed_threads
from humantrack.types import Frame, FrameKey, SourceInfo
from humantrack.types.arrays import ByteArray
from humantrack.video.aspect import PixelAspect, squared
from humantrack.video.clock import Clock, jumps
from humantrack.video.colour import RgbConverter
from humantrack.video.container import MOST_PIXELS, decoded, first_frame, open_video
from humantrack.video.decode_errors import Problems
from humantrack.video.length import believable_length
from humantrack.video.orientation import Orientation
from humantrack.video.rates import frame_rate, stamps_of
from humantrack.video.seeking import (
    LostPlaceError,
    Mark,
    Ranks,
    find_mark,
    frames_from,
    is_seekable,
)
from humantrack.video.span import Span
from humantrack.video.streams import StreamChoice, audio_stream, number_of

_RACING = frozenset({"mpeg4", "rv30", "rv40", "vp8"})
"""Decoders in which threads race for a frame that is damaged, without a word of it."""

Numbered = Generator[tuple[int, av.VideoFrame, Fraction], None, None]
"""Frames with their numbers in the source, and the aspects of their pixels."""


class VideoReader:
    """The frames of a video file, upright, of square pixels, with the container's own times.

    Time 0 is the first frame. AVI stores no presentation times; there the decode times serve.

    Args:
        path: the file, as the user gave it.
        name: the source's short name, the folder in the frame keys.
        phalp_keys: key a frame by PHALP's (path, pts) instead of ``name/000001.jpg``.
        streams: what of it.

    Raises:
        UnreadableSourceError: if it is not a video.
        ConfigError: if it has no such stream.
        EmptySourceError: if not one frame can be decoded.
    """

    def __init__(
        self, path: Path, *, name: str, phalp_keys: bool, streams: StreamChoice | None = None
    ) -> None:
        self._path, self._phalp_keys = path, phalp_keys
        self._streams = streams or StreamChoice()
        self.paths: Sequence[Path] = [path]
        self.problems = Problems()
        with open_video(path, number=self._streams.video) as (container, stream):
            aspects = PixelAspect(stream)
            frame = first_frame(container, stream, path)
            self._orientation = Orientation.of(frame)
            self._aspect = aspects.of(frame)
            self._colours = RgbConverter(frame)
            self._has_pts = container.format.name != "avi"
            self._origin = self._stamp(frame)
            self._is_seekable = is_seekable(container, stream)
            self._time_base = Fraction(stream.time_base or Fraction(1, 1000))
            rate = frame_rate(stream, lambda: stamps_of(path, self._streams.video))
            self._length = believable_length(path, container, stream, rate)
            self.info = self._describe(name, container, stream, frame)

    def frames(self, span: Span) -> Iterator[Frame]:
        """The frames of the span. A frame that is lost leaves a gap in ``source_index``.

        Except where packets cannot be told to be frames (AVI, TS, VP8, ...).
        """
        mark = None
        if self._is_seekable and self._origin is not None and not span.is_from_start:
            with open_video(self._path, number=self._streams.video) as (container, stream):
                mark = find_mark(container, stream, span, self._origin, self._jumps)
        try:
            yield from self._walk(span, mark)
        except LostPlaceError:
            yield from self._walk(span, None)

    def _walk(self, span: Span, mark: Mark | None) -> Iterator[Frame]:
        origin = self._origin if mark else None
        clock = Clock(self._time_base, self.info.fps, origin, pause_s=self._length.pause_s)
        index, count, tick = 0, 0, (self._origin or 0) - 1
        with closing(self._decode(mark)) as frames:
            for number, frame, aspect in frames:
                time_s = clock.time_s(self._stamp(frame))
                # The container's stamp wherever that is valid; no two keys may be the same.
                tick = max((self._origin or 0) + round(time_s / self._time_base), tick + 1)
                if span.is_past(number, time_s):
                    return
                rgb = None if span.is_before(number, time_s) else self._rgb(frame, aspect, number)
                if rgb is not None:
                    key = self._key(number, tick)
                    yield Frame(index=index, source_index=number, time_s=time_s, rgb=rgb, key=key)
                    index += 1
                count += 1
        frames_before = mark.number if mark else 0
        self._check_end(frames_before + count, tick - (self._origin or 0) + 1)

    def _check_end(self, frames: int, slots: int) -> None:
        """Count it if there were fewer frames than the container says, and say if it was cut.

        An AVI counts slots, of which some may be empty: the frame before is shown on. Those at
        the end look like frames that are lost, so that its length has to tell.
        """
        promised, is_cut = self._length.promised or 0, self._length.is_cut
        if not self._has_pts and is_cut:
            self.problems.add("the file is shorter than its header says")
        if is_cut and not promised:
            self.problems.note("the file is shorter than its header says; it may be cut off")
        if is_cut and frames < promised:
            self.problems.note(
                f"the video holds {frames} of the {promised} frames its container promises; "
                "it may be cut off"
            )
        if not self._has_pts:
            frames = slots + round(self.info.fps)
        if frames < promised:
            self.problems.add(f"only {frames} of {promised} frames could be decoded")

    def _jumps(self, ticks: int) -> bool:
        """True for a step of the clock that is no passing of time."""
        return jumps(ticks * self._time_base, 1 / self.info.fps, self._length.pause_s)

    def _decode(self, mark: Mark | None) -> Numbered:
        """Frames from the mark on: with all threads until the first damage, then with one.

        With several threads it is a matter of luck what a damaged picture is patched with, and how
        many good ones behind it are lost at the end of the file depends on the number of cores.
        """
        problems, damage = Problems(), Problems()
        self.problems.later = problems
        count, number = 0, self._streams.video
        try:
            with open_video(self._path, problems, number=number) as (container, stream):
                if stream.codec_context.name not in _RACING:
                    stream.thread_type = "AUTO"
                    stream.codec_context.thread_count = imposed_threads()
                with closing(self._numbered(container, stream, mark, problems, damage)) as frames:
                    for numbered in frames:
                        if damage.count:
                            break
                        yield numbered
                        count += 1
        finally:
            if not damage.count:
                self.problems.extend(problems)
        if not damage.count:
            return
        with open_video(self._path, self.problems, number=number) as (container, stream):
            stream.codec_context.thread_count = 1
            again = self._numbered(container, stream, mark, self.problems, self.problems)
            with closing(again) as frames:
                yield from islice(frames, count, None)

    def _numbered(
        self, container: Any, stream: Any, mark: Mark | None, problems: Problems, damage: Problems
    ) -> Numbered:
        """Frames from the mark on, or all, with their numbers in the source."""
        origin = self._origin or 0
        number, stamp = (mark.number, mark.stamp) if mark else (0, origin)
        ranks = Ranks(number, stamp, self._jumps)
        count_packets = self._is_seekable and self._origin is not None
        told = ranks.add if count_packets else _ignore
        aspects = PixelAspect(stream)
        found = decoded(container, stream, problems, damage=damage, told=told)
        with closing(found):
            if mark:
                container.seek(mark.keyframe, stream=stream)
            for frame in frames_from(mark, found) if mark else found:
                yield ranks.number(frame.pts), frame, aspects.of(frame)

    def _rgb(self, frame: av.VideoFrame, aspect: Fraction, number: int) -> ByteArray | None:
        """The picture with square pixels, upright."""
        stored = (frame.width, frame.height)
        size = squared(stored, aspect, MOST_PIXELS)
        try:
            rgb = self._colours.convert(frame, None if size == stored else size)
            return self._orientation.apply(rgb)
        except (av.error.FFmpegError, ValueError) as error:
            self.problems.add(f"frame {number}: {error}")
            return None

    def _stamp(self, frame: av.VideoFrame) -> int | None:
        """Presentation time in ticks; for AVI the decode time, as its "pts" are guesses."""
        return frame.pts if self._has_pts else frame.dts

    def _key(self, number: int, tick: int) -> FrameKey:
        return (
            (str(self._path), tick)
            if self._phalp_keys
            else f"{self.info.name}/{number + 1:06d}.jpg"
        )

    def _describe(self, name: str, container: Any, stream: Any, frame: av.VideoFrame) -> SourceInfo:
        length = self._length
        sound = audio_stream(container, self._streams.audio, self._path)
        width, height = squared((frame.width, frame.height), self._aspect, MOST_PIXELS)
        if self._orientation.swaps_sides:
            width, height = height, width
        return SourceInfo(
            name=name,
            path=self._path,
            kind="video",
            width=width,
            height=height,
            fps=length.fps,
            frame_count=length.frames,
            duration_s=length.duration_s,
            rotation_deg=90 * self._orientation.quarter_turns,
            sample_aspect=self._aspect,
            has_audio=sound is not None,
            codec=stream.codec_context.name,
            stream=number_of(stream),
            audio_stream=None if sound is None else number_of(sound),
        )


def _ignore(packet: Any) -> None:
    """Told of a packet where packets are not counted."""
