"""Tiny clips whose frames say their own number, and readers of that number."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

BITS = 6
SOUND_RATE = 48000
CODECS = {
    ".mp4": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".ts": "libx264",
    ".avi": "mpeg4",
    ".webm": "libvpx-vp9",
}


def numbered_picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """Vertical bars, black or white: the binary digits of the number, lowest first."""
    bits = (number >> np.arange(BITS)) & 1
    row = bits[np.arange(width) * BITS // width].astype(np.uint8) * 215 + 20
    return np.repeat(np.tile(row, (height, 1))[..., None], 3, axis=2)


def number_of(rgb: np.ndarray) -> int:
    """The number in a picture of bars."""
    columns = rgb.mean(axis=(0, 2))
    bits = [columns[(2 * i + 1) * len(columns) // (2 * BITS)] for i in range(BITS)]
    return sum(1 << i for i, value in enumerate(bits) if value > 127)


def encode_sound(container: Any, stream: Any, seconds: float) -> None:
    """A 440 Hz tone."""
    rate = SOUND_RATE
    samples = np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate).astype(np.float32)
    resampler = av.AudioResampler(
        format=stream.codec_context.format,
        layout="mono",
        rate=rate,
        frame_size=stream.codec_context.frame_size or 1024,
    )
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
        container.mux(stream.encode(piece))


def write_clip(
    root: Path,
    name: str,
    *,
    frames: int = 40,
    size: tuple[int, int] = (96, 64),
    rate: int = 25,
    times: Sequence[float] | None = None,
    codec: str | None = None,
    gop: int = 8,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    rotation_ccw: int = 0,
    is_mirrored: bool = False,
    sound: str | None = None,
    sound_s: float = 0.0,
    picture: Callable[[int], np.ndarray] | None = None,
) -> Path:
    """A clip of numbered pictures."""
    path = root / name
    with av.open(str(path), "w", options=muxer or {}) as container:
        codec = codec or CODECS[path.suffix.lower()]
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = gop
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation_ccw or is_mirrored:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV cannot write a display matrix")
            stream.set_display_rotation(rotation_ccw, hflip=is_mirrored)
        sound_stream: Any = container.add_stream(sound, rate=SOUND_RATE) if sound else None
        if sound_stream is not None:
            sound_stream.codec_context.layout = "mono"
        for number in range(frames):
            rgb = picture(number) if picture else numbered_picture(number, *size)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts = number if times is None else round(times[number] * 1000)
            frame.time_base = Fraction(1, rate if times is None else 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound_stream is not None:
            encode_sound(container, sound_stream, sound_s)
    return path


def write_folder(root: Path, name: str = "pictures", frames: int = 40) -> Path:
    """A folder of numbered pictures, 1.png, 2.png, ..., 10.png, ..."""
    folder = root / name
    folder.mkdir()
    for number in range(frames):
        cv2.imwrite(str(folder / f"{number + 1}.png"), numbered_picture(number))
    return folder


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Writes a clip of numbered pictures: ``make_clip("a.mp4", frames=40)``."""
    return partial(write_clip, tmp_path)


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of numbered pictures, 1.png, 2.png, ..., 10.png, ..."""
    return partial(write_folder, tmp_path)


@pytest.fixture(scope="session")
def write_source(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Writes a source of numbered pictures of any kind, once per session."""

    @cache
    def write(kind: str, frames: int) -> Any:
        root = tmp_path_factory.mktemp("source")
        if kind == "folder":
            return write_folder(root, frames=frames)
        if kind == "glob":
            return str(write_folder(root, frames=frames) / "*.png")
        if kind == "list":
            folder = write_folder(root, frames=frames)
            return [folder / f"{i + 1}.png" for i in range(frames)]
        codec = {"vp8.webm": "libvpx", "h264.avi": "libx264"}.get(kind)
        return write_clip(root, kind, frames=frames, codec=codec)

    return write


@pytest.fixture
def number() -> Callable[[np.ndarray], int]:
    return number_of


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    return numbered_picture


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """No test may leave a decoding thread behind."""
    yield
    assert not [t.name for t in threading.enumerate() if t.name == "humantrack-read-ahead"]
