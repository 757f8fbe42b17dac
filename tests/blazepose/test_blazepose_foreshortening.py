"""The depth of limbs from the network's and from how short they look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.blazepose.foreshortening import steepened
from humantrack.blazepose.inverse_kinematics import LIMB_END, LIMB_MIDDLE, LIMB_ROOT
from humantrack.body import load_mannequin

REST = load_mannequin().rest_joints(np.zeros((1, 10)))
UPPER_ARM, FOREARM = (np.linalg.norm(REST[0, b] - REST[0, a]) for a, b in ((16, 18), (18, 20)))
LIMBS = [*LIMB_ROOT, *LIMB_MIDDLE, *LIMB_END]


def arm(upper: tuple[float, float], lower: tuple[float, float]) -> np.ndarray:
    """Somebody whose left arm's bones show a length and lead into depth; the rest is flat."""
    points = np.zeros((1, 33, 3))
    for root, middle, end in zip(LIMB_ROOT, LIMB_MIDDLE, LIMB_END, strict=True):
        points[0, middle, 1] = points[0, root, 1] + 0.4
        points[0, end, 1] = points[0, middle, 1] + 0.4
    points[0, 13] = [0, *upper]
    points[0, 15] = points[0, 13] + [0, *lower]
    points[0, [17, 19, 21]] = points[0, 15] + [0.0, 0.05, 0.01]
    return points


def depths(points: np.ndarray) -> tuple[float, float]:
    """How far the left arm's bones lead away."""
    z = steepened(points, REST)[0, :, 2]
    return z[13] - z[11], z[15] - z[13]


def test_what_agrees_with_its_length_stays():
    flat = np.sqrt([UPPER_ARM**2 - 0.15**2, FOREARM**2 - 0.15**2])
    upper, lower = depths(arm((flat[0], 0.15), (flat[1], -0.15)))
    assert upper == pytest.approx(0.15, abs=0.01)
    assert lower == pytest.approx(-0.15, abs=0.01)


def test_a_bone_that_looks_short_leads_further_the_way_the_network_says():
    """Where a length of l shows nothing, the depth lies midway between the network's and l."""
    upper, lower = depths(arm((0.0, 0.12), (0.0, -0.12)))
    assert upper == pytest.approx((0.12 + UPPER_ARM) / 2, abs=0.01)
    assert lower == pytest.approx(-(0.12 + FOREARM) / 2, abs=0.01)


def test_a_bone_that_looks_too_long_leads_less_far():
    upper, _ = depths(arm((UPPER_ARM + 0.05, 0.15), (FOREARM, 0.0)))
    assert 0.05 < upper < 0.13


THIGH, SHIN = (np.linalg.norm(REST[0, b] - REST[0, a]) for a, b in ((1, 4), (4, 7)))


def knee_off_the_line(thigh_m: float, said_m: float, *, is_from_behind: bool) -> float:
    """Depth of the left knee off the line from hip to ankle.

    Args:
        thigh_m: how far the thigh truly leads away, and the shin back; it looks as short as it is.
        said_m: the same in the network's words.
        is_from_behind: or from the side.
    """
    points = arm((0.3, 0.0), (0.25, 0.0))
    left = np.array([-0.15, 0, 0] if is_from_behind else [0, 0, 0.15])
    for roots, height in (((11, 12), -0.5), ((23, 24), 0.0)):
        points[0, roots, :] = left, -left
        points[0, roots, 1] = height
    points[0, 25] = points[0, 23] + [0, np.sqrt(THIGH**2 - thigh_m**2), said_m]
    points[0, 27] = points[0, 25] + [0, np.sqrt(SHIN**2 - thigh_m**2), -said_m]
    z = steepened(points, REST)[0, :, 2]
    return z[25] - (z[23] + z[27]) / 2


def test_knees_bent_along_the_view_are_known_by_how_short_legs_look():
    """The network says 10 cm where it is 35: from behind most of it is found, not from the side."""
    assert knee_off_the_line(0.35, 0.1, is_from_behind=True) == pytest.approx(0.29, abs=0.02)
    assert knee_off_the_line(0.35, 0.1, is_from_behind=False) == pytest.approx(0.17, abs=0.02)


def test_legs_that_look_straight_are_straight_from_behind_whatever_the_network_says():
    """It says 10 cm of a leg that looks as long as it is, or as long as 10 cm would make it."""
    assert knee_off_the_line(0.0, 0.1, is_from_behind=True) == pytest.approx(0.06, abs=0.01)
    assert knee_off_the_line(0.0, 0.1, is_from_behind=False) == pytest.approx(0.1, abs=0.01)
    assert knee_off_the_line(0.1, 0.1, is_from_behind=False) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("is_from_behind", [True, False])
def test_a_leg_that_is_as_the_network_says_stays(is_from_behind):
    assert knee_off_the_line(0, 0, is_from_behind=is_from_behind) == pytest.approx(0, abs=1e-9)
    assert knee_off_the_line(0.3, 0.3, is_from_behind=is_from_behind) == pytest.approx(
        0.3, abs=0.01
    )


def test_without_a_way_there_is_no_depth():
    assert depths(arm((0.1, 0.0), (0.1, 0.0))) == pytest.approx((0, 0), abs=1e-12)


def test_hands_go_with_the_wrists_and_feet_with_the_ankles():
    points = np.random.default_rng(0).normal(size=(3, 33, 3)) * 0.2
    moved = (steepened(points, np.repeat(REST, 3, axis=0)) - points)[..., 2]
    for end, tips in ((15, (17, 19, 21)), (16, (18, 20, 22)), (27, (29, 31)), (28, (30, 32))):
        for tip in tips:
            np.testing.assert_allclose(moved[:, tip], moved[:, end], atol=1e-12)
    assert np.abs(moved[:, LIMB_END]).max() > 0.01


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 2))
def test_only_depths_of_limbs_change_and_smoothly(seed, size):
    points = np.random.default_rng(seed).normal(size=(1, 33, 3)) * size
    out = steepened(points, REST)
    np.testing.assert_array_equal(out[..., :2], points[..., :2])
    rest = [*range(13), *LIMB_ROOT[2:]]
    np.testing.assert_array_equal(out[:, rest], points[:, rest])
    assert np.isfinite(out).all()
    nudged = points.copy()
    nudged[:, LIMBS] += 1e-5
    assert np.abs(steepened(nudged, REST) - out).max() < 1e-3


def test_people_do_not_matter_to_each_other():
    points = np.random.default_rng(1).normal(size=(4, 33, 3)) * 0.2
    rest = np.repeat(REST, 4, axis=0)
    before = points.copy()
    together = steepened(points, rest)
    np.testing.assert_array_equal(points, before)
    for i in range(4):
        alone = steepened(points[i : i + 1], REST)
        np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-12)
    assert steepened(points[:0], rest[:0]).shape == (0, 33, 3)
