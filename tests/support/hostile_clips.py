"""Tiny clips of every kind, and seeded ways to damage them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

SIZE = (96, 64)
FRAMES = 24
FPS = 25

DAMAGED = {
    "h264.mp4": {"codec": "libx264", "muxer": {"movflags": "+faststart"}},
    "index-last.mp4": {"codec": "libx264"},
    "mpeg4.mp4": {"codec": "mpeg4", "muxer": {"movflags": "+faststart"}},
    "h264.mkv": {"codec": "libx264", "options": {"x264-params": "cabac=0:slices=2"}},
    "vp9.mkv": {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "vp8.webm": {"codec": "libvpx", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
}
"""Clips to be damaged: :func:`write` with these arguments."""

CUTS = 20
FLIPS = 16


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H,W,3) uint8 with much detail, none of which stands still."""
    y, x = np.mgrid[: size[1], : size[0]]
    planes = (x * 5 + number * 7, y * 7 + x * 3 + number * 5, ((x - number * 3) ** 2 + y**2) // 9)
    return np.stack([plane % 256 for plane in planes], -1).astype(np.uint8)


def write(
    path: Path,
    *,
    codec: str = "libx264",
    frames: int = FRAMES,
    size: tuple[int, int] = SIZE,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    container: str | None = None,
    times: list[int] | None = None,
    ticks: list[int] | None = None,
    prepare: Callable[[Any], None] | None = None,
    sound: bool = False,
) -> Path:
    """A clip of moving patterns.

    ``times`` of its frames are milliseconds, ``ticks`` frame periods; ``prepare`` gets the stream.
    """
    frames = len(ticks or times or range(frames))
    with av.open(str(path), "w", format=container, options=muxer or {}) as output:
        stream: Any = output.add_stream(codec, rate=FPS, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = 8
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if prepare is not None:
            prepare(stream)
        voice: Any = output.add_stream("aac", rate=48000, layout="mono") if sound else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts = (times or ticks or range(frames))[number]
            frame.time_base = Fraction(1, FPS if times is None else 1000)
            output.mux(stream.encode(frame))
        if frames:
            output.mux(stream.encode(None))
        if voice is not None:
            _hum(output, voice, frames)
    return path


def _hum(output: Any, stream: Any, frames: int) -> None:
    for number in range(frames * 48000 // FPS // 1024):
        samples = np.sin(np.arange(1024) / 20, dtype=np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, number * 1024
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def sound_only(path: Path) -> Path:
    """An mp4 with nothing but a tone."""
    with av.open(str(path), "w") as output:
        _hum(output, output.add_stream("aac", rate=48000, layout="mono"), FRAMES)
    return path


def joined(path: Path, parts: list[Path], stamps: list[int | None]) -> Path:
    """The packets of several clips of one codec behind each other, with the given stamps (ms)."""
    left = iter(stamps)
    with av.open(str(path), "w") as output:
        out: Any = None
        for part in parts:
            with av.open(str(part)) as source:
                stream = source.streams.video[0]
                out = out or output.add_stream_from_template(stream)
                for packet in source.demux(stream):
                    if packet.size:
                        packet.pts = packet.dts = next(left)
                        packet.time_base, packet.stream = Fraction(1, 1000), out
                        output.mux(packet)
    return path


def healthy(folder: Path) -> dict[str, tuple[Path, int, tuple[int, int]]]:
    """Clips that are odd but whole: name -> (path, frames, size of the first frame)."""
    mjpeg: dict[str, Any] = {"codec": "mjpeg", "pix_fmt": "yuvj420p"}
    small = write(folder / "small.mkv", **mjpeg, frames=6, size=(64, 48))
    large = write(folder / "large.mkv", **mjpeg, frames=6)
    raw = b"".join(
        write(folder / f"{n}.h264", frames=6, size=size, container="h264").read_bytes()
        for n, size in enumerate([(128, 64), (64, 96)])
    )
    (folder / "resized.h264").write_bytes(raw)
    broadcast = write(folder / "once.ts", codec="mpeg2video").read_bytes()
    (folder / "again.ts").write_bytes(broadcast * 2)
    cv2.imwrite(str(folder / "photo.png"), picture(0))
    uneven = [0, 40, 41, 300, 301, 302, 1500, 1501]
    ticks = [40 * n for n in range(12)]
    turn = lambda stream: stream.set_display_rotation(90)  # noqa: E731
    made = {
        "one frame": (write(folder / "one.mp4", frames=1), 1),
        "variable rate": (write(folder / "vfr.mkv", frames=8, times=uneven), 8),
        "no timestamps": (folder / "0.h264", 6),
        "repeated timestamps": (
            joined(folder / "same.mkv", [small, small], [40 * (n // 3) for n in range(12)]),
            12,
        ),
        "timestamps that start again": (folder / "again.ts", 2 * FRAMES),
        "changing size": (joined(folder / "sizes.mkv", [small, large], ticks), 12),
        "changing size, h264": (folder / "resized.h264", 12),
        "odd size": (write(folder / "odd.mkv", codec="ffv1", size=(101, 57)), FRAMES),
        "one pixel": (write(folder / "dot.mkv", codec="ffv1", size=(1, 1), pix_fmt="bgr0"), FRAMES),
        "16 to 1": (write(folder / "wide.mp4", size=(1024, 64), frames=6), 6),
        "1 to 16": (write(folder / "tall.mp4", size=(64, 1024), frames=6), 6),
        "10 bits": (write(folder / "ten.mp4", pix_fmt="yuv420p10le"), FRAMES),
        "12 bits 4:4:4": (write(folder / "xii.mkv", codec="ffv1", pix_fmt="yuv444p12le"), FRAMES),
        "grey": (write(folder / "grey.mkv", codec="ffv1", pix_fmt="gray"), FRAMES),
        "alpha": (write(folder / "alpha.mov", codec="qtrle", pix_fmt="argb"), FRAMES),
        "alpha, planar": (write(folder / "al.mkv", codec="ffv1", pix_fmt="yuva420p"), FRAMES),
        "rotated": (write(folder / "turned.mp4", prepare=turn, sound=True), FRAMES),
        "open groups": (
            write(folder / "open.mp4", options={"bf": "3", "x264-params": "open-gop=1"}),
            FRAMES,
        ),
        "interlaced": (
            write(folder / "lines.mpg", codec="mpeg2video", options={"flags": "+ildct+ilme"}),
            FRAMES,
        ),
        "mkv called avi": (write(folder / "mkv.avi", container="matroska"), FRAMES),
        "mp4 called jpg": (write(folder / "video.jpg", container="mp4"), FRAMES),
        "picture called mp4": ((folder / "photo.png").rename(folder / "photo.mp4"), 1),
    }
    sizes = {
        "changing size": (64, 48),
        "changing size, h264": (128, 64),
        "no timestamps": (128, 64),
        "repeated timestamps": (64, 48),
        "odd size": (101, 57),
        "one pixel": (1, 1),
        "16 to 1": (1024, 64),
        "1 to 16": (64, 1024),
        "rotated": (64, 96),
    }
    return {name: (path, count, sizes.get(name, SIZE)) for name, (path, count) in made.items()}


def cuts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The file up to each of ``CUTS`` places."""
    for n in range(1, CUTS + 1):
        yield f"cut {n}/{CUTS + 1}", data[: len(data) * n // (CUTS + 1)]


def flips(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Bits flipped anywhere, in the header, a hole of zeros, a piece left out; seeded."""
    rng = np.random.default_rng(len(data))
    for n in range(FLIPS):
        hurt = bytearray(data)
        kind = ("anywhere", "header", "zeros", "left out")[n % 4]
        start = int(rng.integers(len(hurt)))
        length = int(rng.integers(1, 3000))
        if kind == "zeros":
            hurt[start : start + length] = bytes(len(hurt[start : start + length]))
        elif kind == "left out":
            del hurt[start : start + length]
        else:
            end = min(1500, len(hurt)) if kind == "header" else len(hurt)
            for place in rng.integers(0, end, int(rng.integers(1, 24))):
                hurt[place] ^= 1 << int(rng.integers(8))
        yield f"{kind} {n}", bytes(hurt)
