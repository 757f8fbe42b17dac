"""The shipped body against its golden values, and what must hold for any pose."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from humantrack.body import Mannequin, load_mannequin
from humantrack.body.joints import (
    EXTRA_JOINTS,
    EXTRA_VERTICES,
    OPENPOSE_JOINTS,
    OPENPOSE_OF_45,
    PHALP_JOINTS,
    SMPL_JOINTS,
    SMPL_MIRROR,
    SMPL_PARENTS,
)
from humantrack.body.kinematics import forward_kinematics
from humantrack.errors import WeightsError
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.types import BodyBatch

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(DATA / "embedded_golden.npz") as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith("body_")}


@pytest.fixture(scope="module")
def body() -> Mannequin:
    return load_mannequin()


def batch(rotations: np.ndarray, betas: np.ndarray) -> BodyBatch:
    n = len(rotations)
    return BodyBatch(
        global_orient=rotations[:, :1].astype(np.float32),
        body_pose=rotations[:, 1:].astype(np.float32),
        betas=betas.astype(np.float32),
        cam_crop=np.zeros((n, 3), np.float32),
        cam_t=np.zeros((n, 3), np.float32),
        joints_3d=np.zeros((n, 45, 3), np.float32),
        joints_2d=np.zeros((n, 45, 2), np.float32),
    )


def t_pose(n: int = 1) -> np.ndarray:
    return np.tile(np.eye(3), (n, 24, 1, 1))


def test_surface_and_joints_match_the_golden_bodies(
    body: Mannequin, golden: dict[str, np.ndarray]
) -> None:
    bodies = batch(golden["body_rotations"], golden["body_betas"])
    vertices, joints = body.vertices(bodies), body.joints(bodies)
    picked = vertices[:, golden["body_vertex_numbers"]]
    np.testing.assert_allclose(picked, golden["body_vertices"], atol=1e-5)
    np.testing.assert_allclose(vertices.mean(axis=1), golden["body_vertex_mean"], atol=1e-5)
    np.testing.assert_allclose(joints, golden["body_joints_phalp"], atol=1e-5)
    _, posed = body.forward_kinematics(bodies.global_orient, bodies.body_pose, bodies.betas)
    np.testing.assert_allclose(posed, golden["body_joints"], atol=1e-5)
    assert vertices.dtype == joints.dtype == np.float32


@pytest.mark.parametrize("clip", ["demo", "demo_small"])
def test_kinematics_match_the_ground_truth_of_the_clips(body: Mannequin, clip: str) -> None:
    truth = np.load(DATA / f"{clip}_gt.npz")
    frame, person = np.nonzero(truth["present"])
    frame, person = frame[::50], person[::50]
    at = frame, person
    local = np.concatenate([truth["global_orient"][at][:, None], truth["body_pose"][at]], axis=1)
    _, joints = forward_kinematics(local, truth["rest_joints"][person])
    placed = joints + truth["transl"][at][:, None]
    np.testing.assert_allclose(placed, truth["joints3d"][at], atol=1e-4)
    # The betas are those of the nearest body.
    nearest = body.rest_joints(truth["betas"])
    np.testing.assert_allclose(nearest, truth["rest_joints"], atol=0.025)


def test_people_of_one_batch_do_not_mix(body: Mannequin, golden: dict[str, np.ndarray]) -> None:
    for betas in (golden["body_betas"], np.zeros((3, 10))):
        together = body.vertices(batch(golden["body_rotations"], betas))
        for i in range(3):
            alone = batch(golden["body_rotations"][i : i + 1], betas[i : i + 1])
            np.testing.assert_allclose(body.vertices(alone)[0], together[i], atol=1e-6)


def test_nobody_gives_empty_arrays(body: Mannequin) -> None:
    nobody = BodyBatch.empty()
    assert body.vertices(nobody).shape == (0, len(body.weights), 3)
    assert body.joints(nobody).shape == (0, 45, 3)


def test_t_pose_is_the_rest_pose(body: Mannequin) -> None:
    betas = np.stack([np.zeros(10), np.arange(10) / 10])
    rotations = t_pose(2)
    turned, joints = body.forward_kinematics(rotations[:, 0], rotations[:, 1:], betas)
    np.testing.assert_array_equal(turned, rotations)
    np.testing.assert_allclose(joints, body.rest_joints(betas), atol=1e-9)
    np.testing.assert_allclose(body.rest_joints(), body.rest_joints(betas)[0], atol=1e-12)
    # Arms along x, feet below, face forward.
    assert joints[0, 20, 0] > 0.6 > -0.6 > joints[0, 21, 0]
    assert joints[0, 7, 1] < -0.7
    nose = body.joints(batch(rotations, betas))[0, OPENPOSE_JOINTS.index("nose")]
    assert nose[2] > 0.1


def test_turning_the_root_turns_the_whole_body(body: Mannequin) -> None:
    turn = axis_angle_to_matrix(np.array([0.4, -1.1, 0.7]))
    still, turned = t_pose(), t_pose()
    turned[:, 0] = turn
    zero = np.zeros((1, 10))
    before, after = body.vertices(batch(still, zero)), body.vertices(batch(turned, zero))
    np.testing.assert_allclose(after, before @ turn.T, atol=1e-5)


def test_bending_an_elbow_moves_the_forearm_only(body: Mannequin) -> None:
    bent = t_pose()
    bent[0, SMPL_JOINTS.index("left_elbow")] = axis_angle_to_matrix(np.array([0, -1.0, 0]))
    zero = np.zeros((1, 10))
    apart = body.vertices(batch(bent, zero)) - body.vertices(batch(t_pose(), zero))
    moved = np.linalg.norm(apart[0], axis=1)
    below = [SMPL_JOINTS.index(f"left_{name}") for name in ("elbow", "wrist", "hand")]
    untouched = body.weights[:, below].sum(axis=1) == 0
    assert moved[untouched].max() < 1e-6
    assert moved[np.isin(body.part, below)].mean() > 0.1


def test_the_bind_pose_is_all_that_skinning_needs(
    body: Mannequin, golden: dict[str, np.ndarray]
) -> None:
    bodies = batch(golden["body_rotations"][:3], golden["body_betas"][:3])
    assert np.any(bodies.betas)
    turned, joints = body.forward_kinematics(bodies.global_orient, bodies.body_pose, bodies.betas)
    for i, surface in enumerate(body.vertices(bodies)):
        vertices, bind, rotations = body.bind(bodies.betas[i])
        apart = vertices[:, None] - bind
        posed = np.einsum("jab,vjb->vja", turned[i] @ rotations, apart) + joints[i]
        skinned = np.einsum("vj,vja->va", body.weights, posed)
        np.testing.assert_allclose(skinned, surface, atol=1e-5)


def test_mesh_is_closed_and_well_formed(body: Mannequin) -> None:
    faces = body.faces
    assert faces.shape == body.uv_faces.shape == (27420, 3)
    assert faces.min() == 0
    assert faces.max() == len(body.weights) - 1
    assert body.uv_faces.max() < len(body.uv)
    np.testing.assert_allclose(body.weights.sum(axis=1), 1, atol=1e-5)
    # Counter-clockwise from outside: the enclosed volume is positive, about 63 litres.
    corners = body.vertices(batch(t_pose(), np.zeros((1, 10))))[0][faces].astype(np.float64)
    volume = np.einsum("fa,fa->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert 0.055 < volume < 0.075


def test_names_fit_the_arrays(body: Mannequin) -> None:
    assert tuple(body.parents) == SMPL_PARENTS
    assert len(SMPL_JOINTS) == 24
    assert len(PHALP_JOINTS) == 45
    assert len(EXTRA_JOINTS) == 19
    assert body.region.max() < len(body.region_names)
    for joint, other in enumerate(SMPL_MIRROR):
        side, _, rest = SMPL_JOINTS[joint].partition("_")
        expected = {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, side)
        assert SMPL_JOINTS[other] == expected
    all45 = (*SMPL_JOINTS, *EXTRA_VERTICES)
    same = {"mid_hip": "pelvis"}
    for name, source in zip(OPENPOSE_JOINTS, OPENPOSE_OF_45, strict=True):
        assert all45[source] == same.get(name, name)


def test_joints_lie_where_their_names_say(body: Mannequin) -> None:
    joints = body.joints(batch(t_pose(), np.zeros((1, 10))))[0]
    rest = dict(zip(SMPL_JOINTS, body.rest_joints(), strict=True))
    for name in ("left_knee", "right_ankle", "left_shoulder", "right_wrist"):
        named = joints[PHALP_JOINTS.index(name)]
        np.testing.assert_allclose(named, rest[name], atol=1e-5)
        extra = joints[PHALP_JOINTS.index(f"extra_{name}")]
        assert np.linalg.norm(extra - rest[name]) < 0.08
    np.testing.assert_array_equal(joints[PHALP_JOINTS.index("root")], 0)


def test_the_shipped_body_is_read_once() -> None:
    assert load_mannequin() is load_mannequin()


def test_a_damaged_file_is_refused() -> None:
    other = io.BytesIO()
    np.savez(other, parents=np.arange(24))
    other.seek(0)
    for file in (other, io.BytesIO(b"not an archive at all")):
        with pytest.raises(WeightsError, match="body model"):
            Mannequin(file)
