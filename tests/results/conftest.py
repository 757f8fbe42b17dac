"""Records, and files of PHALP, for the tests of results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from humantrack.types import FrameKey, FrameRecord, Observation, TrackedPerson

DATA = Path(__file__).parents[1] / "data" / "results"
UPSTREAM = ("upstream_render", "upstream_extract_cut", "upstream_stream_cut")


def _observation(rng: np.random.Generator, index: int, key: FrameKey) -> Observation:
    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    height, width = 1080, 1920
    x, y, w = rng.uniform(100, 900, 3)
    box = np.array([x, y, x + w / 4, y + w], np.float32)
    padded = np.array([x - w / 4, y, x + w / 2, y + w], np.float32)
    code = np.zeros(4096, np.float32)
    code[:192] = np.abs(normal(192))
    return Observation(
        frame_index=index,
        frame_key=key,
        image_size=(height, width),
        xyxy_px=box,
        padded_xyxy_px=padded,
        score=0.97,
        class_id=0,
        global_orient=normal(1, 3, 3),
        body_pose=normal(23, 3, 3),
        betas=normal(10),
        cam_crop=normal(3),
        cam_t=normal(3),
        joints_3d=normal(45, 3),
        joints_2d=normal(45, 2),
        code=code,
        pose_vector=normal(229),
        location_vector=normal(99),
        mask={"size": [height, width], "counts": "Yjjl0a1lo0V1"},
        annotation=[],
        extra=0,
    )


@pytest.fixture
def make_key() -> Callable[[int], FrameKey]:
    """Keys as a run on an extracted video names its frames."""
    return lambda index: f"outputs//_DEMO/vid/img/{index + 1:06d}.jpg"


@pytest.fixture
def make_record(make_key: Callable[[int], FrameKey]) -> Callable[..., FrameRecord]:
    """``make_record(index, missed=(0, 2))``: a frame with one track per entry of ``missed``."""

    def make(
        index: int,
        missed: tuple[int, ...] = (0, 0),
        *,
        key: Callable[[int], FrameKey] = make_key,
        shot: bool = False,
    ) -> FrameRecord:
        rng = np.random.default_rng(index)
        return FrameRecord(
            index=index,
            source_index=index,
            key=key(index),
            time_s=index / 30,
            is_shot_start=shot,
            image_size=(1080, 1920),
            people=tuple(
                TrackedPerson(
                    track_id=i + 1,
                    missed=k,
                    observation=_observation(rng, index - k, key(index - k)),
                )
                for i, k in enumerate(missed)
            ),
        )

    return make


@pytest.fixture(params=UPSTREAM)
def upstream(request: pytest.FixtureRequest) -> Path:
    """Each of the files that PHALP wrote."""
    return DATA / f"{request.param}.pkl"


@pytest.fixture
def data() -> Path:
    """The folder of the files that PHALP wrote."""
    return DATA
