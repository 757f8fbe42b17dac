"""The padded square and PHALP's cameras."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humantrack.geometry.cameras import (
    PaddedSquare,
    crop_to_full,
    full_to_crop,
    project_to_square,
)

SQUARES = st.builds(PaddedSquare, st.integers(16, 4000), st.integers(16, 4000))


def numbers(shape: tuple[int, ...], low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, shape, elements=st.floats(low, high, allow_subnormal=False))


@st.composite
def padded_boxes(draw: st.DrawFn) -> np.ndarray:
    corner = draw(numbers((3, 2), -500, 4000))
    return np.concatenate([corner, corner + draw(numbers((3, 2), 10, 2000))], axis=1)


TRANSLATIONS = st.tuples(numbers((3, 2), -50, 50), numbers((3, 1), 1, 500)).map(np.hstack)


@pytest.mark.parametrize(
    ("height", "width", "offset"),
    [(480, 640, (0, 80)), (640, 480, (80, 0)), (333, 500, (0, 83)), (100, 100, (0, 0))],
)
def test_padding_is_centred_with_whole_pixels(
    height: int, width: int, offset: tuple[int, int]
) -> None:
    square = PaddedSquare(height, width)
    np.testing.assert_array_equal(square.offset, offset)
    np.testing.assert_allclose(square.from_image(-square.offset), [0, 0], atol=1e-12)


@given(SQUARES, numbers((5, 2), -5000, 5000))
def test_image_and_square_return(square: PaddedSquare, xy: np.ndarray) -> None:
    np.testing.assert_allclose(square.to_image(square.from_image(xy)), xy, atol=1e-6)


@given(SQUARES)
def test_whole_image_lies_in_the_square(square: PaddedSquare) -> None:
    corners = square.from_image(np.array([[0, 0], [square.width, square.height]]))
    assert np.all((corners >= -1e-12) & (corners <= 1 + 1e-12))


@given(SQUARES, TRANSLATIONS, padded_boxes())
def test_crop_camera_and_translation_return(
    square: PaddedSquare, cam_t: np.ndarray, padded: np.ndarray
) -> None:
    crop = full_to_crop(cam_t, padded, square)
    assert np.all(crop[:, 0] > 0)
    np.testing.assert_allclose(crop_to_full(crop, padded, square), cam_t, rtol=1e-5, atol=1e-5)


@given(SQUARES, TRANSLATIONS, numbers((3, 4, 3), -0.9, 0.9))
def test_both_projections_agree(
    square: PaddedSquare, cam_t: np.ndarray, joints: np.ndarray
) -> None:
    in_square = project_to_square(joints, cam_t)
    in_image = square.project(joints + cam_t[:, None])
    np.testing.assert_allclose(square.to_image(in_square), in_image, rtol=1e-6, atol=1e-3)


def test_crop_camera_in_the_middle_of_the_image() -> None:
    square = PaddedSquare(256, 256)
    middle = np.array([[64, 0, 192, 256]], float)
    # A body at the centre of a crop as large as the square: z = 2 f / (s 256).
    cam_t = crop_to_full(np.array([[1.0, 0.1, -0.2]]), middle, square)
    np.testing.assert_allclose(cam_t, [[0.1, -0.2, 2 * 5000 / 256]])
    np.testing.assert_allclose(project_to_square(np.zeros((1, 1, 3)), cam_t)[0, 0, 0], 0.55)


def test_crop_camera_is_moved_to_its_box() -> None:
    square = PaddedSquare(480, 640)
    right = np.array([[400, 100, 520, 260]], float)
    cam_t = crop_to_full(np.array([[0.9, 0.0, 0.0]]), right, square)
    np.testing.assert_allclose(square.project(cam_t), [[460, 180]], atol=1e-6)
