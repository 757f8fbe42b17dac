"""Rotations that bring joints to their points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humantrack.blazepose.refine import LIMB_JOINTS, refine
from humantrack.body import load_mannequin
from humantrack.body.kinematics import forward_kinematics
from humantrack.geometry.rotations import axis_angle_to_matrix

REST = load_mannequin().rest_joints()[None]
STRONG = np.full((1, 12), 1e6)
"""Against which the stiffness of joints is nothing."""


def pose(seed: int, spread: float) -> np.ndarray:
    """(1,24,3,3) with limbs and trunk turned by some ``spread`` radians about each axis."""
    turns = np.random.default_rng(seed).normal(scale=spread, size=(1, 24, 3))
    return axis_angle_to_matrix(turns)


def limbs(rotations: np.ndarray, rest: np.ndarray = REST) -> np.ndarray:
    return forward_kinematics(rotations, rest)[1][:, LIMB_JOINTS]


def misses(rotations: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,12) metres, with the whole body free to shift."""
    apart = limbs(rotations) - points
    return np.linalg.norm(apart - apart.mean(axis=1, keepdims=True), axis=-1)


def assert_proper(rotations: np.ndarray) -> None:
    eye = np.broadcast_to(np.eye(3), rotations.shape)
    np.testing.assert_allclose(rotations @ np.swapaxes(rotations, -1, -2), eye, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_joints_reach_points_that_the_body_can_reach(seed):
    begin = pose(seed, 0.3)
    points = limbs(begin @ pose(seed + 100, 0.04)) + np.array([0.3, -2, 5])
    assert misses(begin, points).max() > 0.01
    out = refine(begin, REST, points, STRONG)
    assert misses(out, points).max() < 0.001
    assert_proper(out)


def test_with_usual_weights_it_comes_nearer_and_turns_little():
    begin = pose(3, 0.3)
    points = limbs(begin @ pose(103, 0.06))
    out = refine(begin, REST, points, np.ones((1, 12)))
    assert misses(out, points).mean() < 0.6 * misses(begin, points).mean()
    softer = refine(begin, REST, points, np.full((1, 12), 0.1))
    assert misses(out, points).mean() < misses(softer, points).mean()


def test_points_where_the_joints_are_change_nothing():
    begin = pose(1, 0.4)
    out = refine(begin, REST, limbs(begin) + 7, np.ones((1, 12)))
    np.testing.assert_allclose(out, begin, atol=1e-9)


def test_points_without_weight_change_nothing():
    begin = pose(2, 0.4)
    points = np.random.default_rng(0).normal(size=(1, 12, 3))
    np.testing.assert_allclose(refine(begin, REST, points, np.zeros((1, 12))), begin, atol=1e-6)


def test_a_hand_alone_moves_its_arm_and_not_the_other():
    begin = pose(4, 0.2)
    points = limbs(begin)
    hand = LIMB_JOINTS.index(20)
    points[0, hand, :2] += 0.05
    out = refine(begin, REST, points, np.ones((1, 12)))
    moved = np.linalg.norm(limbs(out) - limbs(begin), axis=-1)[0]
    assert moved.argmax() == hand
    assert moved[LIMB_JOINTS.index(21)] < 0.3 * moved[hand]


def test_people_do_not_mix():
    begin = np.concatenate([pose(i, 0.3) for i in range(3)])
    points = np.random.default_rng(1).normal(size=(3, 12, 3))
    weight = np.random.default_rng(2).uniform(size=(3, 12))
    rest = np.concatenate([REST, 1.1 * REST, 0.9 * REST])
    together = refine(begin, rest, points, weight)
    alone = [refine(begin[[i]], rest[[i]], points[[i]], weight[[i]])[0] for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-9)
    assert len(refine(begin[:0], rest[:0], points[:0], weight[:0])) == 0


@given(
    points=arrays(np.float64, (1, 12, 3), elements=st.floats(-100, 100, width=16)),
    weight=arrays(np.float64, (1, 12), elements=st.floats(0, 1, width=16)),
)
def test_points_out_of_reach_give_proper_rotations(points, weight):
    out = refine(pose(5, 0.3), REST, points, weight)
    assert np.isfinite(out).all()
    assert_proper(out)
