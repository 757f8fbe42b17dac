"""The z-buffer against PHALP's depth maps, a brute-force rasteriser and its own promises."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.geometry import zbuffer
from humantrack.geometry.zbuffer import rasterize

CAMERA = {"focal_px": 20.0, "centre_px": (8.0, 6.0), "size": (12, 16)}

# With z this large, z + 1e-9 is z, so corners fall on exact positions: (x, y) is in pixels.
EXACT_Z = float(2**24)
EXACT = {"focal_px": EXACT_Z, "centre_px": (0.0, 0.0), "size": (8, 8), "far": 1e9}


def brute_force(vertices, faces, *, focal_px, centre_px, size, near=0.1, far=100.0):
    """Depth, face, and how far each pixel is from a decision that rounding could turn."""
    depth = np.full(size, np.float32(far))
    owner = np.full(size, -1)
    doubt = np.full(size, np.inf)
    py, px = np.mgrid[: size[0], : size[1]] + 0.5
    for number, face in enumerate(faces):
        x, y, z = vertices[face].T
        u, v = focal_px * x / (z + 1e-9) + centre_px[0], focal_px * y / (z + 1e-9) + centre_px[1]
        area = (u[1] - u[0]) * (v[2] - v[0]) - (v[1] - v[0]) * (u[2] - u[0])
        if area == 0:
            continue
        w = np.stack(
            [
                ((u[j] - u[i]) * (py - v[i]) - (v[j] - v[i]) * (px - u[i])) / area
                for i, j in ((1, 2), (2, 0), (0, 1))
            ]
        )
        inside = (w >= 0).all(axis=0)
        doubt = np.minimum(doubt, np.abs(w).min(axis=0))
        w = np.clip(w, 0, 1)
        with np.errstate(all="ignore"):
            d = (1 / ((w / w.sum(0)) / z[:, None, None]).sum(0)).astype(np.float32)
        for limit in (near, far):
            doubt = np.where(inside, np.minimum(doubt, np.abs(d - limit)), doubt)
        with np.errstate(all="ignore"):
            drawn = inside & (d > near) & (d < far)
            contested = drawn & (owner >= 0)
            doubt = np.where(contested, np.minimum(doubt, np.abs(d - depth) / d), doubt)
            nearer = drawn & ((d < depth) | (owner < 0))
        depth, owner = np.where(nearer, d, depth), np.where(nearer, number, owner)
    return depth, owner, doubt


def draw(vertices, faces, **options):
    """``rasterize`` of numpy arrays -> numpy depth and face."""
    raster = rasterize(
        torch.as_tensor(np.asarray(vertices)), torch.as_tensor(np.asarray(faces)), **options
    )
    return raster.depth.numpy(), raster.face.numpy()


def soup(seed: int, count: int = 30, low_z: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Random triangles of all sizes, in and out of view."""
    random = np.random.default_rng(seed)
    z = random.uniform(low_z, 4, (count, 1, 1)) * random.uniform(0.8, 1.25, (count, 3, 1))
    centre = random.uniform(-0.7, 0.7, (count, 1, 2))
    spread = np.exp(random.uniform(-5, 0.5, (count, 1, 1)))
    xy = (centre + spread * random.standard_normal((count, 3, 2))) * z
    return np.concatenate([xy, z], axis=2).reshape(-1, 3), np.arange(3 * count).reshape(-1, 3)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 40))
def test_equals_brute_force(seed, count):
    vertices, faces = soup(seed, count)
    options = {**CAMERA, "near": 0.3, "far": 3.0}
    depth, face = draw(vertices, faces, **options)
    want_depth, want_face, doubt = brute_force(vertices, faces, **options)
    sure = doubt > 1e-6
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(face[0][sure], want_face[sure])
    np.testing.assert_allclose(depth[0][sure], want_depth[sure], rtol=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_faces_that_reach_behind_the_camera_are_tested_by_pixel(seed):
    vertices, faces = soup(seed)
    vertices[::3, 2] *= -1
    depth, face = draw(vertices, faces, **CAMERA)
    want_depth, want_face, doubt = brute_force(vertices, faces, **CAMERA)
    sure = doubt > 1e-6
    np.testing.assert_array_equal(face[0][sure], want_face[sure])
    np.testing.assert_allclose(depth[0][sure], want_depth[sure], rtol=1e-5)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_faces_does_not_matter(seed):
    vertices, faces = soup(seed)
    depth, face = draw(vertices, faces, **CAMERA)
    order = np.random.default_rng(seed).permutation(len(faces))
    other_depth, other_face = draw(vertices, faces[order], **CAMERA)
    np.testing.assert_array_equal(depth, other_depth)
    drawn = face >= 0
    np.testing.assert_array_equal(face[drawn], order[other_face[drawn]])


def test_the_first_of_equal_faces_wins():
    vertices, faces = soup(3, 8)
    depth, face = draw(vertices, np.concatenate([faces, faces]), **CAMERA)
    assert face.max() < len(faces)
    np.testing.assert_array_equal(depth, draw(vertices, faces, **CAMERA)[0])


def test_a_batch_gives_the_same_bits_as_one_by_one():
    meshes = np.stack([soup(seed)[0] for seed in range(4)])
    faces = soup(0)[1]
    depth, face = draw(meshes, faces, **CAMERA)
    assert depth.shape == face.shape == (4, *CAMERA["size"])
    for i, mesh in enumerate(meshes):
        one_depth, one_face = draw(mesh, faces, **CAMERA)
        np.testing.assert_array_equal(depth[i], one_depth[0])
        np.testing.assert_array_equal(face[i], one_face[0])


def test_a_scene_is_one_mesh_of_all_its_meshes():
    meshes = np.stack([soup(seed)[0] for seed in range(4)])
    faces = soup(0)[1]
    scene = rasterize(
        torch.as_tensor(meshes), torch.as_tensor(faces), scene=True, barycentric=True, **CAMERA
    )
    joined = np.concatenate([faces + i * meshes.shape[1] for i in range(4)])
    one = rasterize(
        torch.as_tensor(meshes.reshape(-1, 3)), torch.as_tensor(joined), barycentric=True, **CAMERA
    )
    assert torch.equal(scene.depth, one.depth)
    assert torch.equal(scene.face, one.face)
    assert torch.equal(scene.barycentric, one.barycentric)


def test_small_blocks_of_work_draw_the_same(monkeypatch):
    vertices, faces = soup(11, 200)
    whole = draw(vertices, faces, **CAMERA)
    for size in (64, 7):
        monkeypatch.setattr(zbuffer, "_block_size", lambda _, size=size: size)
        parts = draw(vertices, faces, **CAMERA)
        np.testing.assert_array_equal(parts[1], whole[1])
        np.testing.assert_allclose(parts[0], whole[0], rtol=1e-6)


def exact_triangle(*corners: tuple[float, float]) -> np.ndarray:
    return np.array([(x, y, EXACT_Z) for x, y in corners])


def test_pixel_centres_on_edges_and_corners_are_inside():
    vertices = exact_triangle((0.5, 0.5), (4.5, 0.5), (0.5, 4.5))
    _, face = draw(vertices, [[0, 1, 2]], **EXACT)
    assert (face >= 0).sum() == 15
    assert (face[0] >= 0)[0, :5].all()


def test_neighbours_leave_no_gap():
    vertices = exact_triangle((0, 0), (8, 0), (8, 8), (0, 8))
    _, face = draw(vertices, [[0, 1, 2], [0, 2, 3]], **EXACT)
    assert (face >= 0).all()
    assert (np.diagonal(face[0]) == 0).all()


@pytest.mark.parametrize(
    "corners",
    [((1, 1), (5, 5), (3, 3)), ((2.5, 2.5),) * 3, ((1.6, 1.6), (1.9, 1.6), (1.6, 1.9))],
    ids=["line", "point", "between the centres"],
)
def test_what_covers_no_centre_draws_nothing(corners):
    depth, face = draw(exact_triangle(*corners), [[0, 1, 2]], **EXACT)
    assert (face == -1).all()
    assert (depth == np.float32(EXACT["far"])).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_faces_that_are_no_numbers_draw_nothing_and_disturb_nobody(bad):
    vertices, faces = soup(5)
    want = draw(vertices, faces, **CAMERA)
    for axis in range(3):
        broken = vertices[:3].copy()
        broken[1, axis] = bad
        both = np.concatenate([vertices, broken])
        got = draw(both, np.concatenate([faces, [[len(vertices) + i for i in range(3)]]]), **CAMERA)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


@pytest.mark.parametrize("z", [-5.0, 0.0, 0.0999, 100.001, 1e6])
def test_nothing_before_near_or_beyond_far(z):
    vertices = np.array([(-100.0, -100, z), (100, -100, z), (0, 200, z)])
    depth, face = draw(vertices, [[0, 1, 2]], **CAMERA)
    assert (face == -1).all()
    assert (depth == 100).all()


def test_no_faces_and_no_meshes():
    empty = torch.zeros(0, 3, dtype=torch.int64)
    raster = rasterize(torch.zeros(4, 3), empty, barycentric=True, **CAMERA)
    assert (raster.face == -1).all() and (raster.depth == 100).all()
    assert raster.depth.dtype == torch.float32 and raster.face.dtype == torch.int32
    none = rasterize(torch.zeros(0, 4, 3), torch.zeros(1, 3, dtype=torch.int64), **CAMERA)
    assert none.depth.shape == (0, *CAMERA["size"])
    nobody = torch.zeros(0, 4, 3), torch.zeros(1, 3, dtype=torch.int64)
    scene = rasterize(*nobody, scene=True, barycentric=True, **CAMERA)
    assert scene.depth.shape == (1, *CAMERA["size"]) and (scene.face == -1).all()


def test_culling_drops_clockwise_faces_only():
    counter_clockwise = exact_triangle((1, 1), (1, 6), (6, 1))  # y points down
    _, face = draw(counter_clockwise, [[0, 1, 2]], cull_back=True, **EXACT)
    assert (face >= 0).any()
    _, face = draw(counter_clockwise, [[0, 2, 1]], cull_back=True, **EXACT)
    assert (face == -1).all()
    _, face = draw(counter_clockwise, [[0, 2, 1]], **EXACT)
    assert (face >= 0).any()


def test_barycentrics_give_the_point_seen():
    vertices, faces = soup(8)
    raster = rasterize(
        torch.as_tensor(vertices), torch.as_tensor(faces), barycentric=True, **CAMERA
    )
    depth, face, weights = raster.depth[0].numpy(), raster.face[0].numpy(), raster.barycentric[0]
    weights = weights.numpy()
    assert (weights[face < 0] == 0).all()
    row, column = np.nonzero(face >= 0)
    assert len(row) > 20
    corners = vertices[faces[face[row, column]]]
    points = (weights[row, column][:, :, None] * corners).sum(axis=1)
    np.testing.assert_allclose(weights[row, column].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points[:, 2], depth[row, column], rtol=1e-5)
    at = CAMERA["focal_px"] * points[:, :2] / points[:, 2:] + CAMERA["centre_px"]
    np.testing.assert_allclose(at, np.stack([column + 0.5, row + 0.5], 1), atol=2e-3)


def test_depth_maps_of_phalp(data):
    """Bodies of the synthetic SMPL as PHALP's rasteriser draws them; body 2 is beyond ``far``."""
    golden = np.load(data / "golden" / "texture_golden.npz")
    model = np.load(data / "golden" / "smpl_synthetic.npz")
    bodies = [
        _smpl(model, rotations, betas) + shift
        for rotations, betas, shift in zip(
            golden["rotmats"], golden["betas"], golden["pred_cam_t"], strict=True
        )
    ]
    depth, _ = draw(
        np.stack(bodies).astype(np.float32),
        model["f"].astype(np.int64),
        focal_px=5000.0,
        centre_px=(128.0, 128.0),
        size=(256, 256),
    )
    np.testing.assert_array_equal(depth[:2] == 100, golden["depth"] == 100)
    np.testing.assert_allclose(depth[:2], golden["depth"], atol=1e-3)
    assert (np.abs(depth[:2] - golden["depth"]) > 5e-5).sum() < 100
    assert (depth[2] == 100).all()


def _smpl(model, rotations, betas):
    """Linear blend skinning (Loper et al., SMPL, TOG 2015), (6890,3)."""
    seed = np.random.PCG64(zlib.crc32(b"posedirs"))
    pose_dirs = np.random.Generator(seed).standard_normal((6890, 3, 207)).astype(np.float32)
    shaped = model["v_template"] + model["shapedirs"] @ betas
    rest = model["J_regressor"] @ shaped
    shaped += pose_dirs * np.float32(0.0002) @ (rotations[1:] - np.eye(3)).reshape(-1)
    turned, joints = [rotations[0]], [rest[0]]
    for j, parent in enumerate(model["kintree_table"][0].astype(int)[1:], start=1):
        joints.append(joints[parent] + turned[parent] @ (rest[j] - rest[parent]))
        turned.append(turned[parent] @ rotations[j])
    shift = np.stack(joints) - np.einsum("jab,jb->ja", np.stack(turned), rest)
    blended = np.tensordot(model["weights"], np.stack(turned), 1)
    return np.einsum("vab,vb->va", blended, shaped) + model["weights"] @ shift


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same():
    vertices, faces = soup(21, 500)
    want = draw(vertices, faces, **CAMERA)
    raster = rasterize(
        torch.as_tensor(vertices).cuda(), torch.as_tensor(faces).cuda(), barycentric=True, **CAMERA
    )
    assert raster.depth.is_cuda
    assert (raster.face.cpu().numpy() != want[1]).mean() < 0.01
    np.testing.assert_allclose(raster.depth.cpu().numpy(), want[0], rtol=1e-5)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), scene=st.booleans())
def test_tensors_are_drawn_as_arrays_are(seed, scene):
    """The way of GPUs, walked on the CPU."""
    meshes, faces = np.stack([soup(seed)[0], soup(seed + 1)[0]]), soup(seed)[1]
    view = zbuffer._View(20.0, (8.0, 6.0), (12, 16), 0.1, 100.0, False)
    asked = {"scene": scene, "barycentric": True}
    want = zbuffer._draw(np, meshes, faces, view, **asked)
    got = zbuffer._draw(torch, torch.as_tensor(meshes), torch.as_tensor(faces), view, **asked)
    np.testing.assert_array_equal(got.face.numpy(), want.face)
    np.testing.assert_array_equal(got.depth.numpy(), want.depth)
    np.testing.assert_allclose(got.barycentric.numpy(), want.barycentric, atol=1e-6)


def test_arrays_come_back_for_arrays_and_tensors_for_tensors():
    vertices, faces = soup(2)
    arrays = rasterize(vertices, faces, barycentric=True, **CAMERA)
    tensors = rasterize(
        torch.as_tensor(vertices), torch.as_tensor(faces), barycentric=True, **CAMERA
    )
    for name in ("depth", "face", "barycentric"):
        assert isinstance(getattr(arrays, name), np.ndarray)
        np.testing.assert_array_equal(getattr(tensors, name).numpy(), getattr(arrays, name))
    assert arrays.depth.dtype == arrays.barycentric.dtype == np.float32
    assert arrays.face.dtype == np.int32
