"""HMAR against what the genuine network gives, stage by stage."""

import numpy as np
import pytest
import torch
from golden_rule import hmar_crops, hmar_uv

from humantrack.appearance.hmar import process_uv_image
from humantrack.appearance.resnet import Backbone
from humantrack.body.placing import place_bodies
from humantrack.geometry.cameras import PaddedSquare
from humantrack.pipeline.observe import location_vectors, pose_vectors


def close(got, want, rel=1e-4):
    """Within ``rel`` of the largest number, everywhere."""
    got = np.asarray(got)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= rel * np.abs(want).max()


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("hmar")


@pytest.fixture(scope="module")
def crops():
    return torch.from_numpy(hmar_crops())


@pytest.fixture(scope="module")
def output(hmar, crops):
    with torch.inference_mode():
        return hmar(crops)


@pytest.mark.parametrize(("make", "key"), [(hmar_uv, "uv_check"), (hmar_crops, "crop_check")])
def test_the_inputs_are_the_golden_ones(make, key, arrays):
    array = make().astype(np.float64)
    assert np.allclose([array.sum(), (array**2).sum()], arrays[key], rtol=1e-6)


def test_keys_and_shapes_of_the_official_network(hmar, shapes):
    got = {
        key: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        for key, value in hmar.state_dict().items()
    }
    assert got == shapes
    assert list(got) == list(shapes)
    assert len(got) == 696


def test_backbone_at_every_stage(hmar, crops, arrays):
    with torch.inference_mode():
        features, stages = hmar.backbone(crops)
    close(features[:, ::16], arrays["backbone_feats_sub"])
    for number, step in ((1, 8), (2, 8), (3, 4), (4, 4)):
        close(stages[number - 1][:, ::32, ::step, ::step], arrays[f"skip{number}_sub"])


def test_features_outside_the_mask_do_not_count():
    torch.manual_seed(0)
    backbone = Backbone().eval()
    crops = torch.randn(1, 4, 256, 256)
    crops[:, 3] = 0
    crops[:, 3, 70, 100] = 1  # one faint pixel is enough for its cell
    with torch.inference_mode():
        features, stages = backbone(crops)
    kept = torch.nonzero(features.abs().sum(dim=1)[0]).tolist()
    assert kept == [[2, 3]]
    assert torch.equal(features[0, :, 2, 3], stages[3][0, :, 2, 3])


def test_body(output, arrays):
    close(output.pose_emb, arrays["pose_emb"])
    close(output.cam, arrays["pred_cam"])
    close(output.global_orient, arrays["smpl_global_orient"])
    close(output.body_pose, arrays["smpl_body_pose"])
    close(output.betas, arrays["smpl_betas"])


def test_texture(output, arrays):
    close(output.flow[:, :, ::4, ::4], arrays["flow_sub"])
    # The genuine code leaves the alpha it made in its input.
    image = torch.cat([output.uv_image[:, :3], output.uv_vector[:, 3:]], dim=1)
    vector = output.uv_vector[:, :, ::4, ::4].numpy()
    agree = vector[:, 3] == arrays["uv_vector_sub"][:, 3]
    assert agree.mean() > 0.999  # the mask's edge is 255 high
    for got, want in (
        (image[:, :, ::4, ::4].numpy(), arrays["uv_image_sub"]),
        (vector, arrays["uv_vector_sub"]),
    ):
        assert np.abs(got - want).max(axis=1)[agree].max() < 2e-3


def test_code_of_the_texture(hmar, output, arrays):
    with torch.inference_mode():
        close(hmar.encoding_head(output.uv_vector), arrays["appe_of_uv_vector"], rel=1e-3)


def test_autoencoder(hmar, arrays):
    with torch.inference_mode():
        codes = hmar.encoding_head(torch.from_numpy(hmar_uv()))
        decoded = hmar.encoding_head.decode(codes)
    close(codes, arrays["appe_embedding"])
    close(decoded[:, :, ::4, ::4], arrays["decoded_sub"])


def test_process_uv_image(arrays):
    image = torch.from_numpy(arrays["puv_in"])
    assert (image[:, 3] == 0).any()
    assert (image[:, 3] < 0).any()
    got = process_uv_image(image)
    assert np.array_equal(got, arrays["puv_out"])
    assert np.array_equal(got[:, 3], arrays["puv_in_after"][:, 3])
    assert np.array_equal(image, arrays["puv_in"])


@pytest.mark.parametrize("placed", ["given", "default"])
def test_bodies_in_the_padded_square(placed, smpl, output, arrays):
    """A box of a given centre and side in a 256-px square, and the crop itself."""
    rotations = output.global_orient, output.body_pose, output.betas
    with torch.inference_mode():
        _, joints = smpl(*rotations)
    centre, half, name = arrays["g3d_center"], arrays["g3d_scale"] / 2, "g3d"
    if placed == "default":
        centre, half, name = np.full((2, 2), 128.0), 128.0, "g3d_default"
    orient, pose, betas = (part.numpy() for part in rotations)
    bodies = place_bodies(
        global_orient=orient,
        body_pose=pose,
        betas=betas,
        cam_crop=arrays["g3d_pred_cam"],
        joints=joints.numpy(),
        padded_xyxy_px=np.concatenate([centre - half, centre + half], axis=1),
        square=PaddedSquare(256, 256),
    )
    close(bodies.joints_3d, arrays[f"{name}_joints3d"])
    close(bodies.cam_t, arrays[f"{name}_camera"])
    close(bodies.joints_2d * 256, arrays[f"{name}_joints2d"])
    if placed == "given":
        close(pose_vectors(bodies), arrays["pose_camera_vector"])
        close(location_vectors(bodies), arrays["loca_vector"])


def test_people_do_not_influence_each_other(hmar, crops, output):
    with torch.inference_mode():
        alone = hmar(crops[1:])
    assert torch.allclose(alone.cam, output.cam[1:], atol=1e-5)
    assert torch.allclose(alone.flow, output.flow[1:], atol=1e-5)
    assert torch.allclose(alone.body_pose, output.body_pose[1:], atol=1e-5)
