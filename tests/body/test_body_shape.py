"""The shape numbers: each changes what it is named for, and they follow from measurements."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.body import Mannequin, load_mannequin
from humantrack.body.joints import SMPL_JOINTS, SMPL_MIRROR
from humantrack.body.mannequin import KEPT_SHAPES
from humantrack.body.shape import (
    BETAS,
    BONE_LENGTHS,
    BUILD,
    GIRTH,
    LENGTHS,
    SIZE,
    betas_from_lengths,
    bone_lengths,
    build_beta,
    girth_beta,
)
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.types import BodyBatch

SIDES = ("left", "right")
PER_BETA_CM = (1.71, 1.86, 3.00, 2.79, 3.63, 2.80, 1.65)
"""What the documentation says one standard deviation of each length is."""


@pytest.fixture(scope="module")
def body() -> Mannequin:
    return load_mannequin()


def one(number: int, value: float) -> np.ndarray:
    betas = np.zeros((1, len(BETAS)))
    betas[0, number] = value
    return betas


def surface(body: Mannequin, betas: np.ndarray) -> np.ndarray:
    return body.vertices(batch(betas)).astype(np.float64)


def batch(betas: np.ndarray, rotations: np.ndarray | None = None) -> BodyBatch:
    n = len(betas)
    turned = np.tile(np.eye(3), (n, 24, 1, 1)) if rotations is None else rotations
    return BodyBatch(
        global_orient=turned[:, :1].astype(np.float32),
        body_pose=turned[:, 1:].astype(np.float32),
        betas=betas.astype(np.float32),
        cam_crop=np.zeros((n, 3), np.float32),
        cam_t=np.zeros((n, 3), np.float32),
        joints_3d=np.zeros((n, 45, 3), np.float32),
        joints_2d=np.zeros((n, 45, 2), np.float32),
    )


def litres(vertices: np.ndarray, faces: np.ndarray) -> float:
    corners = vertices[faces]
    return float(np.einsum("fa,fa->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6e-3)


def test_lengths_are_the_distances_of_the_joints(body: Mannequin) -> None:
    joints = dict(zip(SMPL_JOINTS, body.rest_joints(), strict=True))
    found = dict(zip(BONE_LENGTHS, body.lengths(np.zeros((1, 10)))[0], strict=True))
    limbs = {
        "upper_arm": ("shoulder", "elbow"),
        "forearm": ("elbow", "wrist"),
        "thigh": ("hip", "knee"),
        "shin": ("knee", "ankle"),
    }
    for name, (a, b) in limbs.items():
        both = [np.linalg.norm(joints[f"{s}_{a}"] - joints[f"{s}_{b}"]) for s in SIDES]
        assert found[name] == pytest.approx(np.mean(both), abs=1e-9)
    middle = {p: (joints[f"left_{p}"] + joints[f"right_{p}"]) / 2 for p in ("hip", "shoulder")}
    trunk = np.linalg.norm(middle["hip"] - middle["shoulder"])
    assert found["trunk"] == pytest.approx(trunk, abs=1e-9)
    for name, part in (("shoulders", "shoulder"), ("hips", "hip")):
        wide = np.linalg.norm(joints[f"left_{part}"] - joints[f"right_{part}"])
        assert found[name] == pytest.approx(wide, abs=1e-9)


def test_lengths_do_not_depend_on_the_pose(body: Mannequin) -> None:
    turns = np.random.default_rng(0).normal(0, 0.5, (1, 24, 3))
    limp = [SMPL_JOINTS.index(n) for n in ("spine1", "spine2", "spine3")]
    limp += [SMPL_JOINTS.index(f"{s}_collar") for s in SIDES]
    turns[:, limp] = 0  # they bend the trunk and lift the shoulders
    local = axis_angle_to_matrix(turns)
    betas = np.linspace(-2, 2, 10)[None]
    _, joints = body.forward_kinematics(local[:, 0], local[:, 1:], betas)
    np.testing.assert_allclose(bone_lengths(joints), body.lengths(betas), atol=1e-9)


def test_each_length_has_its_own_number(body: Mannequin) -> None:
    mean = body.lengths(np.zeros((1, 10)))
    change = (body.lengths(3 * np.eye(10)) - body.lengths(-3 * np.eye(10))) / 6
    own = np.diagonal(change[LENGTHS])
    np.testing.assert_allclose(100 * own, PER_BETA_CM, atol=0.006)
    np.testing.assert_allclose(change[LENGTHS], np.diag(own), atol=0.001 * own.min())
    np.testing.assert_allclose(change[SIZE] / mean[0], 0.0544, atol=1e-4)
    np.testing.assert_allclose(change[[GIRTH, BUILD]], 0, atol=1e-9)


def test_no_shape_bends_the_t_pose(body: Mannequin) -> None:
    betas = np.random.default_rng(0).uniform(-3, 3, (200, 10))
    joints = dict(zip(SMPL_JOINTS, body.rest_joints(betas).transpose(1, 0, 2), strict=True))

    def degrees(start: str, end: str, axis: list[float]) -> float:
        bone = joints[end] - joints[start]
        return float(np.degrees(np.arccos(bone @ axis / np.linalg.norm(bone, axis=1))).max())

    for side, out in (("left", 1.0), ("right", -1.0)):
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand")):
            assert degrees(f"{side}_{a}", f"{side}_{b}", [out, 0, 0]) < 0.1
        for a, b in (("hip", "knee"), ("knee", "ankle")):
            assert degrees(f"{side}_{a}", f"{side}_{b}", [0, -1, 0]) < 0.1


def test_every_number_keeps_left_and_right_alike(body: Mannequin) -> None:
    flip = np.array([-1, 1, 1])
    for joints in body.rest_joints(3 * np.eye(10)) - body.rest_joints():
        np.testing.assert_allclose(joints, joints[list(SMPL_MIRROR)] * flip, atol=2e-4)
    mean = surface(body, np.zeros((1, 10)))[0]
    from scipy.spatial import cKDTree

    twin = cKDTree(mean).query(mean * flip)[1]
    for number in range(10):
        moved = surface(body, one(number, 3))[0] - mean
        np.testing.assert_allclose(moved, moved[twin] * flip, atol=1e-3)


def test_size_scales_the_whole_body(body: Mannequin) -> None:
    mean, large = surface(body, np.zeros((1, 10)))[0], surface(body, one(SIZE, 2))[0]
    np.testing.assert_allclose(large, mean * (1 + 2 * 0.0544), atol=2e-4)
    assert np.ptp(mean[:, 1]) == pytest.approx(1.716, abs=0.002)
    assert np.ptp(large[:, 1]) - np.ptp(mean[:, 1]) == pytest.approx(0.187, abs=0.002)


def test_girth_adds_weight_and_build_keeps_it(body: Mannequin) -> None:
    mean = litres(surface(body, np.zeros((1, 10)))[0], body.faces)

    def more(number: int) -> float:
        return litres(surface(body, one(number, 1))[0], body.faces) - mean

    assert more(GIRTH) == pytest.approx(5.9, abs=0.3)
    assert abs(more(BUILD)) < 0.3


def test_build_turns_masculine_into_feminine(body: Mannequin) -> None:
    man, woman = (surface(body, one(BUILD, value))[0] for value in (-1.68, 1.68))
    trunk = np.isin(body.part, [SMPL_JOINTS.index(f"spine{k}") for k in (1, 2, 3)])
    hips = np.isin(body.part, [SMPL_JOINTS.index(n) for n in ("pelvis", "left_hip", "right_hip")])

    def waist_to_hips(vertices: np.ndarray) -> float:
        y = vertices[:, 1]
        slices = [trunk & (np.abs(y - level) < 0.01) for level in np.arange(0.10, 0.25, 0.02)]
        waist = min(float(np.ptp(vertices[rows, 0])) for rows in slices if rows.any())
        return waist / float(np.ptp(vertices[hips, 0]))

    assert waist_to_hips(woman) < waist_to_hips(man) - 0.05


def test_extreme_shapes_have_no_spikes(body: Mannequin) -> None:
    edges = np.unique(np.sort(body.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)

    def long(vertices: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(np.diff(vertices[edges], axis=1)[:, 0], axis=1))

    mean = long(surface(body, np.zeros((1, 10)))[0])
    for number in range(10):
        for value in (-3, 3):
            assert (long(surface(body, one(number, value))[0]) < 2.5 * mean + 0.003).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2.5, 2.5), min_size=10, max_size=10))
def test_lengths_come_back(numbers: list[float]) -> None:
    body = load_mannequin()
    betas = np.array([numbers])
    lengths = body.lengths(betas)
    found = betas_from_lengths(body, lengths, girth=betas[:, GIRTH], build=betas[:, BUILD])
    np.testing.assert_allclose(found[:, [GIRTH, BUILD]], betas[:, [GIRTH, BUILD]])
    assert np.abs(found).max() <= 4
    if np.abs(found[:, :GIRTH]).max() < 4:
        np.testing.assert_allclose(body.lengths(found), lengths, atol=1e-3)


def test_a_scaled_body_has_size_only(body: Mannequin) -> None:
    mean = body.lengths(np.zeros((1, 10)))
    found = betas_from_lengths(body, mean * [[0.9], [1.0], [1.1]])
    np.testing.assert_allclose(found[:, SIZE], [-0.1 / 0.0544, 0, 0.1 / 0.0544], rtol=1e-3)
    np.testing.assert_allclose(found[:, 1:], 0, atol=1e-3)


def test_a_child_is_smaller_than_four_deviations_of_size_allow(body: Mannequin) -> None:
    small = 0.65 * body.lengths(np.zeros((1, 10)))
    found = betas_from_lengths(body, small)
    assert found[0, SIZE] == -4
    np.testing.assert_allclose(body.lengths(found), small, atol=1e-3)


def test_lengths_that_nobody_saw_follow_the_size(body: Mannequin) -> None:
    mean = body.lengths(np.zeros((1, 10)))[0]
    seen = np.full((3, 7), np.nan)
    seen[0, BONE_LENGTHS.index("thigh")] = 1.1 * mean[BONE_LENGTHS.index("thigh")]
    seen[1, BONE_LENGTHS.index("shoulders")] = 1.1 * mean[BONE_LENGTHS.index("shoulders")]
    found = betas_from_lengths(body, seen)
    np.testing.assert_allclose(body.lengths(found)[:2], np.tile(1.1 * mean, (2, 1)), atol=1e-3)
    np.testing.assert_array_equal(found[2], 0)
    assert betas_from_lengths(body, np.zeros((0, 7))).shape == (0, 10)


def test_nonsense_is_cut_to_a_possible_body(body: Mannequin) -> None:
    odd = np.array([[5.0] * 7, [1e-3] * 7, [0.0] * 7, [-1.0] * 7, [np.inf] * 7])
    found = betas_from_lengths(body, odd, girth=1e9)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 4
    np.testing.assert_array_equal(found[2:, :GIRTH], 0)


def test_build_follows_from_shoulders_over_hips(body: Mannequin) -> None:
    mean = body.lengths(np.zeros((1, 10)))[0]
    people = np.tile(mean, (4, 1))
    people[1, BONE_LENGTHS.index("shoulders")] *= np.exp(0.06)
    people[2, BONE_LENGTHS.index("hips")] *= np.exp(0.06)
    people[3] *= 1.2
    # The survey's average man and woman: tanh(0.06 * 0.1202 / (2 * 0.0715**2)) = 0.608.
    np.testing.assert_allclose(build_beta(body, people), [0, -1.021, 1.021, 0], atol=2e-3)
    people[0, BONE_LENGTHS.index("hips")] = np.nan
    people[1, BONE_LENGTHS.index("shoulders")] = 50
    assert build_beta(body, people)[0] == 0
    assert build_beta(body, people)[1] == pytest.approx(-1.68, abs=1e-3)


def test_girth_follows_from_the_width_of_the_silhouette(body: Mannequin) -> None:
    found = girth_beta(body, np.array([1.0, 1.1, 0.9, 9.0, np.nan]))
    np.testing.assert_allclose(found, [0, 1.788, -1.788, 4, 0], atol=0.01)
    # It is what the surface does: the thighs, seen from the front, halfway down.
    rows = np.isin(body.part, [SMPL_JOINTS.index("left_hip")])
    mean = surface(body, np.zeros((1, 10)))[0]
    rows &= np.abs(mean[:, 1] - body.rest_joints()[1, 1] + 0.2) < 0.02
    thick = surface(body, one(GIRTH, 2))[0]
    ratio = np.ptp(thick[rows, 0]) / np.ptp(mean[rows, 0])
    assert girth_beta(body, ratio) == pytest.approx(2, abs=0.8)


def test_kept_shapes_change_nothing(body: Mannequin) -> None:
    rng = np.random.default_rng(3)
    turns = axis_angle_to_matrix(rng.normal(0, 0.4, (6, 24, 3)))
    betas = rng.normal(0, 1, (3, 10))[[0, 1, 0, 2, 1, 0]]
    with_cache = [body.vertices(batch(betas, turns)) for _ in range(2)]
    np.testing.assert_array_equal(*with_cache)
    joints = body.joints(batch(betas, turns))
    for i in range(6):
        alone = batch(betas[i : i + 1], turns[i : i + 1])
        np.testing.assert_allclose(body.vertices(alone)[0], with_cache[0][i], atol=1e-6)
        np.testing.assert_allclose(body.joints(alone)[0], joints[i], atol=1e-6)


def test_more_shapes_than_are_kept_from_several_threads(body: Mannequin) -> None:
    rng = np.random.default_rng(4)
    betas = rng.normal(0, 1, (KEPT_SHAPES + 20, 10)).astype(np.float32)
    expected = body.joints(batch(betas))
    wrong = []

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).permutation(len(betas)):
            found = body.joints(batch(betas[i : i + 1]))[0]
            if not np.allclose(found, expected[i], atol=1e-6):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
