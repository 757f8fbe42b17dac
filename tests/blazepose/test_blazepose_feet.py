"""The depth of feet from their length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.blazepose.feet import _LENGTH_M, lengthened
from humantrack.blazepose.inverse_kinematics import HEELS, HIPS, SHOULDERS, TOES
from humantrack.geometry.rotations import axis_angle_to_matrix


def standing(yaw_deg: float, foot: tuple[float, float]) -> np.ndarray:
    """Somebody turned by a yaw (0 faces the camera); feet lead ``foot`` (x, y) across the view.

    The network has no idea of the feet's depth: it is 0.
    """
    points = np.zeros((1, 33, 3))
    points[0, SHOULDERS, :] = [[0.2, -0.5, 0], [-0.2, -0.5, 0]]
    points[0, HIPS, :] = [[0.1, 0, 0], [-0.1, 0, 0]]
    points[0, HEELS, :] = [[0.1, 0.9, 0.03], [-0.1, 0.9, 0.03]]
    turn = axis_angle_to_matrix(np.array([[0, np.radians(yaw_deg), 0]]))[0]
    points = points @ turn.T
    points[:, TOES] = points[:, HEELS] + [*foot, 0]
    return points


def feet(points: np.ndarray) -> np.ndarray:
    return lengthened(points)[0, TOES] - lengthened(points)[0, HEELS]


def test_feet_that_look_short_lead_where_the_body_faces():
    for yaw_deg, way in ((0, -1), (180, 1)):
        for foot in feet(standing(yaw_deg, (0.0, 0.05))):
            assert np.linalg.norm(foot) == pytest.approx(_LENGTH_M, abs=0.03)
            assert np.degrees(np.arctan2(foot[1], way * foot[2])) < 20


def test_feet_seen_from_the_side_stay_in_the_picture_s_plane():
    for foot in feet(standing(90, (0.21, 0.02))):
        assert abs(foot[2]) < 0.03


def test_the_network_tells_the_way_where_the_body_does_not():
    points = standing(90, (0.12, 0.02))
    points[:, TOES, 2] += [0.05, -0.05]
    left, right = feet(points)
    assert left[2] > 0.05
    assert right[2] < -0.05


@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-180, 180))
def test_only_the_depth_of_toes_changes_and_smoothly(x, y, z, yaw_deg):
    points = standing(yaw_deg, (x, y))
    points[:, TOES, 2] += z
    out = lengthened(points)
    others = np.setdiff1d(np.arange(33), TOES)
    np.testing.assert_array_equal(out[:, others], points[:, others])
    np.testing.assert_array_equal(out[..., :2], points[..., :2])
    assert np.abs(out[:, TOES, 2] - out[:, HEELS, 2]).max() <= 0.3
    moved = points.copy()
    moved[:, TOES] += 1e-4
    assert np.abs(lengthened(moved) - out).max() < 0.01


def test_nobody():
    assert lengthened(np.zeros((0, 33, 3))).shape == (0, 33, 3)
