"""The appearance stage behind HMR2, and the estimator stage on HMAR alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from golden_rule import crop_image_bgr, crop_mask, texture_atlas, texture_crops

from humantrack.appearance.encoder import TextureEncoder
from humantrack.appearance.estimator import HmarEstimator
from humantrack.appearance.stage import TextureAppearance
from humantrack.appearance.texture import TextureSampler
from humantrack.body.placing import place_bodies
from humantrack.geometry.cameras import PaddedSquare
from humantrack.hmr2.decoder import DecoderSizes
from humantrack.hmr2.estimator import Hmr2Estimator
from humantrack.hmr2.network import Hmr2
from humantrack.hmr2.vit import VitSizes
from humantrack.types import Detections, Frame
from humantrack.types.stages import Estimator


@pytest.fixture(scope="module")
def describer(smpl, encoder):
    return TextureAppearance(
        TextureSampler(smpl.faces, *texture_atlas()), TextureEncoder(encoder, batch_size=2)
    )


@pytest.fixture(scope="module")
def picture():
    return np.ascontiguousarray(crop_image_bgr()[:, :, ::-1])


@pytest.fixture(scope="module")
def boxes(golden):
    return golden("crop")["boxes"]


def frame(rgb, index=0):
    return Frame(index=index, source_index=index, time_s=index / 30, rgb=rgb, key=str(index))


def detections(xyxy, *, with_masks=True):
    xyxy = np.asarray(xyxy, np.float32).reshape(-1, 4)
    return Detections(
        xyxy_px=xyxy,
        score=np.full(len(xyxy), 0.9, np.float32),
        class_id=np.zeros(len(xyxy), np.int64),
        mask=np.stack([crop_mask(box) for box in xyxy]) if with_masks and len(xyxy) else None,
    )


def test_textures_and_codes_of_golden_bodies(describer, smpl, golden):
    arrays = golden("texture")
    rotations, betas, cam_t = (
        torch.from_numpy(arrays[k]) for k in ("rotmats", "betas", "pred_cam_t")
    )
    with torch.inference_mode():
        vertices, _ = smpl(rotations[:, :1], rotations[:, 1:], betas)
        crops = torch.from_numpy(texture_crops())
        output = SimpleNamespace(vertices=vertices, cam_t=cam_t)
        appearance = describer.describe(SimpleNamespace(crops=crops, output=output))
    assert appearance.uv.dtype == appearance.code.dtype == np.float32
    got, want = appearance.uv[:2, :, ::2, ::2], arrays["uv_vector"]
    agree = got[:, 3] == want[:, 3]
    assert agree.mean() > 0.995
    assert np.abs(got - want).max(axis=1)[agree].max() < 1e-3
    assert len(np.unique(appearance.code.sum(axis=1))) == 3
    assert (appearance.uv[2, 3] == -1).all()


def test_hmr2_with_textures(describer, smpl, picture, boxes):
    """A real HMR2 (tiny, random) hands the stage what it needs."""
    torch.manual_seed(0)
    network = Hmr2(
        smpl,
        vit=VitSizes(embed_dim=64, depth=1, heads=4),
        decoder=DecoderSizes(dim=48, depth=1, heads=4, dim_head=16, mlp_dim=96),
    )
    network.smpl_head.init_cam += torch.tensor([0.9, 0, 0.1])
    network.smpl_head.init_body_pose += torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(24)
    estimator = Hmr2Estimator(
        network.requires_grad_(False).eval(), appearance=describer, min_size_px=(0, 0)
    )
    [people] = estimator.estimate([frame(picture)], [detections(boxes)])
    assert people.appearance.uv.shape == (4, 4, 256, 256)
    assert set(np.unique(people.appearance.uv[:, 3])) == {-1, 1}
    assert people.appearance.code.any(axis=1).all()


@pytest.fixture(scope="module")
def hmar_people(hmar, picture, boxes):
    estimator = HmarEstimator(hmar, min_size_px=(0, 0))
    return estimator.estimate([frame(picture)], [detections(boxes[:2])])[0]


def test_hmar_is_an_estimator(hmar):
    estimator = HmarEstimator(hmar)
    assert isinstance(estimator, Estimator)
    estimator.reset()
    with pytest.raises(ValueError, match="batch_size"):
        HmarEstimator(hmar, batch_size=0)


def test_hmar_gives_bodies_and_textures(hmar, hmar_people, golden, picture, boxes):
    """As the network says of crops that OpenCV has cut."""
    levels = golden("crop")["crops_u8_cv5"]
    mean, std = np.array([[123.675, 116.28, 103.53], [58.395, 57.12, 57.375]])[:, :, None, None]
    crops = levels[:2].astype(np.float32)
    crops[:, :3] = (crops[:, :3] - mean) / std
    with torch.inference_mode():
        output = hmar(torch.from_numpy(crops))
        _, joints = hmar.smpl(output.global_orient, output.body_pose, output.betas)
    bodies, appearance = hmar_people.bodies, hmar_people.appearance
    assert np.allclose(bodies.body_pose, output.body_pose, atol=2e-3)
    want = place_bodies(
        global_orient=output.global_orient.numpy(),
        body_pose=output.body_pose.numpy(),
        betas=output.betas.numpy(),
        cam_crop=output.cam.numpy(),
        joints=joints.numpy(),
        padded_xyxy_px=golden("crop")["boxes_padded"][:2],
        square=PaddedSquare(360, 480),
    )
    assert np.allclose(bodies.joints_2d, want.joints_2d, atol=2e-3)
    assert np.allclose(bodies.cam_t, want.cam_t, rtol=5e-3, atol=2e-3)
    assert (appearance.uv[:, 3] == output.uv_vector[:, 3].numpy()).mean() > 0.99
    with torch.inference_mode():
        codes = hmar.encoding_head(torch.from_numpy(appearance.uv)).numpy()
    assert np.allclose(appearance.code, codes, atol=1e-4 * np.abs(codes).max())
    assert np.allclose(hmar_people.padded_xyxy_px, golden("crop")["boxes_padded"][:2], atol=1e-3)


def test_hmar_in_batches_and_frames(hmar, hmar_people, picture, boxes):
    estimator = HmarEstimator(hmar, batch_size=1, min_size_px=(0, 0))
    frames = [frame(picture, 0), frame(picture, 1), frame(picture, 2)]
    found = [detections(boxes[:1]), detections(boxes[:0]), detections(boxes[1:2])]
    first, none, second = estimator.estimate(frames, found)
    assert len(none) == 0
    for row, people in enumerate((first, second)):
        want = hmar_people.bodies.joints_3d[row]
        assert np.allclose(people.bodies.joints_3d[0], want, atol=1e-4)
        assert people.source.tolist() == [0]


def test_hmar_drops_small_boxes_and_makes_do_without_masks(hmar, picture):
    found = detections([[0, 0, 49, 200], [100, 50, 180, 300]], with_masks=False)
    [people] = HmarEstimator(hmar).estimate([frame(picture)], [found])
    assert people.source.tolist() == [1]
    assert people.detections.mask is None
    assert (people.appearance.uv[0, 3] == 1).any()
