"""torchvision's Mask R-CNN with random weights; no picture of sense comes of it, but every step."""

from __future__ import annotations

import importlib.util
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch

from humantrack.detect import GivenBoxes, GivenFrame, maskrcnn
from humantrack.detect.maskrcnn import MaskRcnn
from humantrack.errors import DependencyError, MissingWeightsError, WeightsError
from humantrack.types.stages import Detector

ODD = [(1, 1), (2, 100)]


def load_shim():
    path = Path(__file__).with_name("torchvision_shim.py")
    spec = importlib.util.spec_from_file_location("torchvision_shim", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["torchvision_shim"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def torchvision():
    shim = sys.modules.get("torchvision_shim") or load_shim()
    if shim.working_torchvision() is None:
        pytest.skip("torchvision is not installed")


@pytest.fixture(scope="module")
def detector(torchvision):
    """A network in which everything is more or less a person."""
    torch.manual_seed(0)
    detector = MaskRcnn(weights=None, short_side_px=48, long_side_px=64, score=0.5)
    network = detector.network
    network.rpn._post_nms_top_n["testing"] = 10
    network.roi_heads.detections_per_img = 4
    predictor = network.roi_heads.box_predictor
    predictor.cls_score.weight *= 0.02
    predictor.cls_score.bias[1] = 8
    predictor.bbox_pred.weight *= 0.02
    return detector


@pytest.fixture
def frame(make_frame):
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    rgb.setflags(write=False)
    return make_frame(rgb=rgb)


def test_silhouettes_of_known_boxes_are_those_it_would_find_itself(detector, frame):
    (found,) = detector.detect([frame])
    again = detector.silhouettes(frame, found.xyxy_px)
    assert again.shape == found.mask.shape
    assert (again == found.mask).mean() > 0.999
    assert detector.silhouettes(frame, np.zeros((0, 4), np.float32)).shape == (0, 48, 64)


def test_given_boxes_can_have_their_silhouettes_found(detector, frame):
    (found,) = detector.detect([frame])
    given = GivenFrame(
        xyxy_px=found.xyxy_px,
        gt_id=np.arange(len(found)),
        annotation=tuple([] for _ in range(len(found))),
    )
    (seen,) = GivenBoxes({0: given}, masks=detector).detect([frame])
    np.testing.assert_array_equal(seen.mask, detector.silhouettes(frame, seen.xyxy_px))


def test_it_gives_what_the_network_says_of_people(detector, frame):
    image = torch.tensor(frame.rgb).permute(2, 0, 1) / 255
    with torch.inference_mode():
        (raw,) = detector.network([image])
    people = raw["labels"] == 1
    (found,) = detector.detect([frame])
    assert 0 < len(found) == people.sum()
    np.testing.assert_allclose(found.xyxy_px, raw["boxes"][people], rtol=1e-6)
    np.testing.assert_allclose(found.score, raw["scores"][people], rtol=1e-6)
    np.testing.assert_array_equal(found.mask, raw["masks"][people, 0] >= 0.5)
    assert found.class_id.tolist() == [0] * len(found)
    assert found.mask.shape == (len(found), 48, 64)
    assert (found.score >= 0.5).all()


def test_other_things_than_people_are_not_given(detector, frame):
    bias = detector.network.roi_heads.box_predictor.cls_score.bias
    bias[1], bias[2] = bias[2].clone(), bias[1].clone()  # now everything is a bicycle
    try:
        (found,) = detector.detect([frame])
    finally:
        bias[1], bias[2] = bias[2].clone(), bias[1].clone()
    assert len(found) == 0
    assert found.mask.shape == (0, 48, 64)


def test_it_keeps_the_contract_of_detectors(detector, frame, make_frame):
    """As tests/contract has it, on few pictures: this network is too slow for all of them."""
    assert isinstance(detector, Detector)
    assert detector.detect([]) == []
    frames = [frame, *(make_frame(i, height, width) for i, (height, width) in enumerate(ODD, 1))]
    together = detector.detect(frames)
    detector.reset()
    for one, found in zip(frames, together, strict=True):
        (alone,) = detector.detect([one])
        np.testing.assert_array_equal(alone.xyxy_px, found.xyxy_px)
        np.testing.assert_array_equal(alone.score, found.score)
        x0, y0, x1, y1 = found.xyxy_px.T
        assert np.all((x0 >= 0) & (x0 < x1) & (x1 <= one.width))
        assert np.all((y0 >= 0) & (y0 < y1) & (y1 <= one.height))
        assert np.all(np.diff(found.score) <= 0)
        assert found.mask.shape == (len(found), one.height, one.width)
        assert (found.mask.dtype, found.xyxy_px.dtype, found.score.dtype, found.class_id.dtype) == (
            bool,
            np.float32,
            np.float32,
            np.int64,
        )


def test_official_weights_are_loaded_by_name(detector, frame, monkeypatch):
    """Stands in for the file of 177 MiB, a bare state dict."""
    asked = []

    def read(path, entry):
        asked.append((path, entry))
        return detector.network.state_dict()

    monkeypatch.setattr(maskrcnn, "read_state_dict", read)
    monkeypatch.setattr(maskrcnn, "fetch", lambda file: Path("cache") / file.name)
    other = MaskRcnn(short_side_px=48, long_side_px=64)
    assert asked == [(Path("cache") / maskrcnn.WEIGHTS, None)]
    other.network.rpn._post_nms_top_n["testing"] = 10
    other.network.roi_heads.detections_per_img = 4
    (one,), (two,) = detector.detect([frame]), other.detect([frame])
    np.testing.assert_array_equal(one.xyxy_px, two.xyxy_px)


def test_weights_of_another_network_are_refused(torchvision, tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"backbone.weight": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match="do not fit the network"):
        MaskRcnn(weights=path)


def test_a_dead_host_says_what_to_get_and_where_to_put_it(torchvision, tmp_path, monkeypatch):
    def dead(*_, **__):
        raise urllib.error.URLError("no such host")

    monkeypatch.setenv("HUMANTRACK_CACHE", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", dead)
    with pytest.raises(MissingWeightsError) as caught:
        MaskRcnn()
    message = str(caught.value)
    assert "https://download.pytorch.org/models/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth" in (
        message
    )
    assert str(tmp_path / "torch" / "hub" / "checkpoints" / maskrcnn.WEIGHTS) in message


class Finder:
    """Makes importing torchvision fail."""

    def __init__(self, error):
        self.error = error

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchvision":
            raise self.error


@pytest.fixture
def break_torchvision(monkeypatch):
    def install(error):
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [Finder(error), *sys.meta_path])

    return install


def test_a_torchvision_that_is_missing_is_named(break_torchvision):
    break_torchvision(ModuleNotFoundError("No module named 'torchvision'", name="torchvision"))
    with pytest.raises(DependencyError, match=r"not installed: torchvision\. Run pip install"):
        MaskRcnn(weights=None)


@pytest.mark.parametrize(
    "error", [RuntimeError("operator torchvision::nms does not exist\nmore"), OSError("no libc10")]
)
def test_a_torchvision_of_another_torch_is_one_line(break_torchvision, error):
    break_torchvision(error)
    with pytest.raises(DependencyError) as caught:
        MaskRcnn(weights=None)
    message = str(caught.value)
    assert f"torch {torch.__version__} and torchvision" in message
    assert "do not match" in message
    assert str(error).splitlines()[0] in message
    assert "more" not in message
    assert "nanodet" in message
