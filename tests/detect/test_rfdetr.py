"""RF-DETR, against a small stand-in with the package's signatures."""

from __future__ import annotations

import sys

import fake_rfdetr
import numpy as np
import pytest

from humantrack.detect.registry import DetectorOptions, least_score, make_detector
from humantrack.detect.rfdetr import SIZES, RfDetr
from humantrack.errors import ConfigError, DependencyError, MissingWeightsError, WeightsError


@pytest.fixture
def frame(make_frame):
    rgb = np.zeros((100, 200, 3), np.uint8)
    rgb.setflags(write=False)
    return make_frame(rgb=rgb)


@pytest.mark.parametrize("named", [True, False])
def test_people_are_given_with_their_masks_best_first(frame, named):
    with fake_rfdetr.installed(named=named):
        (found,) = RfDetr(score=0.5).detect([frame])
    # Not the bicycle, not the box without a width, not the score of 0.3; cut at the border.
    np.testing.assert_allclose(found.xyxy_px, [[20, 20, 100, 100], [100, 10, 200, 80]], rtol=1e-6)
    np.testing.assert_allclose(found.score, [0.9, 0.6], rtol=1e-6)
    assert found.class_id.tolist() == [0, 0]
    assert found.mask.shape == (2, 100, 200)
    assert found.mask[0, 20:60, 20:100].all()
    assert found.mask[0].sum() == 80 * 40


def test_frames_go_in_batches_of_the_size_asked_for(make_frame):
    with fake_rfdetr.installed():
        detector = RfDetr(batch_size=3)
        assert len(detector.detect([make_frame(i) for i in range(7)])) == 7
        assert detector.model.batches == [3, 3, 1]
        alone = RfDetr()
        alone.detect([make_frame(i) for i in range(2)])
        assert alone.model.batches == [1, 1]


def test_device_size_and_weights_reach_the_package(tmp_path):
    file = tmp_path / "mine.pth"
    file.touch()
    with fake_rfdetr.installed() as module:
        model = RfDetr(size="nano", weights=file, device="cuda:1").model
        assert type(model) is module.RFDETRSegNano
        assert model.options == {"device": "cuda:1", "pretrain_weights": str(file)}
        assert RfDetr().model.options == {"device": "cpu"}


def test_only_sizes_under_the_apache_licence_are_known():
    """The package's detection models XL and 2XL have another licence."""
    assert all(name.startswith("RFDETRSeg") for name in SIZES.values())
    with pytest.raises(ConfigError, match="nano, small, medium"):
        RfDetr(size="huge")


def test_the_registry_makes_it():
    assert least_score("rfdetr") == 0.5
    with fake_rfdetr.installed() as module:
        detector = make_detector("rfdetr", DetectorOptions(size="large", batch_size=2))
        assert type(detector.model) is module.RFDETRSegLarge


def test_a_missing_package_is_told_with_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rfdetr", None)
    with pytest.raises(DependencyError, match="rfdetr") as told:
        RfDetr()
    assert 'pip install "humantrack[rfdetr]"' in str(told.value)


@pytest.mark.parametrize(
    ("problem", "error", "said"),
    [
        (ConnectionError("no route"), MissingWeightsError, "cannot be fetched"),
        (RuntimeError("size mismatch for bbox"), WeightsError, "size mismatch for bbox"),
        (ValueError(""), WeightsError, "ValueError"),
    ],
)
def test_weights_that_cannot_be_had_or_used_are_told(problem, error, said):
    with fake_rfdetr.installed(problem=problem), pytest.raises(error, match=said):
        RfDetr()


def test_a_file_of_weights_that_is_not_there_is_told_before_the_package_is_asked(tmp_path):
    with pytest.raises(MissingWeightsError, match="no such model file"):
        RfDetr(weights=tmp_path / "none.pth")
