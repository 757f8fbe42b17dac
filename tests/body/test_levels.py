"""The shipped body's coarser surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from humantrack.body import Mannequin, load_mannequin
from humantrack.body.levels import read_levels
from humantrack.body.shape import GIRTH
from humantrack.errors import WeightsError
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.types import BodyBatch
from humantrack.types.stages import BodyModel, Levelled

LEVELS = range(1, 5)


@pytest.fixture(scope="module")
def body() -> Mannequin:
    return load_mannequin()


@pytest.fixture(scope="module")
def bodies() -> BodyBatch:
    """A mean adult who stands, and two people of other shapes in poses at random."""
    rng = np.random.default_rng(3)
    turns = rng.normal(0, 0.3, (3, 24, 3))
    turns[0] = 0
    rotations = axis_angle_to_matrix(turns).astype(np.float32)
    betas = rng.normal(0, 1, (3, 10)).astype(np.float32)
    betas[0] = 0
    return BodyBatch(
        global_orient=rotations[:, :1],
        body_pose=rotations[:, 1:],
        betas=betas,
        cam_crop=np.zeros((3, 3), np.float32),
        cam_t=np.zeros((3, 3), np.float32),
        joints_3d=np.zeros((3, 45, 3), np.float32),
        joints_2d=np.zeros((3, 45, 2), np.float32),
    )


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = vertices[faces].astype(np.float64).transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def test_the_first_is_the_whole_surface_and_each_is_coarser(body, bodies):
    assert isinstance(body, BodyModel) and isinstance(body, Levelled)
    np.testing.assert_array_equal(body.levels[0].faces, body.faces)
    np.testing.assert_array_equal(body.levels[0].vertices(bodies), body.vertices(bodies))
    assert [len(level.faces) for level in body.levels] == [27420, 15456, 12062, 9330, 7156]
    sizes = [level.size_m for level in body.levels]
    assert sizes == pytest.approx([0, 0.008, 0.012, 0.016, 0.020])


@pytest.mark.parametrize("girth", [-2.0, 0.0, 3.5])
def test_the_coarsest_surface_is_linear_in_girth(girth, body, bodies):
    for i in range(len(bodies)):
        one = bodies[[i]]
        points, thicker = body.coarse_by_girth(one)
        one.betas[:, GIRTH] = girth
        there = body.levels[-1].vertices(one)[0]
        np.testing.assert_allclose(points + girth * thicker, there, atol=1e-6)


@pytest.mark.parametrize("number", LEVELS)
def test_a_level_is_a_closed_surface_of_the_same_volume(number, body, bodies):
    level = body.levels[number]
    faces, count = level.faces, len(level.vertex)
    np.testing.assert_array_equal(np.unique(faces), np.arange(count))
    assert (np.diff(level.vertex) > 0).all() and level.vertex[-1] < len(body.weights)
    # Every edge is used once in each direction: closed, and turned the same way throughout.
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    np.testing.assert_array_equal(np.unique(edges, axis=0), np.unique(edges[:, ::-1], axis=0))
    assert count - len(faces) / 2 == 2 * 4  # Euler: body, mouth and eyes are four spheres
    for coarse, fine in zip(level.vertices(bodies), body.vertices(bodies), strict=True):
        assert volume(coarse, faces) == pytest.approx(volume(fine, body.faces), rel=0.015)


@pytest.mark.parametrize("number", LEVELS)
def test_its_vertices_are_those_of_the_whole_surface(number, body, bodies):
    level = body.levels[number]
    want = body.vertices(bodies)[:, level.vertex]
    np.testing.assert_allclose(level.vertices(bodies), want, atol=1e-6)
    assert level.vertices(bodies).dtype == np.float32
    assert level.vertices(BodyBatch.empty()).shape == (0, len(level.vertex), 3)


@pytest.mark.parametrize("number", LEVELS)
def test_no_region_gets_lost(number, body):
    assert set(body.region[body.levels[number].vertex]) == set(body.region)


def test_levels_of_another_body_are_refused(body):
    with pytest.raises(WeightsError, match="another body"):
        read_levels(body.faces[:, [1, 2, 0]])
