"""The adapter to detectron2, against a small stand-in with detectron2's signatures."""

from __future__ import annotations

import importlib.util
import pickle
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from humantrack.detect.vitdet_detectron2 import Detectron2VitDet
from humantrack.errors import DependencyError, MissingWeightsError, WeightsError


@pytest.fixture(scope="module")
def fake():
    """tests/detect/fake_detectron2.py; not importable by name, so that no other test meets it."""
    path = Path(__file__).with_name("fake_detectron2.py")
    spec = importlib.util.spec_from_file_location("fake_detectron2", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def detectron2(fake):
    with fake.installed():
        yield fake


@pytest.fixture
def weights(fake, tmp_path):
    return fake.write_weights(tmp_path / "model.pkl")


@pytest.fixture
def frame(make_frame):
    rgb = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    rgb.setflags(write=False)
    return make_frame(rgb=rgb)


def test_people_are_given_with_their_masks(detectron2, weights, frame):
    (found,) = Detectron2VitDet(weights=weights).detect([frame])
    # Not the bicycle, not the box without a width, not the score of 0.3.
    np.testing.assert_allclose(found.xyxy_px, [[20, 20, 100, 100], [100, 10, 180, 80]], rtol=1e-6)
    np.testing.assert_allclose(found.score, [0.9, 0.6], rtol=1e-6)
    assert found.class_id.tolist() == [0, 0]
    assert found.mask.dtype == bool
    assert found.mask.shape == (2, 100, 200)
    assert found.mask[0].sum() == 80 * 40
    assert found.mask[0, 20:60, 20:100].all()


def test_score_reaches_every_stage_of_the_cascade(detectron2, weights, frame):
    detector = Detectron2VitDet(weights=weights, score=0.7)
    predictors = detector.network.config.roi_heads.box_predictors
    assert [p.test_score_thresh for p in predictors] == [0.7] * 3
    assert len(detector.detect([frame])[0]) == 1


def test_the_network_is_the_original(detectron2, weights):
    """PHALP's configs/cascade_mask_rcnn_vitdet_h_75ep.py."""
    config = Detectron2VitDet(weights=weights).network.config
    net, heads = config.backbone.net, config.roi_heads
    assert (net.embed_dim, net.depth, net.num_heads) == (1280, 32, 16)
    assert [i for i in range(32) if i not in net.window_block_indexes] == [7, 15, 23, 31]
    assert not {"box_head", "box_predictor", "proposal_matcher"} & heads.keys()
    assert heads["_target_"] == "CascadeROIHeads"
    weights_of = [p.box2box_transform.weights for p in heads.box_predictors]
    assert weights_of == [(10, 10, 5, 5), (20, 20, 10, 10), (30, 30, 15, 15)]
    assert [m.thresholds for m in heads.proposal_matchers] == [[0.5], [0.6], [0.7]]
    assert all(h.conv_dims == [256] * 4 and h.fc_dims == [1024] for h in heads.box_heads)


def test_the_network_sees_rgb_scaled_to_1024(detectron2, weights, make_frame):
    detector = Detectron2VitDet(weights=weights)
    rgb = np.zeros((300, 600, 3), np.uint8)
    rgb[..., 0] = 200
    detector.detect([make_frame(rgb=rgb)])
    (seen,) = detector.network.seen
    assert (seen["height"], seen["width"]) == (300, 600)
    assert tuple(seen["image"].shape) == (3, 512, 1024)
    assert seen["image"].dtype.is_floating_point
    assert seen["image"].mean(dim=(1, 2)).tolist() == [200, 0, 0]


def test_weights_are_loaded_for_inference(detectron2, weights):
    network = Detectron2VitDet(weights=weights).network
    assert network.head.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"head__bias": None}, "1 missing: head.bias"),
        ({"head__bias": np.ones(4, np.float32)}, r"head.bias \(4,\) instead of \(3,\)"),
        ({"head__bias": np.array(["a"] * 3)}, "no numbers under 'head.bias'"),
    ],
)
def test_weights_that_do_not_fit_are_named(detectron2, tmp_path, changes, problem):
    path = detectron2.write_weights(tmp_path / "other.pkl", **changes)
    with pytest.raises(WeightsError, match=problem):
        Detectron2VitDet(weights=path)


@pytest.mark.parametrize("content", [{"blobs": {}}, {"model": [1]}, [1, 2], None])
def test_other_pickles_are_refused(detectron2, tmp_path, content):
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match="no weights of detectron2"):
        Detectron2VitDet(weights=path)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_code_in_the_weights_is_never_run(detectron2, tmp_path):
    trap = tmp_path / "trap"
    path = detectron2.write_weights(tmp_path / "evil.pkl", head__bias=Touch(trap))
    with pytest.raises(WeightsError, match="no numbers"):
        Detectron2VitDet(weights=path)
    assert not trap.exists()


def test_a_dead_host_says_what_to_get_and_where_to_put_it(detectron2, tmp_path, monkeypatch):
    def dead(*_, **__):
        raise urllib.error.URLError("no such host")

    monkeypatch.setenv("HUMANTRACK_CACHE", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", dead)
    with pytest.raises(MissingWeightsError, match=r"model_final_f05665\.pkl") as caught:
        Detectron2VitDet()
    assert str(tmp_path / "detectron2" / "cascade_mask_rcnn_vitdet_h.pkl") in str(caught.value)


def test_without_detectron2_the_alternatives_are_named(monkeypatch, weights):
    monkeypatch.setitem(sys.modules, "detectron2", None)
    with pytest.raises(DependencyError, match="needs detectron2, which is missing") as caught:
        Detectron2VitDet(weights=weights)
    message = str(caught.value)
    assert all(name in message for name in ("maskrcnn", "nanodet", "given"))
    assert "\n" not in message


def test_a_detectron2_without_what_it_needs_says_so(detectron2, monkeypatch, weights):
    monkeypatch.setitem(sys.modules, "detectron2.modeling.matcher", None)
    with pytest.raises(DependencyError, match=r"which fails: .*matcher"):
        Detectron2VitDet(weights=weights)
