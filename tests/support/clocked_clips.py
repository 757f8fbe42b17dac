"""Clips whose clocks and lengths are odd, with a flash and a burst of sound at every second."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from humantrack.video import open_source

RATE, FPS = 48000, 30


def write(
    path: Path,
    *,
    frames: int = 60,
    sound_s: float | None = None,
    times_s: list[float] | None = None,
    codec: str = "libx264",
    sound: str | None = "aac",
    options: dict[str, str] | None = None,
    **muxer: str,
) -> Path:
    """A clip; ``muxer`` are options of FFmpeg's, such as output_ts_offset."""
    with av.open(str(path), "w", options=muxer) as container:
        video: Any = container.add_stream(codec, rate=FPS, options=options or {})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.gop_size = 12
        tick = Fraction(1, FPS)
        if times_s is not None:
            tick = video.codec_context.time_base = Fraction(1, 1000)
        heard: Any = container.add_stream(sound, rate=RATE, layout="mono") if sound else None
        end = round((frames / FPS if sound_s is None else sound_s) * RATE)
        place = 0
        for number in range(frames):
            rgb = np.full((64, 96, 3), number * 4 % 200, np.uint8)
            rgb[:, :8] = 255 if number % FPS == 0 else 0
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            picture.pts = number if times_s is None else round(times_s[number] * 1000)
            picture.time_base = tick
            container.mux(video.encode(picture))
            last = number == frames - 1
            while heard and place < end and (last or place <= (number + 1) * RATE / FPS):
                container.mux(heard.encode(_burst(place, heard)))
                place += 1024
        container.mux(video.encode(None))
        if heard:
            container.mux(heard.encode(None))
    return path


def _burst(place: int, stream: Any) -> av.AudioFrame:
    """1024 samples from this place on: loud in the first tenth of every second."""
    at = np.arange(place, place + 1024)
    wave = np.where(at % RATE < RATE / 10, 0.8 * np.sin(2 * np.pi * 440 * at / RATE), 0)
    frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, place, Fraction(1, RATE)
    return frame


def joined(path: Path, *parts: Path) -> Path:
    """The bytes of transport streams behind each other."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def changed(path: Path, source: Path, mark: bytes, offset: int, value: bytes) -> Path:
    """A copy in which the bytes at an offset behind the first ``mark`` are others."""
    data = bytearray(source.read_bytes())
    at = data.index(mark) + len(mark) + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def big(value: int) -> bytes:
    """Four bytes, as in an mp4."""
    return struct.pack(">I", value)


def cut(path: Path, source: Path, share: float) -> Path:
    """The first part of a file."""
    data = source.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    return path


def flashes(path: Path) -> list[float]:
    """Times of the frames with a white bar."""
    with open_source(path) as source:
        return [frame.time_s for frame in source if frame.rgb[:, :6].mean() > 200]


def bursts(path: Path) -> tuple[float, list[float]]:
    """Where the sound of a file ends, and when it gets loud."""
    end, loud = 0.0, [np.empty(0)]
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            wave = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
            times = float(frame.pts * frame.time_base) + np.arange(len(wave)) / frame.sample_rate
            loud.append(times[wave > 0.3])
            end = float(times[-1])
    times = np.concatenate(loud)
    starts = np.r_[True, np.diff(times) > 0.3] if len(times) else []
    return end, list(times[starts])


def steps(path: Path) -> tuple[np.ndarray, Any]:
    """Times of all frames, and the source's description."""
    with open_source(path) as source:
        return np.array([frame.time_s for frame in source]), source.info
