"""The estimator stage on a tiny HMR2: frames and boxes in, bodies out."""

import json

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, crop_image_bgr, crop_mask

from humantrack.geometry.boxes import expand_to_aspect
from humantrack.geometry.cameras import PaddedSquare
from humantrack.hmr2.estimator import Hmr2Estimator
from humantrack.types import Appearance, Detections, Frame
from humantrack.types.stages import Estimator


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "crop_golden.npz") as file:
        return dict(file)


def frame(rgb, index=0):
    return Frame(index=index, source_index=index, time_s=index / 30, rgb=rgb, key=str(index))


@pytest.fixture(scope="module")
def picture():
    rgb = np.ascontiguousarray(crop_image_bgr()[:, :, ::-1])
    rgb.flags.writeable = False  # as a decoder may hand it over
    return rgb


def boxes(xyxy, mask=None):
    xyxy = np.asarray(xyxy, np.float32).reshape(-1, 4)
    return Detections(
        xyxy_px=xyxy,
        score=np.linspace(0.9, 0.8, len(xyxy), dtype=np.float32),
        class_id=np.zeros(len(xyxy), np.int64),
        mask=mask,
    )


@pytest.fixture
def found(golden):
    mask = np.stack([crop_mask(box) for box in golden["boxes"]])
    return boxes(golden["boxes"], mask)


class Witness:
    """An appearance stage that keeps what it was given."""

    def __init__(self):
        self.batches = []

    def describe(self, people):
        self.batches.append(people)
        n = len(people.crops)
        code = np.zeros((n, 4096), np.float32)
        code[:, 0] = people.crops[:, 3].mean(dim=(1, 2)).numpy()
        uv = people.crops.numpy().copy()
        return Appearance(code=code, uv=uv)


def test_it_is_an_estimator(tiny):
    estimator = Hmr2Estimator(tiny)
    assert isinstance(estimator, Estimator)
    estimator.reset()


def test_crops_reach_the_appearance_stage_as_opencv_cuts_them(tiny, golden, picture, found):
    witness = Witness()
    estimator = Hmr2Estimator(tiny, appearance=witness, min_size_px=(0, 0))
    [people] = estimator.estimate([frame(picture)], [found])
    [batch] = witness.batches
    rows = batch.crops[:, :, 120, ::8].numpy()
    off = np.abs(rows - golden["norm_rows_cv5"])
    assert off[:, :3].max() < 1 / 57 + 1e-4
    assert off[:, 3].max() <= 1
    assert batch.output.vertices.shape == (4, 6890, 3)
    assert people.appearance.uv.shape == (4, 4, 256, 256)
    assert np.allclose(people.padded_xyxy_px, golden["boxes_padded"], atol=1e-3)


def test_bodies_agree_with_the_network(tiny, golden, picture, found):
    witness = Witness()
    estimator = Hmr2Estimator(tiny, appearance=witness, min_size_px=(0, 0))
    [people] = estimator.estimate([frame(picture)], [found])
    bodies, output = people.bodies, witness.batches[0].output
    assert np.allclose(bodies.body_pose, output.body_pose, atol=1e-6)
    assert np.allclose(bodies.cam_crop, output.cam, atol=1e-6)
    assert np.allclose(bodies.joints_3d[:, :44], output.keypoints_3d, atol=1e-6)
    assert not bodies.joints_3d[:, 44].any()
    for name in ("global_orient", "betas", "cam_t", "joints_2d", "joints_3d"):
        assert getattr(bodies, name).dtype == np.float32

    # A joint lies where the crop's own camera puts it, in pixels of the frame.
    padded = expand_to_aspect(golden["boxes"])
    side = (padded[:, 2:] - padded[:, :2]).max(axis=1)
    centre = (padded[:, :2] + padded[:, 2:]) / 2
    in_crop = centre[:, None] + output.keypoints_2d.numpy() * side[:, None, None]
    in_frame = PaddedSquare(360, 480).to_image(bodies.joints_2d[:, :44])
    assert np.abs(in_frame - in_crop).max() < 2.5  # perspective differs a little off the centre
    assert np.abs(in_frame - in_crop).mean() < 0.6


def test_chunks_and_batches_make_no_difference(tiny, picture, found):
    frames = [frame(picture, 0), frame(picture[::-1].copy(), 1), frame(picture[:300, :200], 2)]
    detections = [found, boxes(np.zeros((0, 4))), boxes([[10, 20, 90, 190], [50, 60, 140, 250]])]
    whole = Hmr2Estimator(tiny, appearance=Witness(), min_size_px=(0, 0))
    small = Hmr2Estimator(tiny, appearance=Witness(), batch_size=3, min_size_px=(0, 0))
    together = whole.estimate(frames, detections)
    apart = [small.estimate([f], [d])[0] for f, d in zip(frames, detections, strict=True)]
    batched = small.estimate(frames, detections)
    assert [len(people) for people in together] == [4, 0, 2]
    for other in (apart, batched):
        for a, b in zip(together, other, strict=True):
            assert np.allclose(a.bodies.joints_3d, b.bodies.joints_3d, atol=1e-5)
            assert np.allclose(a.bodies.cam_t, b.bodies.cam_t, rtol=1e-4)
            assert np.array_equal(a.appearance.code, b.appearance.code)


def test_small_boxes_are_dropped_and_the_rest_keeps_its_rows(tiny, picture):
    detections = boxes([[0, 0, 49, 200], [0, 0, 60, 120], [0, 0, 60, 99], [100, 50, 180, 300]])
    [people] = Hmr2Estimator(tiny).estimate([frame(picture)], [detections])
    assert people.source.tolist() == [1, 3]
    assert np.array_equal(people.detections.xyxy_px, detections.xyxy_px[[1, 3]])
    assert not people.appearance.code.any()
    assert people.appearance.uv is None
    [bodies] = Hmr2Estimator(tiny).bodies([frame(picture)], [detections])
    assert len(bodies) == 4


def test_without_masks_the_box_is_the_mask(tiny, picture):
    witness = Witness()
    Hmr2Estimator(tiny, appearance=witness).estimate(
        [frame(picture)], [boxes([[100, 50, 180, 300]])]
    )
    mask = witness.batches[0].crops[0, 3]
    assert set(mask.unique().tolist()) == {0.0, 255.0}
    assert mask.mean() / 255 == pytest.approx(80 / 250, abs=0.01)


@pytest.mark.parametrize(
    "box", [[5, 5, 6, 6], [-500, -500, -300, -100], [2000, 2000, 2100, 2300], [7, 7, 7, 7]]
)
def test_odd_boxes_give_finite_bodies(tiny, picture, box):
    [bodies] = Hmr2Estimator(tiny).bodies([frame(picture)], [boxes([box])])
    assert np.isfinite(bodies.joints_3d).all()
    assert np.isfinite(bodies.body_pose).all()


def test_nobody_at_all(tiny, picture):
    estimator = Hmr2Estimator(tiny, appearance=Witness())
    assert estimator.estimate([], []) == []
    [people] = estimator.estimate([frame(picture)], [Detections.empty()])
    assert len(people) == 0
    with pytest.raises(ValueError, match="batch_size"):
        Hmr2Estimator(tiny, batch_size=0)


def test_the_golden_shapes_are_those_of_the_tiny_network(tiny):
    shapes = json.loads((GOLDEN / "hmr2_tiny_state_dict.json").read_text())
    assert set(shapes) == set(tiny.state_dict())
    assert tiny.device == torch.device("cpu")
