"""Frames, golden data and the shipped body, read once."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from humantrack.body import load_mannequin
from humantrack.detect import NanoDet
from humantrack.types import Detections, Frame


@pytest.fixture(scope="session")
def golden(data: Path) -> dict[str, np.ndarray]:
    with np.load(data / "embedded_golden.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def demo_frames(data: Path) -> list[Frame]:
    """Frames 20 to 39 of the demo clip: three people, two of them about to cross."""
    with av.open(str(data / "demo.mp4")) as container:
        decoded = itertools.islice(container.decode(video=0), 20, 40)
        pictures = [picture.to_ndarray(format="rgb24") for picture in decoded]
    return [
        Frame(index=i, source_index=i, time_s=i / 30, rgb=rgb, key=f"demo/{i + 1:06d}.jpg")
        for i, rgb in enumerate(pictures)
    ]


@pytest.fixture(scope="session")
def demo_boxes(demo_frames) -> list[Detections]:
    return NanoDet(size=640).detect(demo_frames)


@pytest.fixture(scope="session")
def mannequin():
    return load_mannequin()
