"""Crops against OpenCV's golden ones, and boxes that a detector should not have given."""

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, crop_image_bgr, crop_mask
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.geometry import crops
from humantrack.geometry.boxes import expand_to_aspect


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "crop_golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def rgb():
    return torch.from_numpy(crop_image_bgr()[:, :, ::-1].copy())


def test_the_picture_is_the_golden_one(golden):
    image = crop_image_bgr()
    assert (image.sum(axis=(0, 1)) == golden["image_sum_bgr"]).all()
    assert (image[100, ::16] == golden["image_row100"]).all()


def test_padding(golden):
    assert np.allclose(expand_to_aspect(golden["boxes"]), golden["boxes_padded"], atol=1e-4)


def test_person_crops_are_opencv5s(golden, rgb):
    cut = crops.person_crops(rgb, golden["boxes_padded"]).numpy()
    off = np.abs(cut - golden["crops_u8_cv5"][:, :3])
    assert off.max() <= 1
    assert off.mean(axis=(1, 2, 3)).max() < 3e-4


def test_mask_crops_are_opencv5s(golden):
    masks = torch.from_numpy(np.stack([crop_mask(box) for box in golden["boxes"]]))
    cut = crops.mask_crops(masks, golden["boxes_padded"]).numpy()
    off = np.abs(cut - golden["crops_u8_cv5"][:, 3:])
    assert off.max() <= 1
    # one row of a mask lies 2e-4 from half a level, where a float32 matrix rounds the other way
    assert off.mean(axis=(1, 2, 3)).max() < 1.4e-3
    assert np.median(off.mean(axis=(1, 2, 3))) == 0


def test_normalised_rows(golden, rgb):
    cut = crops.normalise(crops.person_crops(rgb, golden["boxes_padded"]))
    rows = cut[:, :, 120, ::8].numpy()
    assert np.abs(rows - golden["norm_rows_cv5"][:, :3]).max() < 1 / 57 + 1e-4
    assert np.median(np.abs(rows - golden["norm_rows_cv5"][:, :3])) < 1e-5


def test_image_demo(golden, rgb):
    cut = crops.image_demo_crops(rgb, golden["vitdet_boxes"])[:, :, ::4, ::4].numpy()
    off = np.abs(cut - golden["vitdet_img_sub"])
    # the golden file's OpenCV 4 places samples on a grid of 1/32 pixel
    assert off.max() < 0.03
    assert off.mean() < 0.005


def test_camera_of_the_whole_picture(golden):
    padded = expand_to_aspect(golden["vitdet_boxes"])
    got = crops.crop_to_image_camera(golden["camfull_pred_cam"], padded, 360, 480)
    assert np.allclose(got, golden["camfull"], rtol=1e-5)


def test_crop_reads_where_it_says():
    ramp = torch.arange(64.0)[:, None, None] * 100 + torch.arange(64.0)[None, :, None]
    cut = crops.square_crops(ramp, np.array([[10.0, 20, 26, 36]]), size=16)[0, 0]
    want = (torch.arange(16.0)[:, None] + 20) * 100 + torch.arange(16.0)[None] + 10
    assert torch.equal(cut, want)


def test_box_crops_fill_the_tight_box():
    tight, padded = np.array([[10.0, 20, 20, 40]]), np.array([[5.0, 20, 25, 40]])
    mask = crops.box_crops(tight, padded)[0, 0].numpy()
    assert mask.mean() == pytest.approx(255 / 2, rel=0.01)
    assert mask[128, 128] == 255
    assert mask[128, 10] == 0


@pytest.mark.parametrize(
    "box",
    [
        [1000, 1000, 1200, 1300],
        [-900, -900, -700, -600],
        [1e30, 1e30, 2e30, 2e30],
        [np.nan, 0, 10, 10],
        [np.inf, 0, np.inf, 10],
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_boxes_outside_are_black(rgb, box):
    cut = crops.person_crops(rgb, np.array([box]))
    assert cut.shape == (1, 3, 256, 256)
    assert not cut.any()


@pytest.mark.parametrize("box", [[10, 10, 10, 10], [10, 10, 11, 11], [5, 5, 4, 4]])
def test_boxes_of_a_pixel_or_less(rgb, box):
    cut = crops.person_crops(rgb, np.array([box], float))
    assert torch.isfinite(cut).all()
    assert cut.std() < 40


def test_no_boxes(rgb):
    none = np.zeros((0, 4))
    assert crops.person_crops(rgb, none).shape == (0, 3, 256, 256)
    assert crops.image_demo_crops(rgb, none).shape == (0, 3, 256, 256)
    assert crops.mask_crops(torch.zeros(0, 9, 9, dtype=torch.bool), none).shape == (0, 1, 256, 256)
    assert crops.box_crops(none, none).shape == (0, 1, 256, 256)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-600, 900, width=32), min_size=4, max_size=4))
def test_levels_stay_between_those_of_the_picture(box):
    image = torch.full((36, 48, 3), 200, dtype=torch.uint8)
    cut = crops.square_crops(image, np.array([box]), size=32)
    assert cut.min() >= 0
    assert cut.max() <= 200.001
