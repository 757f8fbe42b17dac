"""Fixtures used by several folders of tests."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from humantrack.types import Frame, Observation

# A busy machine is not a failure, so no example has a time limit.
settings.register_profile("humantrack", deadline=None)
settings.load_profile("humantrack")

DATA = Path(__file__).parent / "data"


def pytest_collection_finish() -> None:
    """Let no search for garbage go through all test modules and what they import.

    They are 600,000 objects, which stay anyway: a tenth of the time of tests that make many others.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of test data."""
    return DATA


@pytest.fixture
def make_frame():
    """Builds a Frame; the picture is grey unless given."""

    def build(index: int = 0, height: int = 36, width: int = 64, **changes: Any) -> Frame:
        values = {
            "index": index,
            "source_index": index,
            "time_s": index / 30,
            "rgb": np.full((height, width, 3), 127, np.uint8),
            "key": f"clip/{index + 1:06d}.jpg",
        }
        return Frame(**{**values, **changes})

    return build


@pytest.fixture
def make_observation():
    """Builds an Observation of one person standing still; every field can be replaced."""

    def build(frame_index: int = 0, **changes: Any) -> Observation:
        values = {
            "frame_index": frame_index,
            "frame_key": f"clip/{frame_index + 1:06d}.jpg",
            "image_size": (36, 64),
            "xyxy_px": np.array([10, 5, 20, 30], np.float32),
            "padded_xyxy_px": np.array([6, 5, 24, 30], np.float32),
            "score": 0.9,
            "class_id": 0,
            "global_orient": np.eye(3, dtype=np.float32)[None],
            "body_pose": np.tile(np.eye(3, dtype=np.float32), (23, 1, 1)),
            "betas": np.zeros(10, np.float32),
            "cam_crop": np.array([1, 0, 0], np.float32),
            "cam_t": np.array([0, 0, 40], np.float32),
            "joints_3d": np.zeros((45, 3), np.float32),
            "joints_2d": np.full((45, 2), 0.5, np.float32),
            "code": np.zeros(4096, np.float32),
            "pose_vector": np.zeros(229, np.float32),
            "location_vector": np.full(99, 0.5, np.float32),
        }
        return Observation(**{**values, **changes})

    return build


@pytest.fixture(scope="session")
def make_smpl():
    """Builds an SMPL layer with the synthetic body; takes the layer's options."""
    from golden_rule import synthetic_smpl

    return synthetic_smpl
