"""Contract of every detector."""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from pathlib import Path

import av
import fake_rfdetr
import numpy as np
import pytest
from vitdet_tools import tiniest_vitdet

from humantrack.detect import GivenBoxes, GivenFrame, NanoDet
from humantrack.detect.rfdetr import RfDetr
from humantrack.detect.vitdet_detectron2 import Detectron2VitDet
from humantrack.types import Detections, Frame
from humantrack.types.stages import Detector

COUNT = 18
"""More than a block of NanoDet's, so that its choice of size is inside."""


def given_boxes() -> GivenBoxes:
    """Two boxes in every frame but each third; one reaches out of the picture."""
    boxes = np.array([[10, 5, 60, 90], [-5, -5, 20, 20]], np.float32)
    entry = GivenFrame(xyxy_px=boxes, gt_id=np.array([1, 2]), annotation=([], []))
    return GivenBoxes({number: entry for number in range(100) if number % 3})


def vitdet_on_a_stand_in() -> Detector:
    """The adapter; tests/detect/test_maskrcnn.py holds Mask R-CNN, which is slow, to the same."""
    path = Path(__file__).parents[1] / "detect" / "fake_detectron2.py"
    spec = importlib.util.spec_from_file_location("fake_detectron2", path)
    fake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)
    with fake.installed(), tempfile.TemporaryDirectory() as folder:
        return Detectron2VitDet(weights=fake.write_weights(Path(folder) / "model.pkl"))


def rfdetr_on_a_stand_in() -> Detector:
    with fake_rfdetr.installed():
        return RfDetr()


DETECTORS = {
    "nanodet": lambda: NanoDet(size=416),
    "nanodet-auto": NanoDet,
    "given": given_boxes,
    "vitdet": lambda: tiniest_vitdet(score=0.5),
    "rfdetr": rfdetr_on_a_stand_in,
    "vitdet-detectron2": vitdet_on_a_stand_in,
    "given-with-fallback": lambda: GivenBoxes({}, fallback=NanoDet(size=416)),
}


@pytest.fixture(params=DETECTORS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return DETECTORS[request.param]()


@pytest.fixture(scope="module")
def frames(data: Path) -> list[Frame]:
    with av.open(str(data / "demo_small.mp4")) as container:
        decoded = itertools.islice(container.decode(video=0), COUNT)
        pictures = [picture.to_ndarray(format="rgb24") for picture in decoded]
    return [
        Frame(index=i, source_index=i, time_s=i / 30, rgb=rgb, key=f"demo/{i}")
        for i, rgb in enumerate(pictures)
    ]


def check(found: Detections, frame: Frame) -> None:
    """Types, sizes and ranges."""
    assert found.xyxy_px.dtype == np.float32
    assert found.score.dtype == np.float32
    assert found.class_id.dtype == np.int64
    assert np.all((found.score >= 0) & (found.score <= 1))
    assert np.all(np.diff(found.score) <= 0), "best first"
    x0, y0, x1, y1 = found.xyxy_px.T
    assert np.all((x0 >= 0) & (x0 < x1) & (x1 <= frame.width))
    assert np.all((y0 >= 0) & (y0 < y1) & (y1 <= frame.height))
    if found.mask is not None:
        assert found.mask.shape == (len(found), frame.height, frame.width)
        assert found.mask.dtype == bool


def assert_same(a: list[Detections], b: list[Detections]) -> None:
    assert len(a) == len(b)
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one.xyxy_px, other.xyxy_px)
        np.testing.assert_array_equal(one.score, other.score)


def test_it_is_a_detector(detector):
    assert isinstance(detector, Detector)


def test_no_frames_give_nothing(detector):
    assert detector.detect([]) == []


def test_every_frame_gets_its_detections(detector, frames):
    found = detector.detect(frames[:3])
    assert len(found) == 3
    for one, frame in zip(found, frames, strict=False):
        check(one, frame)
    assert sum(len(one) for one in found) > 0


@pytest.mark.parametrize("chunk", [1, 7])
def test_the_chunk_changes_nothing(detector, frames, chunk):
    together = detector.detect(frames)
    detector.reset()
    parts = [detector.detect(frames[i : i + chunk]) for i in range(0, COUNT, chunk)]
    assert_same([one for part in parts for one in part], together)


def test_a_reset_forgets_everything(detector, frames):
    first = detector.detect(frames[:2])
    detector.detect(frames[2:4])
    detector.reset()
    assert_same(detector.detect(frames[:2]), first)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 57), (2, 400), (400, 2)])
def test_odd_pictures_do_no_harm(detector, make_frame, height, width):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    frames = [make_frame(i, rgb=noise) for i in range(2)]
    for one, frame in zip(detector.detect(frames), frames, strict=True):
        check(one, frame)


def test_pictures_may_change_size(detector, make_frame, frames):
    mixed = [frames[0], make_frame(1), frames[2], make_frame(3, 90, 40)]
    for one, frame in zip(detector.detect(mixed), mixed, strict=True):
        check(one, frame)


def test_the_picture_is_left_alone(detector, frames):
    before = frames[0].rgb.copy()
    detector.detect(frames[:1])
    np.testing.assert_array_equal(frames[0].rgb, before)
