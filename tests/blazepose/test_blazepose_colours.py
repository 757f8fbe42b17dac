"""The colour signature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.blazepose import colours


def test_the_signature_is_the_golden_one(golden):
    got = colours.signature(golden["pose_image"], golden["pose_xy"][0].astype(np.float64))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, golden["appearance_signature"], atol=2e-2)
    assert colours.distance(got, golden["appearance_signature"]) < 0.02


def person(x: float) -> np.ndarray:
    """(33,2) landmarks of somebody 60 px high whose trunk is 20 px wide."""
    xy = np.zeros((33, 2))
    xy[[11, 23, 25]] = [[x + 20, 10], [x + 20, 30], [x + 20, 50]]
    xy[[12, 24, 26]] = [[x, 10], [x, 30], [x, 50]]
    return xy


def painted(top, bottom) -> np.ndarray:
    image = np.zeros((70, 120, 3), np.uint8)
    image[:30], image[30:] = top, bottom
    return image


RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


def test_same_clothes_are_near_other_clothes_are_far():
    here = colours.signature(painted(RED, BLUE), person(10))
    there = colours.signature(painted(RED, BLUE), person(70))
    other = colours.signature(painted(GREEN, RED), person(10))
    swapped = colours.signature(painted(BLUE, RED), person(10))
    assert colours.distance(here, there) < 0.05
    assert colours.distance(here, other) > 0.7
    assert colours.distance(here, swapped) > 0.6, "top and bottom count apart"


def test_somebody_in_profile_still_has_colours():
    flat = person(10)
    flat[:, 0] = 20
    assert np.linalg.norm(colours.signature(painted(RED, BLUE), flat)) == pytest.approx(1, abs=1e-5)


def test_somebody_outside_the_image_has_none():
    assert not colours.signature(painted(RED, BLUE), person(1000)).any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=66, max_size=66))
def test_any_landmarks_give_a_signature(numbers):
    xy = np.array(numbers).reshape(33, 2)
    got = colours.signature(painted(RED, BLUE), xy)
    assert got.shape == (192,)
    assert np.isfinite(got).all()
    assert np.linalg.norm(got) <= 1 + 1e-5


def test_a_memory_moves_slowly_and_keeps_its_length():
    a = colours.signature(painted(RED, BLUE), person(10))
    b = colours.signature(painted(GREEN, RED), person(10))
    mixed = colours.blend(a, b)
    assert np.linalg.norm(mixed) == pytest.approx(1)
    assert colours.distance(mixed, a) < colours.distance(mixed, b)


def test_distances_broadcast():
    a = np.eye(192)[:2]
    np.testing.assert_allclose(colours.distance(a[:, None], a[None]), [[0, 1], [1, 0]])
