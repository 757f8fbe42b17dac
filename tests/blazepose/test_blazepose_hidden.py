"""Limbs that nobody sees, and the landmarks' other side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from humantrack.blazepose.hidden import inside, straighten_hidden
from humantrack.blazepose.inverse_kinematics import LIMB_END, LIMB_MIDDLE, LIMB_ROOT
from humantrack.blazepose.mirror import MIRROR
from humantrack.geometry.rotations import unit

GOLDEN = Path(__file__).parents[1] / "data" / "embedded_golden.npz"
SEEN = np.ones((1, 33))


@pytest.fixture
def points() -> np.ndarray:
    """(1,33,3) somebody sitting with bent elbows."""
    return np.load(GOLDEN)["ik_points"][2:3].astype(np.float64)


def bones(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (4,3) of upper and lower bones."""
    root, middle, end = (points[0, list(x)] for x in (LIMB_ROOT, LIMB_MIDDLE, LIMB_END))
    return unit(middle - root), unit(end - middle)


def trunk_down(points: np.ndarray) -> np.ndarray:
    return unit(points[0, [23, 24]].mean(axis=0) - points[0, [11, 12]].mean(axis=0))


def test_trust_falls_from_a_tenth_to_a_fifth_of_a_metre_outside() -> None:
    xy = np.full((1, 33, 2), 50.0)
    xy[0, :6, 0] = [0, 100, 105, -15, 120, -300]
    trust = inside(xy, np.array([100.0]), 100, 100)
    np.testing.assert_allclose(trust[0, :7], [1, 1, 1, 0.5, 0, 0, 1], atol=1e-12)


def test_what_is_seen_stays(points: np.ndarray) -> None:
    np.testing.assert_allclose(straighten_hidden(points, SEEN, SEEN), points, atol=1e-12)


def test_hidden_wrist_stretches_that_arm_by_a_small_share(points: np.ndarray) -> None:
    """The direction of the upper arm counts 22 in 100, however short the forearm is measured."""
    visibility = SEEN.copy()
    visibility[0, 15] = 0.1
    out = straighten_hidden(points, SEEN, visibility)
    upper, lower = bones(out)
    forearm = points[0, 15] - points[0, 13]
    expected = unit(0.22 * upper[0] + 0.78 * unit(forearm))
    np.testing.assert_allclose(upper, bones(points)[0], atol=1e-9)
    np.testing.assert_allclose(lower[0], expected, atol=1e-9)
    np.testing.assert_allclose(lower[1:], bones(points)[1][1:], atol=1e-9)
    short = points.copy()
    short[0, 15] = points[0, 13] + 0.1 * forearm
    _, lower = bones(straighten_hidden(short, SEEN, visibility))
    np.testing.assert_allclose(lower[0], expected, atol=1e-9)


def test_a_wrist_outside_the_image_stretches_that_arm_only(points: np.ndarray) -> None:
    trust = SEEN.copy()
    trust[0, 15] = 0.0
    upper, lower = bones(straighten_hidden(points, trust, SEEN))
    np.testing.assert_allclose(upper, bones(points)[0], atol=1e-9)
    np.testing.assert_allclose(lower[0], upper[0], atol=1e-9)
    np.testing.assert_allclose(lower[1:], bones(points)[1][1:], atol=1e-9)


def test_hidden_elbow_alone_is_believed(points: np.ndarray) -> None:
    visibility = SEEN.copy()
    visibility[0, 13] = 0.0
    np.testing.assert_allclose(straighten_hidden(points, SEEN, visibility), points, atol=1e-12)


def test_legs_outside_the_image_hang_down(points: np.ndarray) -> None:
    trust = SEEN.copy()
    trust[0, 25:33] = 0
    upper, lower = bones(straighten_hidden(points, trust, SEEN))
    np.testing.assert_allclose(upper[2:], [trunk_down(points)] * 2, atol=1e-9)
    np.testing.assert_allclose(lower[2:], [trunk_down(points)] * 2, atol=1e-9)
    np.testing.assert_allclose(upper[:2], bones(points)[0][:2], atol=1e-9)


def test_bones_move_steadily_with_visibility(points: np.ndarray) -> None:
    steps = []
    for value in np.linspace(0.05, 0.65, 81):
        visibility = SEEN.copy()
        visibility[0, list(LIMB_END)] = value
        steps.append(bones(straighten_hidden(points, SEEN, visibility))[1])
    turn = np.arccos(np.clip((np.array(steps[1:]) * np.array(steps[:-1])).sum(axis=-1), -1, 1))
    assert np.rad2deg(turn.max()) < 6
    np.testing.assert_allclose(steps[-1], bones(points)[1], atol=1e-9)


def test_bones_move_steadily_out_of_the_image(points: np.ndarray) -> None:
    steps = []
    for value in np.linspace(0, 1, 81):
        trust = SEEN.copy()
        trust[0, list(LIMB_END)] = value
        steps.append(bones(straighten_hidden(points, trust, SEEN))[1])
    turn = np.arccos(np.clip((np.array(steps[1:]) * np.array(steps[:-1])).sum(axis=-1), -1, 1))
    assert np.rad2deg(turn.max()) < 6
    np.testing.assert_allclose(steps[-1], bones(points)[1], atol=1e-9)


def test_mirror_swaps_left_and_right_and_returns() -> None:
    mirror = np.array(MIRROR)
    np.testing.assert_array_equal(mirror[mirror], np.arange(33))
    np.testing.assert_array_equal(mirror[[0, 2, 11, 24, 31]], [0, 5, 12, 23, 32])
