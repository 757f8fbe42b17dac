"""Frames of the demo clip, and detectors to hold to one contract."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from humantrack.types import Frame


@pytest.fixture(scope="session")
def golden(data: Path) -> dict[str, np.ndarray]:
    with np.load(data / "embedded_golden.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def demo_frames(data: Path) -> list[Frame]:
    """The first 20 frames of the demo clip, four people of whom three are there."""
    frames = []
    with av.open(str(data / "demo.mp4")) as container:
        for i, picture in enumerate(container.decode(video=0)):
            if i == 20:
                break
            rgb = picture.to_ndarray(format="rgb24")
            frames.append(
                Frame(index=i, source_index=i, time_s=i / 30, rgb=rgb, key=f"demo/{i + 1:06d}.jpg")
            )
    return frames
