"""Where trunks face."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.blazepose.facing import facing


def upright(left: tuple[float, float]) -> np.ndarray:
    """(1,33,3) somebody upright whose left side lies to (x, z) of the middle."""
    points = np.zeros((1, 33, 3))
    points[0, 11:13, 1] = -0.5
    points[0, [11, 23]] += [left[0], 0, left[1]]
    points[0, [12, 24]] -= [left[0], 0, left[1]]
    return points


@pytest.mark.parametrize(
    ("left", "way"),
    [
        ((0.2, 0), (0, 0, -1)),  # his left is on the right of the picture: he faces the viewer
        ((-0.2, 0), (0, 0, 1)),
        ((0, 0.2), (1, 0, 0)),
        ((0.1, 0.1), (np.sqrt(0.5), 0, -np.sqrt(0.5))),
    ],
    ids=["front", "behind", "side", "between"],
)
def test_a_trunk_faces_across_its_sides_and_its_spine(left, way):
    np.testing.assert_allclose(facing(upright(left))[0], way, atol=1e-12)


def test_hips_and_shoulders_that_are_twisted_count_alike():
    twisted = upright((0.2, 0))
    turn = np.deg2rad(30)
    twisted[0, 11, [0, 2]] = 0.3 * np.cos(turn), 0.3 * np.sin(turn)
    twisted[0, 12, [0, 2]] = -twisted[0, 11, [0, 2]]
    expected = np.sin(turn / 2), 0, -np.cos(turn / 2)
    np.testing.assert_allclose(facing(twisted)[0], expected, atol=1e-12)


def test_who_has_no_sides_faces_nowhere():
    np.testing.assert_array_equal(facing(np.zeros((2, 33, 3))), 0)
    assert facing(np.zeros((0, 33, 3))).shape == (0, 3)
