"""Boxes: overlap, growing and suppression."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humantrack.geometry import boxes

COORDINATE = st.floats(-2000, 2000, width=32, allow_subnormal=False)
ANY = arrays(np.float64, (4, 4), elements=COORDINATE)


@st.composite
def proper(draw: st.DrawFn, count: int = 4) -> np.ndarray:
    """(count,4) boxes with sides of 1 to 1000 px."""
    corner = draw(arrays(np.float64, (count, 2), elements=COORDINATE))
    size = draw(arrays(np.float64, (count, 2), elements=st.floats(1, 1000)))
    return np.concatenate([corner, corner + size], axis=1)


@given(ANY, ANY)
def test_iou_is_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    overlap = boxes.iou(a, b)
    np.testing.assert_allclose(overlap, boxes.iou(b, a).T)
    assert np.all((overlap >= 0) & (overlap <= 1))


@given(proper())
def test_iou_of_a_box_with_itself_is_one(a: np.ndarray) -> None:
    np.testing.assert_allclose(np.diag(boxes.iou(a, a)), 1)


def test_iou_known_values() -> None:
    a = np.array([[0, 0, 10, 10]], float)
    b = np.array(
        [[5, 0, 15, 10], [10, 0, 20, 10], [0, 0, 10, 5], [3, 3, 3, 3], [9, 9, 1, 1]], float
    )
    np.testing.assert_allclose(boxes.iou(a, b), [[1 / 3, 0, 0.5, 0, 0]])
    assert boxes.iou(np.zeros((0, 4)), b).shape == (0, 5)


def test_area_of_an_inverted_box_is_zero() -> None:
    np.testing.assert_array_equal(boxes.area(np.array([[0, 0, 2, 3], [5, 5, 1, 9.0]])), [6, 0])


@given(ANY)
def test_corner_and_size_return(a: np.ndarray) -> None:
    np.testing.assert_allclose(boxes.xywh_to_xyxy(boxes.xyxy_to_xywh(a)), a, atol=1e-9)


@given(ANY)
def test_clipped_boxes_lie_inside(a: np.ndarray) -> None:
    clipped = boxes.clip_to_image(a, 480, 640)
    assert np.all(clipped >= 0)
    assert np.all(clipped <= [640, 480, 640, 480])


@given(proper(), st.sampled_from([(192, 256), (1, 1), (3, 1)]))
def test_expansion_only_grows_keeps_the_centre_and_has_the_aspect(
    a: np.ndarray, shape: tuple[int, int]
) -> None:
    grown = boxes.expand_to_aspect(a, shape)
    np.testing.assert_allclose(
        (grown[:, :2] + grown[:, 2:]) / 2, (a[:, :2] + a[:, 2:]) / 2, atol=1e-6
    )
    size, before = grown[:, 2:] - grown[:, :2], a[:, 2:] - a[:, :2]
    assert np.all(size >= before - 1e-6)
    np.testing.assert_allclose(size[:, 0] / size[:, 1], shape[0] / shape[1])
    # Only as much as needed: one side stays.
    assert np.all(np.isclose(size, before).any(axis=1))


def test_expansion_known_values() -> None:
    tall, wide = [0, 0, 30, 80], [0, 0, 90, 80]
    grown = boxes.expand_to_aspect(np.array([tall, wide], np.float32))
    np.testing.assert_allclose(grown, [[-15, 0, 45, 80], [0, -20, 90, 100]])
    assert grown.dtype == np.float32


def test_expansion_of_whole_numbers_is_not_rounded() -> None:
    grown = boxes.expand_to_aspect(np.array([[0, 0, 10, 15]]))
    np.testing.assert_allclose(grown, [[-0.625, 0, 10.625, 15]])


def test_expansion_to_no_shape_copies() -> None:
    a = np.array([[0, 0, 1, 2.0]])
    same = boxes.expand_to_aspect(a, None)
    np.testing.assert_array_equal(same, a)
    assert same is not a


def test_centre_and_side() -> None:
    centre, side = boxes.centre_and_side(np.array([[0, 10, 4, 40], [2, 2, 12, 4]], np.float32))
    np.testing.assert_array_equal(centre, [[2, 25], [7, 3]])
    np.testing.assert_array_equal(side, [30, 10])


@given(proper(6), arrays(np.float64, 6, elements=st.floats(0, 1)), st.floats(0, 1))
def test_suppression_keeps_the_best_and_nothing_that_overlaps(
    a: np.ndarray, scores: np.ndarray, threshold: float
) -> None:
    kept = boxes.non_max_suppression(a, scores, threshold)
    assert scores[kept[0]] == scores.max()
    assert np.all(np.diff(scores[kept]) <= 0)
    overlap = boxes.iou(a, a)
    assert np.all(overlap[np.ix_(kept, kept)][~np.eye(len(kept), dtype=bool)] <= threshold)
    for i in set(range(6)) - set(kept.tolist()):
        assert np.any(overlap[i, kept[scores[kept] >= scores[i]]] > threshold)


def test_suppression_known_case() -> None:
    a = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10]], float)
    np.testing.assert_array_equal(
        boxes.non_max_suppression(a, np.array([0.5, 0.9, 0.9]), 0.6), [1, 2]
    )
    assert boxes.non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.6).shape == (0,)
