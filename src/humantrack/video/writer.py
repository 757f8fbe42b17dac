"""Writes an H.264 mp4 that browsers play, with the source's times and sound."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from humantrack.cores import imposed_threads
from humantrack.errors import OutputError
from humantrack.types.arrays import ByteArray, check_shape
from humantrack.video.audio import AudioTrack
from humantrack.video.streams import StreamChoice

_log = logging.getLogger(__name__)

_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4")
"""In order of preference; the wheels of PyAV bring the first."""

_FINEST_TICK = 65535
"""Ticks per second at most (MPEG-4 part 2 allows no more); times are kept to 1/65535 s."""

_BT709 = 1
_LIMITED = 1
"""Values of ISO/IEC 23091-2 for primaries, transfer and matrix, and FFmpeg's for the range."""


class Timeline:
    """When each frame of an output is shown, in ticks from the first one.

    Args:
        fps: rate of frames that have no time of their own.
        start_s: where the first frame lies in the source, if it has no time.
    """

    def __init__(self, fps: Fraction, start_s: float = 0.0) -> None:
        self.period, self.time_base = _ticks(fps)
        self.last = -1
        self._start_s = start_s
        self._origin_s: float | None = None

    @property
    def origin_s(self) -> float:
        """The time in the source of the first frame."""
        return self._start_s if self._origin_s is None else self._origin_s

    def next_tick(self, time_s: float | None) -> int:
        """The next frame's tick; one that would not come later is moved just past the last."""
        if self._origin_s is None:
            self._origin_s = self._start_s if time_s is None else time_s
        if time_s is None:
            tick = 0 if self.last < 0 else self.last + self.period
        else:
            tick = round((time_s - self._origin_s) / self.time_base)
        self.last = max(tick, self.last + 1)
        return self.last

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame's tick depends on."""
        return {"last": self.last, "origin_s": self._origin_s}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of another one of the same rate."""
        self.last, self._origin_s = state["last"], state["origin_s"]


class VideoWriter:
    """An mp4 file, written frame by frame under a temporary name and renamed when closed.

    After an error inside the ``with`` block what was written is finished all the same, so that it
    plays; with no frame at all there is no file.

    Args:
        path: the mp4; its folder is made.
        fps: rate of the source; the length of a frame that has no time of its own.
        width: columns. Odd sizes get one repeated row or column, as H.264 needs even ones.
        height: rows. Frames of another size are fitted in, on black.
        audio_from: a video whose sound is added, cut to the times of the frames.
        audio_streams: which sound, and which pictures of that video the frames are.
        start_s: where the first frame lies in that video, for frames without a time.
        end_s: where the sound ends at the latest.
        crf: quality of libx264, 0 (lossless) .. 51.
        preset: speed of libx264.
        confirm: called before the file takes its name; what it raises leaves no file.

    Raises:
        OutputError: here, in ``write`` and in ``close``, if the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: Fraction,
        width: int,
        height: int,
        audio_from: Path | None = None,
        audio_streams: StreamChoice | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
        crf: int = 20,
        preset: str = "veryfast",
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self._path, self._confirm = Path(path), confirm
        self._part = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        self._size = (width + width % 2, height + height % 2)
        self._picture = (width, height)
        self._times, self._end_s = Timeline(fps, start_s), end_s
        self._is_started = self._has_head = self._is_closed = False
        self._reformatter = VideoReformatter()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._container: Any = av.open(
                str(self._part), "w", format="mp4", options={"movflags": "+faststart"}
            )
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        rate = 1 / (self._times.period * self._times.time_base)
        self._stream = self._add_stream(rate, crf, preset)
        self._audio: AudioTrack | None = None
        if audio_from is not None:
            streams = audio_streams or StreamChoice()
            self._audio = AudioTrack(Path(audio_from), self._container, streams)

    def write(self, rgb: ByteArray, time_s: float | None = None) -> None:
        """Add a frame.

        Args:
            rgb: (H,W,3) uint8.
            time_s: its time in the source; the first one's becomes 0. Without it, frames follow
                each other at ``fps``. A time that does not increase is moved just past the last.
        """
        self.write_at(rgb, self._times.next_tick(time_s))

    def write_at(self, rgb: ByteArray, tick: int) -> None:
        """Add a frame at a tick of a ``Timeline`` with this ``fps``, later than the last."""
        check_shape("VideoWriter.write", "rgb", rgb, (None, None, 3))
        if self._is_closed:
            raise ValueError("write to a closed VideoWriter")
        if not self._is_started:
            self._is_started = True
            if self._audio:
                self._audio.start(self._times.origin_s)
        frame = self._frame(rgb)
        self._times.last = tick
        frame.time_base, frame.pts = self._times.time_base, tick
        try:
            if self._audio:  # first, so that neither stream waits long for the other
                self._audio.copy_until(self._audible(frame.pts))
            self._mux(frame)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the file and give it its name. May be called more than once."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            try:
                if self._has_head:
                    self._finish()
            finally:
                if self._audio:
                    self._audio.close()
                self._container.close()
            if not self._has_head:
                self._part.unlink(missing_ok=True)
            else:
                self._take_name()
        except (av.error.FFmpegError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise self._failed(error) from error

    def _take_name(self) -> None:
        try:
            self._confirm()
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise
        self._part.replace(self._path)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except OutputError as second:
            if error is None:
                raise
            _log.warning("%s", second)

    def _finish(self) -> None:
        if self._audio:
            self._audio.copy_until(self._audible(self._times.last + self._times.period))
        self._mux(None)

    def _audible(self, tick: int) -> float:
        """A time of the output, or where its sound ends if that comes earlier."""
        time_s = float(tick * self._times.time_base)
        if self._end_s is None:
            return time_s
        return min(time_s, self._end_s - self._times.origin_s)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        packets = self._stream.encode(frame)
        self._container.start_encoding()  # writes the head, the first time
        self._has_head = True  # else FFmpeg crashes when more is written, as after a full disk
        for packet in packets:
            if not packet.duration:  # the last one's gives the file its length
                packet.duration = self._times.period
            self._container.mux(packet)

    def _frame(self, rgb: ByteArray) -> av.VideoFrame:
        """The picture at an even size, as limited-range BT.709 yuv420p."""
        if rgb.shape[:2] != self._picture[::-1]:
            rgb = _fitted(rgb, self._picture)
        extra = (self._size[1] - rgb.shape[0], self._size[0] - rgb.shape[1])
        if any(extra):
            rgb = np.pad(rgb, ((0, extra[0]), (0, extra[1]), (0, 0)), mode="edge")
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.color_primaries = frame.color_trc = frame.colorspace = _BT709
        frame.color_range = _LIMITED
        return frame

    def _add_stream(self, fps: Fraction, crf: int, preset: str) -> Any:
        name = next(name for name in _ENCODERS if name in av.codec.codecs_available)
        if name != _ENCODERS[0]:
            _log.warning("this PyAV has no libx264; writing %s with %s", self._path.name, name)
        stream: Any = self._container.add_stream(name, rate=fps)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._times.time_base
        context.thread_count = imposed_threads()
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        if name == _ENCODERS[0]:
            stream.options = {"crf": str(crf), "preset": preset}
        else:
            context.bit_rate = round(self._size[0] * self._size[1] * fps / 5)
        return stream

    def _failed(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or str(error)
        return OutputError("cannot write the video", where=self._path, hint=reason)


def _ticks(fps: Fraction) -> tuple[int, Fraction]:
    """(ticks per frame, seconds per tick) that hold ``fps`` exactly where they can."""
    period = (1 / Fraction(fps)).limit_denominator(_FINEST_TICK)
    scale = _FINEST_TICK // period.denominator
    return period.numerator * scale, Fraction(1, period.denominator * scale)


def _fitted(rgb: ByteArray, size: tuple[int, int]) -> ByteArray:
    """A picture scaled to fit in (W, H), centred on black."""
    import cv2  # not at import time of the package

    width, height = size
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    inside = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inside[0]) // 2, (height - inside[1]) // 2
    canvas[top : top + inside[1], left : left + inside[0]] = cv2.resize(
        rgb, inside, interpolation=cv2.INTER_AREA
    )
    return canvas
