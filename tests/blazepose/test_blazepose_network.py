"""Crops, landmarks and refinement against the golden data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack import models
from humantrack.blazepose import network, regions
from humantrack.blazepose.network import LandmarkNetwork, Landmarks
from humantrack.blazepose.regions import Cropper


@pytest.fixture(scope="module")
def raw(golden) -> list[np.ndarray]:
    inputs = network.network_input(golden["pose_crops"])
    return models.session(models.BLAZEPOSE).run(network._OUTPUTS, {"input": inputs})


@pytest.fixture(scope="module")
def seen(golden) -> Landmarks:
    return LandmarkNetwork()(Cropper(golden["pose_image"]), golden["pose_rois"])


def test_matrices_are_the_golden_ones(golden):
    got = regions.matrices(golden["pose_rois"])
    np.testing.assert_allclose(got, golden["pose_matrices"], atol=1e-4)


def test_the_first_region_comes_from_the_box(golden):
    (region,) = regions.from_boxes(golden["pose_box"][None])
    np.testing.assert_allclose(region, golden["pose_rois"][0], rtol=1e-6)


def test_crops_are_the_golden_ones(golden):
    crops = Cropper(golden["pose_image"]).crops(golden["pose_rois"])
    assert np.abs(crops.astype(int) - golden["pose_crops"]).max() <= 2


@pytest.mark.parametrize(
    ("index", "name", "step"),
    [
        (0, "landmarks", 1),
        (1, "flag", 1),
        (2, "segmentation_sub", 8),
        (3, "heatmap_sub", 4),
        (4, "world", 1),
    ],
)
def test_the_network_gives_the_golden_outputs(golden, raw, index, name, step):
    expected = golden[f"pose_raw_{name}"]
    got = raw[index][..., ::step, ::step] if step > 1 else raw[index]
    np.testing.assert_allclose(got, expected, atol=1e-3 * max(np.ptp(expected), 1))


@pytest.mark.parametrize("person", [0, 1])
def test_refined_points_are_the_golden_ones(golden, raw, person):
    rows = raw[0].reshape(2, 39, 5)[person : person + 1, :, :2].astype(np.float64)
    got = network.refine(rows, raw[3][person : person + 1])[0]
    np.testing.assert_allclose(got, golden[f"pose_refined_crop_xy_{person}"], atol=0.1)


@pytest.mark.parametrize(
    ("field", "name", "tolerance"),
    [
        ("xy_px", "pose_xy", 0.1),
        ("z_px", "pose_z", 0.1),
        ("visibility", "pose_visibility", 1e-3),
        ("presence", "pose_presence", 1e-3),
        ("world", "pose_world", 1e-3),
        ("next_region", "pose_next_roi", 0.2),
    ],
)
def test_landmarks_are_the_golden_ones(golden, seen, field, name, tolerance):
    np.testing.assert_allclose(getattr(seen, field), golden[name], atol=tolerance)


def test_a_batch_gives_what_single_people_give(golden, seen):
    cropper, at = Cropper(golden["pose_image"]), golden["pose_rois"]
    for i in range(2):
        alone = LandmarkNetwork()(cropper, at[i : i + 1])
        np.testing.assert_allclose(alone.xy_px[0], seen.xy_px[i], atol=1e-3)
        np.testing.assert_allclose(alone.world[0], seen.world[i], atol=1e-5)


def test_nobody_is_no_work(golden):
    nobody = LandmarkNetwork()(Cropper(golden["pose_image"]), np.zeros((0, 4)))
    assert len(nobody) == 0
    both = Landmarks.concatenate([nobody, nobody])
    assert both.xy_px.shape == (0, 33, 2)


def test_people_are_picked_by_index(seen):
    np.testing.assert_array_equal(seen[[1]].xy_px, seen.xy_px[1:])
    assert len(seen[[]]) == 0


def test_without_a_peak_points_stay_and_at_the_border_the_window_is_cut():
    flat = np.full((1, 1, 64, 64), -5.0, np.float32)
    xy = np.array([[[100.0, 200.0]]])
    np.testing.assert_array_equal(network.refine(xy, flat), xy)
    corner = flat.copy()
    corner[0, 0, 0, 1] = 50
    got = network.refine(np.array([[[1.0, 2.0]]]), corner)
    share = 1 / (1 + np.exp(5.0))
    expected = (1 + share * (4 * 6 - 1)) / (1 + share * 15) * 4
    assert got[0, 0, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("xy", [(-5.0, 5.0), (5.0, 256.0), (1e6, -1e6)])
def test_points_outside_the_crop_stay(xy):
    peak = np.full((1, 1, 64, 64), 5.0, np.float32)
    np.testing.assert_array_equal(network.refine(np.array([[xy]]), peak), [[xy]])


angles = st.floats(-3.1, 3.1)
lengths = st.floats(5, 500)


@settings(max_examples=100, deadline=None)
@given(angle=angles, side=lengths, x=st.floats(-100, 2000), y=st.floats(-100, 2000))
def test_a_circle_gives_back_its_region(angle, side, x, y):
    arm = side / 2 / regions.MARGIN
    rim = np.array([[x + arm * np.sin(angle), y - arm * np.cos(angle)]])
    (region,) = regions.from_circles(np.array([[x, y]]), rim)
    np.testing.assert_allclose(region, [x, y, side, angle], atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(angle=angles, side=lengths)
def test_a_matrix_takes_the_crops_centre_to_the_regions_and_keeps_lengths(angle, side):
    (matrix,) = regions.matrices(np.array([[30.0, 40.0, side, angle]]))
    np.testing.assert_allclose(matrix @ [128, 128, 1], [30, 40], atol=1e-9)
    across = matrix @ [256, 0, 1] - matrix @ [0, 0, 1]
    np.testing.assert_allclose(across, side * np.array([np.cos(angle), np.sin(angle)]), atol=1e-9)


def test_a_large_region_is_shrunk_by_averaging():
    """Stripes of one pixel become grey, not one of their colours."""
    stripes = np.zeros((1100, 1100, 3), np.uint8)
    stripes[:, ::2] = 200
    (crop,) = Cropper(stripes).crops(np.array([[550.0, 550.0, 1024.0, 0.0]]))
    assert abs(crop[100:150, 100:150].astype(float).mean() - 100) < 3
    assert crop[100:150, 100:150].std() < 5


def test_outside_the_image_is_black():
    white = np.full((50, 50, 3), 255, np.uint8)
    (crop,) = Cropper(white).crops(np.array([[0.0, 0.0, 100.0, 0.0]]))
    assert not crop[:120, :120].any()
    assert crop[140:240, 140:240].min() == 255
