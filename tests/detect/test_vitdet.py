"""ViTDet of our own against the numbers of the genuine program, stage by stage."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN
from hypothesis import given
from hypothesis import strategies as st
from vitdet_tools import (
    TINY,
    need_torchvision,
    shapes,
    tiniest_network,
    tiniest_vitdet,
    write_vitdet,
)

from humantrack.detect.vitdet import VitDet, VitDetNetwork, load_vitdet
from humantrack.detect.vitdet.detector import scaled_size, scaled_to
from humantrack.detect.vitdet.masks import paste
from humantrack.detect.vitdet.proposals import Proposals
from humantrack.errors import MissingWeightsError, WeightsError

SIZES = [(192, 256)]
TO_PICTURE = np.array([240 / 256, 180 / 192] * 2, np.float32)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "vitdet_golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_vitdet(tmp_path_factory.mktemp("vitdet") / "model_final_f05665.pkl")


@pytest.fixture(scope="module")
def network(weights):
    need_torchvision()
    return load_vitdet(weights, sizes=TINY)


@pytest.fixture(scope="module")
def pictures(golden):
    square = np.zeros((1, 256, 256, 3), np.uint8)
    square[0, :192] = golden["scaled"]
    return torch.from_numpy(square)


@pytest.fixture(scope="module")
def levels(network, pictures):
    with torch.inference_mode():
        return network.backbone(network.normalised(pictures, SIZES))


def test_a_picture_is_scaled_as_the_genuine_program_does(golden):
    np.testing.assert_array_equal(scaled_to(golden["rgb"], 256), golden["scaled"])
    assert golden["scaled"].shape[:2] == tuple(golden["image_sizes"][0])


@torch.inference_mode()
def test_features_of_the_transformer(network, pictures, golden):
    features = network.backbone.net(network.normalised(pictures, SIZES))
    np.testing.assert_allclose(features, golden["last_feat"], rtol=0, atol=1e-4)


@torch.inference_mode()
def test_the_pyramid(network, golden):
    made = network.backbone.levels(torch.from_numpy(golden["last_feat"]))
    for i, maps in enumerate(made, 2):
        step = 32 if i < 4 else 8  # the file holds so many of the 256 channels
        np.testing.assert_allclose(maps[:, ::step], golden[f"p{i}"], rtol=0, atol=1e-4)


@torch.inference_mode()
def test_proposals(network, levels, golden):
    (found,) = network.proposal_generator(levels, SIZES)
    np.testing.assert_allclose(found.logit, golden["objectness"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.boxes, golden["proposal_boxes"], rtol=0, atol=1e-3)


@pytest.fixture(scope="module")
def finest(levels):
    return [maps.contiguous() for maps in levels[:4]]


@pytest.fixture(scope="module")
def found(network, finest, golden):
    """What the cascade makes of the genuine program's proposals; takes a while."""
    proposals = Proposals(
        boxes=torch.from_numpy(golden["proposal_boxes"]),
        logit=torch.from_numpy(golden["objectness"]),
    )
    with torch.inference_mode():
        (found,) = network.roi_heads(finest, [proposals], SIZES, 0.02)
    return found


@pytest.mark.slow
@torch.inference_mode()
def test_boxes_scores_classes_and_masks(network, finest, found, golden):
    boxes = found.boxes.numpy() * TO_PICTURE
    np.testing.assert_allclose(found.score, golden["scores"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(boxes, golden["boxes"], rtol=0, atol=0.01)
    np.testing.assert_array_equal(found.label, golden["classes"])
    (masks,) = network.roi_heads.masks(finest, [found])
    pasted = paste(masks, torch.from_numpy(boxes), 180, 240).numpy()
    assert list(pasted.shape) == list(golden["masks_shape"])
    expected = np.unpackbits(golden["masks"], count=pasted.size).reshape(pasted.shape)
    assert (pasted == expected).mean() > 0.9999


@pytest.mark.slow
def test_the_detector_gives_the_people_among_them(network, found, golden, make_frame, monkeypatch):
    # The whole way from a frame, but for the cascade, which has just been seen to.
    monkeypatch.setattr(network.roi_heads, "forward", lambda *_: [found])
    (people,) = VitDet(network=network, score=0.02).detect([make_frame(rgb=golden["rgb"])])
    is_person = golden["classes"] == 0
    assert len(people) == is_person.sum() > 1
    np.testing.assert_allclose(people.score, golden["scores"][is_person], rtol=0, atol=1e-5)
    np.testing.assert_allclose(people.xyxy_px, golden["boxes"][is_person], rtol=0, atol=0.01)
    expected = np.unpackbits(golden["masks"]).reshape(golden["masks_shape"])[is_person]
    assert (people.mask == expected).mean() > 0.9999


def test_keys_and_shapes_are_those_of_the_official_network():
    with torch.device("meta"):
        network = VitDetNetwork()
    have = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    wanted = shapes("vitdet")
    assert have == wanted
    assert len(wanted) == 561
    assert sum(int(np.prod(shape)) for shape in wanted.values()) == 691_468_958


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"backbone__net__pos_embed": None}, "1 missing: backbone.net.pos_embed"),
        ({"backbone__net__cls": np.zeros(2, np.float32)}, "1 unknown: backbone.net.cls"),
        (
            {"roi_heads__mask_head__deconv__bias": np.zeros(3, np.float32)},
            r"misshapen: roi_heads.mask_head.deconv.bias \(3,\) instead of \(256,\)",
        ),
        ({"backbone__simfp_2__0__bias": np.array(["a"] * 32)}, "no numbers under"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, changes, problem):
    path = write_vitdet(tmp_path / "other.pkl", **changes)
    with pytest.raises(WeightsError, match=problem):
        load_vitdet(path, sizes=TINY)


def test_constants_of_old_files_and_other_number_types_are_no_fault(tmp_path, network):
    key = "backbone.simfp_2.0.bias"
    bias = network.state_dict()[key].numpy()
    path = write_vitdet(
        tmp_path / "old.pkl",
        pixel_mean=np.zeros((3, 1, 1), np.float32),
        proposal_generator__anchor_generator__cell_anchors__0=np.zeros((3, 4), np.float32),
        backbone__simfp_2__0__bias=bias.astype(">f8"),
    )
    loaded = load_vitdet(path, sizes=TINY).state_dict()[key]
    assert loaded.dtype == torch.float32
    np.testing.assert_array_equal(loaded, bias)


@pytest.mark.parametrize("content", [{"blobs": {}}, {"model": [1]}, [1, 2], None])
def test_other_pickles_are_refused(tmp_path, content):
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match="no weights of detectron2"):
        load_vitdet(path, sizes=TINY)


def test_a_file_cut_short_and_a_missing_one_are_told(weights, tmp_path):
    cut = tmp_path / "cut.pkl"
    cut.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(WeightsError):
        load_vitdet(cut, sizes=TINY)
    with pytest.raises(MissingWeightsError, match="no such model file"):
        load_vitdet(tmp_path / "none.pkl", sizes=TINY)


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_code_in_the_weights_is_never_run(tmp_path):
    trap = tmp_path / "trap"
    path = write_vitdet(tmp_path / "evil.pkl", backbone__net__pos_embed=Touch(trap))
    with pytest.raises(WeightsError):
        load_vitdet(path, sizes=TINY)
    assert not trap.exists()


@torch.inference_mode()
def test_half_precision_changes_little(weights, pictures, golden):
    scale = np.abs(golden["last_feat"]).max()
    for precision, most in (("bf16", 0.03), ("fp16", 0.005)):
        network = load_vitdet(weights, sizes=TINY, precision=precision)
        features = network.backbone.net(network.normalised(pictures, SIZES))
        assert features.dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        off = np.abs(features.float().numpy() - golden["last_feat"])
        assert off.max() < most * scale
        # What boxes and scores come of is not rounded.
        assert network.roi_heads.box_predictor[0].cls_score.weight.dtype == torch.float32
        assert network.proposal_generator.rpn_head.anchor_deltas.weight.dtype == torch.float32


def test_half_precision_finds_people_all_the_way(make_frame):
    detector = VitDet(network=copy.deepcopy(tiniest_network()))
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    (exact,) = detector.detect([make_frame(rgb=rgb)])
    detector.network.set_precision("bf16")
    (rounded,) = detector.detect([make_frame(rgb=rgb)])
    assert len(exact) > 0
    assert len(rounded) > 0
    assert rounded.xyxy_px.dtype == rounded.score.dtype == np.float32
    assert abs(rounded.score[0] - exact.score[0]) < 0.02


@torch.inference_mode()
def test_the_compiled_network_says_the_same(weights, network, pictures):
    compiled = load_vitdet(weights, sizes=TINY).compile_backbone(backend="eager")
    image = network.normalised(pictures, SIZES)
    for a, b in zip(compiled.backbone(image), network.backbone(image), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_a_batch_says_of_each_frame_what_it_says_alone(make_frame):
    numbers = np.random.default_rng(1)
    frames = [
        make_frame(i, rgb=numbers.integers(0, 256, (*size, 3), np.uint8))
        for i, size in enumerate([(40, 60), (60, 40), (33, 33), (7, 90), (40, 60)])
    ]
    together = tiniest_vitdet(batch_size=3).detect(frames)
    for frame, found in zip(frames, together, strict=True):
        (alone,) = tiniest_vitdet().detect([frame])
        assert len(found) == len(alone) > 0
        np.testing.assert_allclose(found.xyxy_px, alone.xyxy_px, rtol=0, atol=1e-3)
        np.testing.assert_allclose(found.score, alone.score, rtol=0, atol=1e-5)
        assert found.mask.shape == (len(found), frame.height, frame.width)
        assert (found.mask == alone.mask).mean() > 0.999


def test_what_lies_beside_a_picture_in_its_square_is_not_seen(network, pictures):
    dirty = pictures.clone()
    dirty[:, 192:] = 255
    same = network.normalised(dirty, SIZES)
    torch.testing.assert_close(same, network.normalised(pictures, SIZES), rtol=0, atol=0)
    assert (same[:, :, 192:] == 0).all()


def test_a_batch_has_at_least_one_frame():
    with pytest.raises(ValueError, match="at least 1"):
        tiniest_vitdet(batch_size=0)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_pictures_of_any_shape_fit_the_square(height, width):
    tall, wide = scaled_size(height, width, 1024)
    assert max(tall, wide) == 1024
    assert min(tall, wide) >= 1
    assert abs(tall - 1024 * height / max(height, width)) <= 1
    assert abs(wide - 1024 * width / max(height, width)) <= 1


@pytest.mark.parametrize(
    ("size", "scaled"),
    [((1080, 1920), (576, 1024)), ((720, 1280), (576, 1024)), ((1920, 1080), (1024, 576))],
)
def test_sizes_of_usual_videos(size, scaled):
    assert scaled_size(*size, 1024) == scaled


def test_a_mask_covers_the_pixels_whose_centres_are_in_it():
    masks = torch.ones(3, 28, 28)
    boxes = torch.tensor([[2.0, 1, 6, 5], [-4, -4, 4, 4], [0, 0, 8, 6]])
    pasted = paste(masks, boxes, 6, 8)
    assert pasted[0].sum() == 16
    assert pasted[0, 1:5, 2:6].all()
    assert pasted[1, :4, :4].all()
    assert pasted[1].sum() == 16
    assert pasted[2].all()
