"""What is taken away from the networks' metric output, on both sides of the body alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humantrack import models
from humantrack.blazepose.corrections import FULL, HEAVY
from humantrack.blazepose.mirror import MIRROR
from humantrack.blazepose.network import LandmarkNetwork

BOTH = pytest.mark.parametrize("corrections", [FULL, HEAVY], ids=["full", "heavy"])
POINTS = arrays(np.float64, (2, 33, 3), elements=st.floats(-1, 1, width=16))


def mirrored(world: np.ndarray) -> np.ndarray:
    """The same people in a mirror image: x changes sign, and left becomes right."""
    return world[:, MIRROR] * [-1, 1, 1]


def standing() -> np.ndarray:
    """(1,33,3) trunk and forearms of somebody without width, whose forearms hang."""
    points = np.zeros((1, 33, 3))
    points[0, [11, 12], 1] = -0.5
    points[0, 15:23, 1] = 0.25
    return points


def facing_sideways(left_z: float) -> np.ndarray:
    """(1,33,3) somebody whose left side lies ``left_z`` metres further away than the middle."""
    points = standing()
    points[0, 11::2, 2], points[0, 12::2, 2] = left_z, -left_z
    return points


@BOTH
def test_an_asymmetry_is_its_own_opposite_in_the_mirror(corrections):
    off = corrections.asymmetry_m[None]
    np.testing.assert_allclose(mirrored(off)[:, 1:], -off[:, 1:], atol=1e-12)
    assert mirrored(off)[0, 0, 0] == -off[0, 0, 0]
    assert np.abs(off).max() < 0.1


@BOTH
@given(world=POINTS)
def test_without_asymmetry_a_mirror_image_is_corrected_alike(corrections, world):
    """The network's words on a mirror image: mirrored, with the same asymmetry on top."""
    off = corrections.asymmetry_m
    said, said_of_mirror = world + off, mirrored(world) + off
    np.testing.assert_allclose(corrections(said_of_mirror), mirrored(corrections(said)), atol=1e-9)


@BOTH
@pytest.mark.parametrize("left_x", [0.15, -0.15], ids=["front", "behind"])
def test_from_front_and_behind_only_depths_of_elbows_hands_and_feet_change(corrections, left_x):
    """Elbows go to the back of the body: away from who sees its front, nearer from behind."""
    world = standing()
    world[0, [11, 23], 0], world[0, [12, 24], 0] = left_x, -left_x
    change = (corrections(world + corrections.asymmetry_m) - world)[0]
    np.testing.assert_allclose(change[:, :2], 0, atol=1e-12)
    elbows, hands, feet = [13, 14], [*range(15, 23)], [*range(27, 33)]
    back = np.sign(left_x) * corrections.elbow_back_m
    np.testing.assert_allclose(change[elbows, 2], corrections.upper_arm_m + back, atol=1e-12)
    np.testing.assert_allclose(change[hands, 2], corrections.upper_arm_m, atol=1e-12)
    np.testing.assert_allclose(change[feet, 2], -corrections.shin_m, atol=1e-12)
    rest = [i for i in range(33) if i not in {*elbows, *hands, *feet}]
    np.testing.assert_allclose(change[rest], 0, atol=1e-12)


@BOTH
@pytest.mark.parametrize("left_z", [0.15, -0.15])
def test_from_the_side_the_wrists_move_apart(corrections, left_z):
    world = facing_sideways(left_z)
    change = (corrections(world + corrections.asymmetry_m) - world)[0, :, 2]
    sign = np.sign(left_z)
    for left, right in ((15, 16), (17, 18), (19, 20), (21, 22)):
        apart = change[left] - change[right]
        assert apart == pytest.approx(2 * sign * 1.3 * corrections.forearm_m)
    assert change[13] == pytest.approx(change[14])


@BOTH
@pytest.mark.parametrize("left_z", [0.15, -0.15])
@pytest.mark.parametrize("up", [0.0, 0.25], ids=["level", "raised"])
def test_wrists_that_do_not_hang_come_nearer_instead(corrections, left_z, up):
    hanging, world = facing_sideways(left_z), facing_sideways(left_z)
    world[0, 15:23, :2] = 0.25 - up, -up
    change = (corrections(world + corrections.asymmetry_m) - world)[0, :, 2]
    of_hanging = (corrections(hanging + corrections.asymmetry_m) - hanging)[0, :, 2]
    assert change[13] == pytest.approx(of_hanging[13])
    for hand in range(15, 23):
        assert change[hand] == pytest.approx(1.3 * (corrections.upper_arm_m - corrections.raised_m))


@BOTH
def test_a_wrist_moves_smoothly_as_its_forearm_is_raised(corrections):
    """By no more than 1.3 (0.09 + 0.06) / 0.8 m for a radian."""
    angles = np.linspace(0, np.pi, 181)
    world = np.repeat(facing_sideways(0.15), len(angles), axis=0)
    world[:, 15, 0], world[:, 15, 1] = 0.25 * np.sin(angles), 0.25 * np.cos(angles)
    z = corrections(world + corrections.asymmetry_m)[:, 15, 2]
    assert np.abs(np.diff(z)).max() < 0.25 * np.deg2rad(1)
    assert z[0] - z[-1] == pytest.approx(1.3 * (corrections.forearm_m + corrections.raised_m))


@BOTH
@pytest.mark.parametrize("left_z", [0.15, -0.15])
def test_from_the_side_legs_close_and_arms_open(corrections, left_z):
    """Bones that lead 8 cm outward along the view: 4 cm are left of a leg's, an arm's grow to 10.4.

    From the front the same bones stay as they are.
    """
    outward = 0.08 * np.sign(left_z)
    bent = facing_sideways(left_z)
    for left, out in ((13, 1), (15, 2), (17, 2), (25, 1), (27, 2), (31, 2)):
        bent[0, left, 2] += out * outward
        bent[0, left + 1, 2] -= out * outward
    straight = corrections(facing_sideways(left_z) + corrections.asymmetry_m)
    change = (corrections(bent + corrections.asymmetry_m) - straight)[0]
    np.testing.assert_allclose(change[:, :2], 0, atol=1e-12)
    for left, share in ((13, 1.3), (15, 2.6), (17, 2.6), (25, 0.5), (27, 1.0), (31, 1.0)):
        assert change[left, 2] == pytest.approx(share * outward)
        assert change[left + 1, 2] == pytest.approx(-share * outward)

    turned = bent[..., [2, 1, 0]]
    from_front = corrections(turned + corrections.asymmetry_m) - turned
    np.testing.assert_allclose(from_front[0, 25:27], 0, atol=1e-12)


@BOTH
def test_what_is_given_stays_as_it_was(corrections):
    world = np.random.default_rng(0).normal(size=(3, 33, 3))
    before = world.copy()
    together = corrections(world)
    np.testing.assert_array_equal(world, before)
    np.testing.assert_array_equal(together[1:2], corrections(world[1:2]))
    assert corrections(world[:0]).shape == (0, 33, 3)


def test_each_network_has_its_own():
    assert LandmarkNetwork(model=models.BLAZEPOSE).corrections is FULL
    assert LandmarkNetwork(model=models.BLAZEPOSE_HEAVY).corrections is HEAVY
