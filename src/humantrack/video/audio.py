"""Carries the sound of a video over to another file, cut to an interval."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error

from humantrack.errors import HumantrackError
from humantrack.video.container import INDEXED_FORMATS, first_frame, open_container, open_video
from humantrack.video.length import believable_length
from humantrack.video.rates import frame_rate, stamps_of
from humantrack.video.sound_times import in_step
from humantrack.video.streams import StreamChoice, audio_stream

_log = logging.getLogger(__name__)

_COPIED = frozenset({"aac", "mp3", "mp3float"})
"""Codecs that mp4 holds and browsers play; others become AAC."""

_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_EARLIER_S = 1
"""Sound may lie this long before the pictures of its time."""

_GAP_S = 0.1
"""A longer silence between two packets is kept; a shorter one is rounding."""

_OVERLAP_S = 0.05
"""Sound that lies further before the end of what was written is left out."""

_AAC_FRAME = 1024
"""Samples in a packet of AAC."""


class AudioTrack:
    """An audio stream of a video, added to an output in step with its pictures.

    Copies packets where an mp4 takes them, else encodes AAC. Sound is never worth a failed run:
    what goes wrong on the reading side is logged, and the output is silent from there.

    Args:
        path: the video whose sound is wanted.
        output: PyAV's output container, before anything was written to it.
        streams: which sound, and the pictures it belongs to.
    """

    def __init__(self, path: Path, output: Any, streams: StreamChoice) -> None:
        self._path, self._output, self._streams = path, output, streams
        self._files = ExitStack()
        self._out: Any = None
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._next: tuple[float, Any] | None = None
        try:
            self._open()
        except (HumantrackError, av.error.FFmpegError, OSError, ValueError) as error:
            self._drop(error)

    def start(self, at_s: float) -> None:
        """Begin at this time after the video's first frame; it becomes 0 in the output."""
        if self._out is None:
            return
        zero = self._video_origin + Fraction(at_s)
        self._seek(zero - _EARLIER_S)
        self._packets = self._encoded(zero) if self._is_encoded else self._copied(zero)
        self._advance()

    def copy_until(self, time_s: float) -> None:
        """Add what begins before this time of the output.

        Raises:
            OSError: if the output cannot be written.
        """
        while self._next is not None and self._next[0] < time_s:
            try:
                self._output.mux(self._next[1])
            except av.error.FFmpegError as error:
                if isinstance(error, OSError):
                    raise
                self._drop(error)
                return
            self._advance()

    def close(self) -> None:
        """Free the file the sound comes from."""
        self._packets, self._next = iter(()), None
        self._files.close()

    def _open(self) -> None:
        with open_video(self._path, number=self._streams.video) as (container, stream):
            frame = first_frame(container, stream, self._path)
            has_time = frame.pts is not None and container.format.name != "avi"
            self._video_origin = frame.pts * stream.time_base if has_time else Fraction(0)
            fps = frame_rate(stream, lambda: stamps_of(self._path, self._streams.video))
            self._length = believable_length(self._path, container, stream, fps)
            pictures = stream.index
        container = self._files.enter_context(open_container(self._path))
        self._in: Any = audio_stream(container, self._streams.audio, self._path)
        if self._in is None:
            return
        self._pictures: Any = container.streams[pictures]
        codec = self._in.codec_context
        if codec is None:
            raise ValueError("no decoder for the sound")
        self._is_encoded = codec.name not in _COPIED or (
            codec.name == "aac" and not codec.extradata  # raw ADTS, as in a transport stream
        )
        if self._is_encoded:
            rate = codec.sample_rate if codec.sample_rate in _AAC_RATES else 48000
            self._out = self._output.add_stream("aac", rate=rate)
            self._out.codec_context.layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
            self._out.codec_context.time_base = Fraction(1, rate)
        else:
            self._out = self._output.add_stream_from_template(self._in)

    def _seek(self, time_s: Fraction) -> None:
        """Skip ahead where the container has an index; elsewhere read from the beginning."""
        is_indexed = self._in.container.format.name.startswith(INDEXED_FORMATS)
        if time_s <= 0 or not is_indexed or self._length.has_jumps:
            return
        try:
            self._in.container.seek(int(time_s / self._in.time_base), stream=self._in)
        except av.error.FFmpegError as error:
            _log.debug("no seek in %s: %s", self._path, error)

    def _copied(self, zero: Fraction) -> Iterator[tuple[float, Any]]:
        offset = round(zero / self._in.time_base)
        last = -1
        for packet in self._read():
            if packet.size == 0 or packet.pts is None or packet.pts - offset <= last:
                continue
            packet.pts -= offset
            last = packet.pts
            packet.dts = packet.pts
            packet.stream = self._out
            yield float(packet.pts * packet.time_base), packet

    def _encoded(self, zero: Fraction) -> Iterator[tuple[float, Any]]:
        encoder = self._out.codec_context
        resampler: Any = av.AudioResampler(
            format="fltp", layout=encoder.layout, rate=encoder.sample_rate, frame_size=_AAC_FRAME
        )
        rate = encoder.sample_rate
        position = 0  # counted in samples, since containers round the times of packets
        for sound in self._decoded():
            for frame in resampler.resample(sound):
                told = position if frame.pts is None else _samples(frame, rate, zero)
                if told < 0 or told < position - rate * _OVERLAP_S:
                    continue
                if told > position + rate * _GAP_S or position == 0:
                    position = told
                frame.pts, frame.time_base = position, Fraction(1, rate)
                position += frame.samples
                yield from self._timed(encoder.encode(frame))
        yield from self._timed(encoder.encode(None))

    def _decoded(self) -> Iterator[Any]:
        """Frames of sound, then None, which makes the resampler give up its rest."""
        self._in.codec_context.open(strict=False)  # may fail; see container.decoded
        for packet in self._read():
            try:
                yield from packet.decode()
            except av.error.InvalidDataError as error:
                _log.debug("damaged sound in %s: %s", self._path, error)
        yield None

    def _read(self) -> Iterator[Any]:
        """Packets of sound, in step with the pictures."""
        yield from in_step(
            self._in.container,
            self._in,
            self._pictures,
            period_s=1 / self._length.fps,
            pause_s=self._length.pause_s,
        )

    def _timed(self, packets: list[Any]) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            packet.stream = self._out
            yield float(packet.pts * packet.time_base), packet

    def _advance(self) -> None:
        try:
            self._next = next(self._packets, None)
        except (av.error.FFmpegError, ValueError) as error:
            self._drop(error)

    def _drop(self, error: Exception) -> None:
        _log.warning("the sound of %s is left out: %s", self._path, error)
        self.close()


def _samples(frame: Any, rate: int, zero: Fraction) -> int:
    """Samples from zero to a frame of sound."""
    ticks: Fraction = frame.pts * frame.time_base - zero
    return round(ticks * rate)
