"""Inverse kinematics: golden poses, exact directions of bones, and rotations from any points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humantrack.blazepose.inverse_kinematics import (
    END_JOINT,
    LIMB_END,
    LIMB_MIDDLE,
    LIMB_ROOT,
    MIDDLE_JOINT,
    ROOT_JOINT,
    InverseKinematics,
)
from humantrack.body import load_mannequin
from humantrack.geometry.rotations import geodesic_angle, matrix_to_axis_angle, unit

GOLDEN = Path(__file__).parents[1] / "data" / "embedded_golden.npz"
BODY = load_mannequin()
SOLVE = InverseKinematics(BODY.rest_joints())


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as arrays_:
        return {name: arrays_[name] for name in arrays_.files if name.startswith("ik_")}


def posed(rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    betas = np.zeros((len(rotations), 10))
    return BODY.forward_kinematics(rotations[:, 0], rotations[:, 1:], betas)


def assert_proper(rotations: np.ndarray) -> None:
    np.testing.assert_allclose(
        rotations @ np.swapaxes(rotations, -1, -2),
        np.broadcast_to(np.eye(3), rotations.shape),
        atol=1e-8,
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-8)


def test_golden_poses(golden: dict[str, np.ndarray]) -> None:
    rotations = SOLVE(golden["ik_points"])
    np.testing.assert_allclose(rotations, golden["ik_rotations"], atol=1e-4)
    np.testing.assert_allclose(posed(rotations)[1], golden["ik_joints"], atol=1e-4)


def test_people_of_one_batch_do_not_mix(golden: dict[str, np.ndarray]) -> None:
    points = golden["ik_points"]
    alone = np.concatenate([SOLVE(p[None]) for p in points])
    np.testing.assert_allclose(SOLVE(points), alone, atol=1e-12)


def test_scale_and_place_of_the_points_do_not_matter(golden: dict[str, np.ndarray]) -> None:
    points = golden["ik_points"].astype(np.float64)
    moved = 3 * points + np.array([5.0, -2, 1])
    np.testing.assert_allclose(SOLVE(moved), SOLVE(points), atol=1e-6)


@given(arrays(np.float64, (2, 33, 3), elements=st.floats(-1, 1, width=16)))
def test_any_points_give_rotations(points: np.ndarray) -> None:
    assert_proper(SOLVE(points))


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_points_without_extent_give_rotations(axis: int | None) -> None:
    points = np.zeros((1, 33, 3))
    if axis is not None:
        points[0, :, axis] = np.linspace(-1, 1, 33)
    assert_proper(SOLVE(points))


@given(st.integers(0, 2**32 - 1))
def test_bones_of_the_limbs_point_where_the_landmarks_do(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(3, 33, 3))
    _, joints = posed(SOLVE(points))
    for start, end, above, below in (
        (ROOT_JOINT, MIDDLE_JOINT, LIMB_ROOT, LIMB_MIDDLE),
        (MIDDLE_JOINT, END_JOINT, LIMB_MIDDLE, LIMB_END),
    ):
        bones = unit(joints[:, end] - joints[:, start])
        seen = unit(points[:, below] - points[:, above])
        apart = np.arccos(np.clip((bones * seen).sum(axis=-1), -1, 1))
        assert np.rad2deg(apart.max()) < 0.03


@given(st.integers(0, 2**32 - 1))
def test_limits_hold(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(3, 33, 3))
    rotations = SOLVE(points)
    angle = np.rad2deg(np.linalg.norm(matrix_to_axis_angle(rotations), axis=-1))
    assert np.all(angle[:, (12, 15)].sum(axis=1) < 80.01)
    assert np.all(angle[:, (20, 21)] < 70.01)
    assert np.all(angle[:, (7, 8)] < 60.01)
    np.testing.assert_array_equal(angle[:, (10, 11, 13, 14, 22, 23)], 0)


def test_a_hand_without_length_follows_the_forearm(golden: dict[str, np.ndarray]) -> None:
    points = golden["ik_points"][3:4].copy()
    points[:, (17, 19)] = points[:, (15,)]
    np.testing.assert_allclose(SOLVE(points)[0, 20], np.eye(3), atol=1e-9)


def test_standing_person_who_faces_the_viewer_is_turned_upright() -> None:
    """Body y up and camera y down: facing the viewer is half a turn about x."""
    at = {7: (0.07, -1.6, 0), 8: (-0.07, -1.6, 0), 0: (0, -1.57, -0.1)}
    at |= {11: (0.18, -1.4, 0), 12: (-0.18, -1.4, 0), 23: (0.1, -0.9, 0), 24: (-0.1, -0.9, 0)}
    at |= {13: (0.2, -1.1, 0), 14: (-0.2, -1.1, 0), 15: (0.2, -0.85, 0), 16: (-0.2, -0.85, 0)}
    at |= {25: (0.1, -0.5, 0), 26: (-0.1, -0.5, 0), 27: (0.1, -0.1, 0), 28: (-0.1, -0.1, 0)}
    at |= {29: (0.1, 0, 0), 30: (-0.1, 0, 0), 31: (0.1, 0, -0.2), 32: (-0.1, 0, -0.2)}
    points = np.zeros((1, 33, 3))
    for landmark, where in at.items():
        points[0, landmark] = where
    orient = SOLVE(points)[:, 0]
    assert np.rad2deg(geodesic_angle(orient[0], np.diag([1.0, -1, -1]))) < 3
