"""A clip with sound, runs of it, and what must be the same after one was resumed."""

from __future__ import annotations

import json
import shutil
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from humantrack import (
    BlazePose_4dhuman,
    load_config,
)

ROOT = Path(__file__).parents[2]


FRAMES = 36


NAME = "sung"


RATE = 48000


def encode_clip(source: Path, path: Path) -> None:
    """Some frames of a clip, small, with a key frame every 12, B frames and a tone."""
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=30, options={"g": "12", "crf": "18"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        sound = out.add_stream("aac", rate=RATE, layout="mono")
        for number, frame in enumerate(given.decode(video=0)):
            if number == FRAMES:
                break
            small = cv2.resize(frame.to_ndarray(format="rgb24"), (640, 360))
            again = av.VideoFrame.from_ndarray(small, format="rgb24")
            again.pts, again.time_base = number, Fraction(1, 30)
            out.mux(video.encode(again))
        out.mux(video.encode(None))
        tone = np.sin(np.arange(RATE * FRAMES // 30) * 2 * np.pi * 440 / RATE)
        whole = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), "fltp", "mono")
        whole.sample_rate, whole.pts, whole.time_base = RATE, 0, Fraction(1, RATE)
        cutter = av.AudioResampler("fltp", "mono", RATE, frame_size=1024)
        for piece in [*cutter.resample(whole), *cutter.resample(None), None]:
            out.mux(sound.encode(piece))


def configuration(clip, out, *overrides):
    return load_config(
        f"video.source='{clip}'",
        f"video.output_dir='{out}'",
        # The smaller network: what is tested here does not depend on which one runs.
        *("checkpoint.every_s=0", "batch_frames=4", "embedded.landmarks=full", *overrides),
    )


def track(clip, out, *overrides, stop=None, kind=BlazePose_4dhuman):
    return kind(configuration(clip, out, *overrides)).track(stop)


def files(out: Path) -> dict[str, Path]:
    results = out / "results"
    return {
        "results": results / f"demo_{NAME}.pkl",
        "partial": results / f"demo_{NAME}.partial.pkl",
        "checkpoint": results / f"demo_{NAME}.checkpoint",
        "meta": results / f"demo_{NAME}.meta.json",
        "overlay": out / f"PHALP_{NAME}.mp4",
        "pieces": out / f"PHALP_{NAME}.partial",
    }


def pickled(path: Path) -> bytes:
    """The pickle in a results file: byte for byte what was stored."""
    return zlib.decompress(path.read_bytes())


def watched(path: Path) -> dict:
    """What a viewer notices of a video."""
    with av.open(str(path)) as container:
        pictures = [f.to_ndarray(format="gray") for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        told = stream.average_rate, stream.frames, stream.width, stream.height
        duration_s = float(stream.duration * stream.time_base)
        packets = list(container.demux())
        kinds: dict[str, list] = {"video": [], "audio": []}
        for packet in packets:
            if packet.size:
                kinds[packet.stream.type].append(packet.pts * packet.time_base)
        times = [sorted(kinds["video"]), kinds["audio"]]
    return {
        "pictures": np.array(pictures),
        "told": told,
        "times": times,
        "duration_s": duration_s,
    }


def assert_same_video(path: Path, other: Path) -> None:
    one, two = watched(path), watched(other)
    assert one["told"] == two["told"]
    assert one["times"] == two["times"]
    # FFmpeg rounds the length to milliseconds, up or down.
    assert one["duration_s"] == pytest.approx(two["duration_s"], abs=0.0011)
    difference = np.abs(one["pictures"].astype(int) - two["pictures"])
    assert difference.mean(axis=(1, 2)).max() < 2  # encoded with other key frames


def assert_whole(out: Path, whole: Path) -> None:
    """Results and overlay are those of the run that nobody disturbed, and nothing else is left."""
    assert pickled(files(out)["results"]) == pickled(files(whole)["results"])
    meta, other = (json.loads(files(f)["meta"].read_text()) for f in (out, whole))
    assert meta["status"] == "complete"
    for name in ("frame_count", "track_count", "fingerprint", "source", "decode_errors"):
        assert meta[name] == other[name], name
    assert_same_video(files(out)["overlay"], files(whole)["overlay"])
    left = {p.name for p in out.rglob("*") if p.is_file() and ".hydra" not in p.parts}
    assert left == {
        *(f"demo_{NAME}.pkl", f"demo_{NAME}.meta.json", f"PHALP_{NAME}.mp4"),
        *(f"demo_{NAME}.camera", f"demo_{NAME}.world.pkl"),
    }
    for name in (f"demo_{NAME}.camera", f"demo_{NAME}.world.pkl"):
        one, two = ((f / "results" / name).read_bytes() for f in (out, whole))
        assert one == two, name
    assert meta["world"] == other["world"]


def copied(source: str, target: str) -> str:
    """Like ``shutil.copy``; a file that is just being renamed is left out."""
    try:
        return shutil.copy(source, target)
    except FileNotFoundError:
        return target
