"""The SMPL layer against golden bodies, and as the pipeline's body model."""

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN

from humantrack.body.joints import OPENPOSE_OF_45
from humantrack.body.smpl import JOINTS_44
from humantrack.geometry.cameras import project_to_square
from humantrack.types import BodyBatch
from humantrack.types.stages import BodyModel


@pytest.fixture(scope="module")
def smpl(make_smpl):
    return make_smpl()


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "smpl_golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def pose(golden):
    rotations = torch.from_numpy(golden["rotmats"])
    return rotations[:, :1], rotations[:, 1:], torch.from_numpy(golden["betas"])


def test_surface(smpl, golden, pose):
    vertices, _ = smpl(*pose)
    assert np.allclose(vertices[:, ::5], golden["vertices"], atol=1e-5)
    assert np.allclose(vertices.double().sum(dim=(1, 2)), golden["vertices_sum"], atol=0.05)


def test_joints(smpl, golden, pose):
    assert np.allclose(smpl.skin(*pose)[1], golden["joints45"], atol=1e-5)
    assert np.allclose(smpl(*pose)[1], golden["joints44"], atol=1e-5)


def test_updated_hips(make_smpl, golden, pose):
    joints = make_smpl(update_hips=True)(*pose)[1]
    assert np.allclose(joints, golden["joints44_update_hips"], atol=1e-5)


def test_projection(golden):
    translation = np.tile(np.array([[0.1, 0.2, 40]]), (3, 1))
    got = project_to_square(golden["joints44"], translation) - 0.5
    assert np.allclose(got, golden["joints44_projected"], atol=1e-5)


def test_index_buffers(smpl, golden):
    assert (
        smpl.vertex_joint_selector.extra_joints_idxs.numpy() == golden["extra_joints_idxs"]
    ).all()
    assert (smpl.joint_map.numpy() == golden["joint_map"]).all()
    assert (smpl.parents.numpy() == golden["parents"]).all()
    assert tuple(golden["joint_map"]) == OPENPOSE_OF_45


def test_it_says_nothing(capsys, make_smpl):
    make_smpl()
    assert capsys.readouterr().out == ""


def test_it_is_a_body_model(smpl, golden):
    n = len(golden["betas"])
    bodies = BodyBatch(
        global_orient=golden["rotmats"][:, :1],
        body_pose=golden["rotmats"][:, 1:],
        betas=golden["betas"],
        cam_crop=np.zeros((n, 3)),
        cam_t=np.zeros((n, 3)),
        joints_3d=np.zeros((n, 45, 3)),
        joints_2d=np.zeros((n, 45, 2)),
    )
    assert isinstance(smpl, BodyModel)
    assert smpl.faces.shape == (13776, 3)
    vertices, joints = smpl.vertices(bodies), smpl.joints(bodies)
    assert vertices.dtype == joints.dtype == np.float32
    assert np.allclose(vertices[:, ::5], golden["vertices"], atol=1e-5)
    assert np.allclose(joints[:, :JOINTS_44], golden["joints44"], atol=1e-5)
    assert not joints[:, JOINTS_44:].any()


def test_nobody(smpl):
    assert smpl.vertices(BodyBatch.empty()).shape == (0, 6890, 3)
    assert smpl.joints(BodyBatch.empty()).shape == (0, 45, 3)
