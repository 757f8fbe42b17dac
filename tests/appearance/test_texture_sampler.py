"""UV maps against the genuine sampler's."""

import numpy as np
import pytest
import torch
from golden_rule import texture_atlas, texture_crops

from humantrack.appearance.texture import TextureSampler
from humantrack.errors import MissingWeightsError, UnsafePickleError, WeightsError


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("texture")


@pytest.fixture(scope="module")
def sampler(smpl):
    return TextureSampler(smpl.faces, *texture_atlas())


@pytest.fixture(scope="module")
def crops():
    return torch.from_numpy(texture_crops())


@pytest.fixture(scope="module")
def scene(arrays, smpl):
    """Vertices and translations."""
    rotations, betas, cam_t = (
        torch.from_numpy(arrays[k]) for k in ("rotmats", "betas", "pred_cam_t")
    )
    with torch.inference_mode():
        vertices, _ = smpl(rotations[:, :1], rotations[:, 1:], betas)
    return vertices, cam_t


@pytest.fixture(scope="module")
def maps(sampler, scene, crops):
    return sampler(*scene, crops).numpy()


def flags_of(arrays):
    count = np.prod(arrays["visible_shape"])
    return np.unpackbits(arrays["visible"], count=count).reshape(arrays["visible_shape"]) > 0


def test_the_inputs_are_the_golden_ones(arrays, crops, scene):
    array = crops.double()
    assert np.allclose([array.sum(), (array**2).sum()], arrays["input_check"], rtol=1e-6)
    placed = scene[0].double() + scene[1].double()[:, None]
    assert np.allclose(placed.sum(dim=(1, 2)), arrays["vertices_cam_sum"], rtol=1e-6)


def test_what_is_visible(sampler, scene, arrays):
    flags = flags_of(arrays)
    got = sampler.visible(*scene).numpy()
    clear = np.abs(arrays["margin"].astype(np.float32)) > 5e-5
    assert clear.mean() > 0.97
    assert 0.1 < flags.mean() < 0.9
    assert np.array_equal(got[:2][clear], flags[clear])
    assert not got[2].any()  # beyond the far plane


def test_maps(sampler, scene, crops, maps, arrays):
    clear = np.zeros((2, 256 * 256), bool)
    clear[:, texture_atlas()[1].ravel() >= 0] = np.abs(arrays["margin"]) > 5e-5
    clear = clear.reshape(2, 256, 256)
    for key, pick in (
        ("uv_vector", np.s_[:, ::2, ::2]),
        ("uv_vector_offset11", np.s_[:, 1::4, 1::4]),
    ):
        got, want, sure = maps[(slice(2), slice(None), *pick[1:])], arrays[key], clear[pick]
        assert np.array_equal(got[:, 3][sure], want[:, 3][sure])
        agree = got[:, 3] == want[:, 3]
        assert agree.mean() > 0.995
        assert np.abs(got - want).max(axis=1)[agree].max() < 1e-3
    raw = sampler.sample(*scene, crops).numpy()
    off = np.abs(raw[:2, :3, ::4, ::4] - arrays["uv_image_raw"][:, :3])
    assert off.max() < 5e-3
    unsure = (~clear).sum(axis=(1, 2))
    off = np.abs(raw[:, 3].sum(axis=(1, 2), dtype=float) - arrays["uv_alpha_sum"])
    assert (off[:2] < 0.05 * unsure).all()
    assert off[2] == 0
    assert (maps[2, 3] == -1).all()


def test_texels_without_a_face_are_empty(maps):
    none = texture_atlas()[1] < 0
    assert none.any()
    assert not maps[:, :3, none].any()
    assert (maps[:, 3, none] == -1).all()


def test_the_arguments_stay_as_they_are(sampler, scene, crops):
    before = crops.clone()
    sampler(*scene, crops)
    assert torch.equal(crops, before)


@pytest.mark.parametrize("depth", [-40.0, 0.0, 150.0, float("nan"), float("inf")])
def test_bodies_that_cannot_be_seen(depth, sampler, scene, crops):
    vertices, cam_t = scene[0][:1], scene[1][:1].clone()
    cam_t[:, 2] = depth
    got = sampler(vertices, cam_t, crops[:1])
    assert torch.isfinite(got).all()
    if depth:
        assert (got[:, 3] == -1).all()
        assert not got[:, :3].any()


def test_nobody(sampler):
    got = sampler(torch.zeros(0, 6890, 3), torch.zeros(0, 3), torch.zeros(0, 4, 256, 256))
    assert got.shape == (0, 4, 256, 256)


def test_more_people_than_are_sampled_at_once(sampler, scene, crops, maps):
    many = [t[torch.arange(18) % 3] for t in (*scene, crops)]
    assert np.array_equal(sampler(*many)[15:], maps)


def test_the_official_files(tmp_path, smpl, sampler, scene, crops):
    weights, face = texture_atlas()
    np.save(tmp_path / "bmap_256.npy", weights)
    np.save(tmp_path / "fmap_256.npy", face.astype(np.float32))
    read = TextureSampler.from_files(
        tmp_path / "bmap_256.npy", tmp_path / "fmap_256.npy", smpl.faces
    )
    one = [t[:1] for t in (*scene, crops)]
    assert torch.equal(read(*one), sampler(*one))


def test_wrong_files_are_refused(tmp_path, smpl):
    weights, face = texture_atlas()
    good = tmp_path / "bmap_256.npy"
    np.save(good, weights)
    bad = tmp_path / "fmap_256.npy"

    def read():
        return TextureSampler.from_files(good, bad, smpl.faces)

    with pytest.raises(MissingWeightsError, match="fetch fmap_256"):
        read()
    bad.write_bytes(b"\x93NUMPY\x01\x00v\x00 cut")
    with pytest.raises(WeightsError, match="not an array that can be read"):
        read()
    np.save(bad, face[:128])
    with pytest.raises(WeightsError, match=r"shape \(128, 256\)"):
        read()
    np.save(bad, face + 1)
    with pytest.raises(WeightsError, match="names face 13776 of 13776"):
        read()
    np.save(bad, np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(WeightsError) as caught:
        read()
    assert not isinstance(caught.value, UnsafePickleError)
