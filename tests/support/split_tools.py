"""A small clip with a cut, boxes of two people who pass, hide and come back, and runs in parts."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import numpy as np
from light_tracker import Light, LightEstimator
from official_files import TINY_DECODER, TINY_VIT

from humantrack import HMR2_4dhuman, load_config
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.vit import VitSizes
from humantrack.split.job import in_this_process, track_in_parts

FRAMES = 30
CUT = 21
WIDTH, HEIGHT = 320, 180
GAP = range(11, 17)
"""Frames in which the second person is hidden."""


class Tiny(HMR2_4dhuman):
    """HMR2_4dhuman with a network of the small goldens' sizes."""

    vit = VitSizes(**TINY_VIT)
    decoder = DecoderSizes(**TINY_DECODER)


def encode(path: Path, stamps: Sequence[int] | None = None) -> None:
    """Two textured rectangles that pass each other, a key frame every six; a cut at ``CUT``.

    Args:
        path: of the clip.
        stamps: of the frames, in 1/90 s; None = 30 frames a second.
    """
    random = np.random.default_rng(5)
    scenes = random.integers(0, 255, (2, HEIGHT // 4, WIDTH // 4, 3), np.uint8)
    coats = random.integers(0, 255, (2, 30, 14, 3), np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=30, options={"g": "6", "crf": "12", "bf": "2"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.time_base = Fraction(1, 90)
        for number in range(FRAMES):
            picture = scenes[int(number >= CUT)].repeat(4, 0).repeat(4, 1)
            for who, coat in enumerate(coats):
                x, y, w, h = _box(who, number)
                large = coat.repeat(4, 0).repeat(4, 1)[:h, :w]
                picture[y : y + h, x : x + w] = large
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = 3 * number if stamps is None else stamps[number]
            frame.time_base = Fraction(1, 90)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))


def _box(who: int, number: int) -> tuple[int, int, int, int]:
    x = 20 + 5 * number if who == 0 else 240 - 5 * number
    return x, 30 + 4 * who, 54, 118


def boxes_text() -> str:
    """In MOT's form; frames are counted from 1."""
    rows = [
        (number + 1, who + 1, *_box(who, number))
        for number in range(FRAMES)
        for who in range(2)
        if not (who == 1 and number in GAP)
    ]
    return "\n".join(",".join(map(str, (*row, 1, -1, -1, -1))) for row in rows) + "\n"


def configuration(clip: Path, out: Path, boxes: Path, *overrides: str):
    return load_config(
        *(f"video.source='{clip}'", f"video.output_dir='{out}'", f"video.boxes='{boxes}'"),
        *("phalp.detector=given", "phalp.n_init=3", "batch_frames=3"),
        "phalp.predict=APL",
        *("render.enable=false", "world.enable=false", *overrides),
    )


def alone(clip: Path, out: Path, boxes: Path, *overrides: str, kind=Light):
    """The results of one run."""
    return kind(configuration(clip, out, boxes, *overrides)).track()


def in_parts(
    clip: Path, out: Path, boxes: Path, *overrides: str, launch=in_this_process, kind=Light
):
    cfg = configuration(clip, out, boxes, *overrides)
    return track_in_parts(cfg, Event(), launch=launch, kind=kind)


def stored(done) -> bytes:
    """The pickle in a results file: byte for byte what was stored."""
    return zlib.decompress(done.results.read_bytes())


__all__ = ["Light", "LightEstimator"]
