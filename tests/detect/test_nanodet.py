"""NanoDet against the golden data, and its choice of size."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack import models
from humantrack.detect import NanoDet
from humantrack.detect.nanodet import network as nanodet
from humantrack.errors import ConfigError
from humantrack.geometry.boxes import iou

LONG_SIDE = 320


@pytest.fixture(scope="module")
def raw(golden) -> np.ndarray:
    inputs = [nanodet.network_input(image, LONG_SIDE) for image in golden["detector_image"]]
    return models.session(models.NANODET).run(None, {"input": np.stack(inputs)})[0]


def test_the_input_is_the_golden_one(golden):
    images = golden["detector_image"]
    inputs = np.stack([nanodet.network_input(image, LONG_SIDE) for image in images])
    assert inputs.shape == (2, 3, 192, 320)
    sums = inputs.astype(np.float64).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(sums, golden["detector_input_sum"], rtol=1e-5)
    assert not inputs[:, :, 180:].any(), "the padding is zero after normalisation"


def test_the_network_gives_the_golden_rows(golden, raw):
    expected = golden["detector_raw"]
    np.testing.assert_allclose(raw, expected, atol=1e-3 * np.ptp(expected))


@pytest.mark.parametrize(("name", "threshold"), [("strong", 0.4), ("weak", 0.2)])
@pytest.mark.parametrize("image", [0, 1])
def test_decoding_counts_the_golden_candidates(golden, image, name, threshold):
    grid = nanodet.cells(192, 320)
    _, scores = nanodet.decode(golden["detector_raw"][image], grid, threshold)
    assert len(scores) == golden[f"detector_candidates_{name}_{image}"]
    assert scores.min() >= threshold


@pytest.mark.parametrize("image", [0, 1])
def test_boxes_and_scores_are_the_golden_ones(golden, make_frame, image):
    frame = make_frame(rgb=golden["detector_image"][image])
    (found,) = NanoDet(size=LONG_SIDE).detect([frame])
    np.testing.assert_allclose(found.xyxy_px, golden[f"detector_boxes_weak_{image}"], atol=0.1)
    np.testing.assert_allclose(found.score, golden[f"detector_scores_weak_{image}"], atol=1e-3)
    strong = found[found.score >= 0.4]
    np.testing.assert_allclose(strong.xyxy_px, golden[f"detector_boxes_strong_{image}"], atol=0.1)


def test_a_batch_gives_the_bits_of_single_frames(demo_frames):
    detector = NanoDet(size=416)
    together = detector.detect(demo_frames[:4])
    for frame, found in zip(demo_frames, together, strict=False):
        (alone,) = detector.detect([frame])
        np.testing.assert_array_equal(found.xyxy_px, alone.xyxy_px)
        np.testing.assert_array_equal(found.score, alone.score)


def test_people_of_the_clip_are_found(demo_frames, data):
    truth = np.load(data / "demo_gt.npz")
    (found,) = NanoDet(size=640).detect(demo_frames[:1])
    there = truth["visible"][0] > 0.9
    assert np.all(iou(truth["box"][0][there], found.xyxy_px).max(axis=1) > 0.7)


@pytest.mark.parametrize("size", [0, -32, 100, "large", "4.16", ""])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(ConfigError, match="multiple of 32"):
        NanoDet(size=size)


@pytest.mark.parametrize("every", [0, -1, 1001, "often", "1.5", ""])
def test_an_impossible_pace_is_refused(every):
    with pytest.raises(ConfigError, match="every N-th frame"):
        NanoDet(every=every)


def test_numbers_may_be_written_as_text(demo_frames):
    (as_text,) = NanoDet(size="416", every="1").detect(demo_frames[:1])
    (as_number,) = NanoDet(size=416, every=1).detect(demo_frames[:1])
    np.testing.assert_array_equal(as_text.xyxy_px, as_number.xyxy_px)
