"""How sure up, floor and scale are said to be: of made scenes, whose camera is known exactly."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from world_cases import body, build, walk
from world_people import Walker, looking_down, write_people

from humantrack.geometry.rotations import axis_angle_to_matrix, unit
from humantrack.motion.camera import ray_rotations
from humantrack.world.doubt import LensDoubt
from humantrack.world.edges import Edges
from humantrack.world.evidence import FootRows, looks
from humantrack.world.ground import Known, find_ground, ground_with_edges
from humantrack.world.lens import ASSUMED_ERROR
from humantrack.world.make import still_path
from humantrack.world.options import WorldOptions
from humantrack.world.verticals import Verticals
from humantrack.world.weigh import way_in_depth

SIZE = 1920, 1080
FOCAL = 1500.0
LEVEL = Known(up=np.array([0, -1.0, 0]))


def turned(vector, degrees, about):
    return axis_angle_to_matrix(np.radians(degrees) * np.array([about], float))[0] @ vector


def up_of(pitch, roll=0.0):
    """Up as a camera that looks down and is rolled has it."""
    return turned(turned(np.array([0, -1.0, 0]), -pitch, (1, 0, 0)), roll, (0, 0, 1))


def people(up, *, height=1.6, leans=((0, 0), (0, 0)), seconds=8.0, spread=1.0, seed=None, off=0.0):
    """Looks at people on a floor ``height`` below the camera, and what is kept of them.

    Each leans all the time, by degrees about the camera's x and z; ``spread`` times 4 m is how far
    they walk in depth, ``off`` the part of their distance by which each look errs along its ray.
    """
    random = np.random.default_rng(seed)
    count, parts = round(seconds * 10), []
    for k, (ahead, aside) in enumerate(leans):
        t = np.linspace(0, 1, count)
        far = 5 + 1.5 * k + spread * 4 * (t if k % 2 else 1 - t)
        foot = np.stack([(k - len(leans) / 2) * 0.9 + 0.6 * spread * t, t * 0, far], axis=1)
        foot -= ((foot @ up + height) / up[1] * np.array([[0], [1], [0]])).T
        tall = turned(turned(up, ahead, (1, 0, 0)), aside, (0, 0, 1))
        pelvis = foot + 0.93 * tall
        pelvis *= 1 + off * random.normal(size=(count, 1))
        rays = ray_rotations(pelvis)
        to_ray = np.swapaxes(rays, -1, -2)
        px = FOCAL * pelvis[:, :2] / pelvis[:, 2:] + np.array(SIZE) / 2
        low = (to_ray @ (-0.93 * tall))[:, None]
        parts.append(
            FootRows(
                track_id=np.full(count, k + 1),
                frame=np.repeat(np.arange(count)[:, None], 2, axis=1),
                time_s=np.arange(count) / 10,
                pelvis_px=np.repeat(px[:, None], 2, axis=1),
                per_px=np.repeat(pelvis[:, 2:] / FOCAL, 2, axis=1),
                low=np.repeat(low, 2, axis=1),
                up=to_ray @ tall,
                span_m=np.ones(count),
                has_later=np.zeros(count, bool),
                upright=np.ones(count),
                error_m=np.full(count, 0.03),
            )
        )
    return FootRows.joined(parts)


def through(rows, lens):
    """Gives the looks of people whose lens is taken to be ``lens`` times as long as it is."""
    frames = np.arange(int(rows.frame.max()) + 1)
    path = still_path(frames, frames * 0, FOCAL * lens, SIZE, is_told=True)
    spans = dict.fromkeys(np.unique(rows.track_id).tolist(), 1.0)
    return lambda factor: looks(rows, path, spans, lens=factor)


def found(rows, lens=1.0, *, error=0.0, edges=None, known=LEVEL):
    at = through(rows, lens)
    return ground_with_edges(at(1.0), known, edges, lens_error=error, through=at)


def off_deg(one, other):
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


def edges_of_walls(up, lens, count=30, sigma=0.003, seed=0):
    """Vertical edges all over the picture, as a lens so many times too long has them."""
    random = np.random.default_rng(seed)
    ahead = unit(np.array([0, 0, 1.0]) - up[2] * up)
    level = np.stack([np.cross(up, ahead), ahead], axis=1)
    azimuth = np.radians(random.uniform(-30, 30, count))
    normal = np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1) @ level.T
    normal = unit(unit(normal + sigma * random.normal(size=normal.shape)) / [1, 1, lens])
    return Edges(
        normal=normal,
        sigma=np.full(count, sigma),
        length=random.uniform(40, 120, count),
        frame=np.zeros(count, np.int64),
        stays=True,
    )


@pytest.mark.parametrize("lens", [1.31, 0.72])
@pytest.mark.parametrize(("pitch", "roll"), [(20, 0), (28, 8), (-15, 4)])
def test_a_lens_that_is_wrong_is_within_the_error_of_up(lens, pitch, roll):
    up = up_of(pitch, roll)
    rows = people(up)
    ground = found(rows, lens, error=ASSUMED_ERROR)
    plain = found(rows, lens)
    off = off_deg(ground.up, up)
    assert (ground.up == plain.up).all() and ground.height == plain.height
    assert off > 2, "the wrong lens does harm"
    assert off < 1.5 * ground.up_error_deg
    assert ground.up_error_deg > 1.3 * plain.up_error_deg
    assert abs(ground.height + 1.6) < 2 * ground.floor_error_m


@pytest.mark.parametrize("lens", [1.31, 0.72])
def test_a_lens_that_is_wrong_is_within_the_error_of_up_from_edges(lens):
    up = up_of(22, 5)
    rows = people(up)
    edges = edges_of_walls(up, lens)
    ground = found(rows, lens, error=ASSUMED_ERROR, edges=edges)
    assert ground.verticals.is_used and ground.verticals.axes == 2
    off = off_deg(ground.up, up)
    assert 2 < off < 1.5 * ground.up_error_deg
    right = found(rows, 1.0, edges=edges_of_walls(up, 1.0))
    assert off_deg(right.up, up) < 0.5 and right.up_error_deg < 1.5


def test_a_lens_that_is_known_makes_nothing_less_sure():
    up = up_of(20)
    rows = people(up)
    edges = edges_of_walls(up, 1.0)
    at = through(rows, 1.0)
    for walls in (None, edges):
        given = ground_with_edges(at(1.0), LEVEL, walls)
        same = ground_with_edges(at(1.0), LEVEL, walls, lens_error=0.0, through=at)
        nearly = ground_with_edges(at(1.0), LEVEL, walls, lens_error=0.003, through=at)
        for name in ("up_error_deg", "floor_error_m", "unit_error"):
            assert getattr(same, name) == getattr(given, name)
            assert getattr(nearly, name) == pytest.approx(getattr(given, name), rel=0.02)
    assert given.up_error_deg < 1.5


def test_the_errors_are_those_of_many_scenes():
    """Lenses as people use them, bodies that lean as they like: errors, over what is said."""
    random = np.random.default_rng(5)
    ups, heights, lensless = [], [], []
    for seed in range(60):
        up = up_of(random.uniform(-5, 35), random.uniform(-8, 8))
        lens = float(np.exp(ASSUMED_ERROR * random.normal()))
        leans = 5.0 * random.normal(size=(random.integers(1, 4), 2))
        rows = people(up, leans=leans, spread=random.uniform(0.1, 1), seed=seed, off=0.03)
        ground = found(rows, lens, error=ASSUMED_ERROR)
        off = off_deg(ground.up, up)
        ups.append(off / ground.up_error_deg)
        lensless.append(off / found(rows, lens).up_error_deg)
        heights.append((ground.height + 1.6) / ground.floor_error_m)
    said = np.sqrt(np.mean(np.square([ups, heights, lensless]), axis=1))
    assert 0.6 < said[0] < 1.25, said
    assert 0.4 < said[1] < 1.25, said
    assert said[2] > 1.5, "by what is said as if the lens were right"


def test_one_who_leans_goes_on_leaning():
    up = up_of(15)
    leaning = partial(people, up, leans=((0, 8),), spread=0.0)
    short, long = (found(leaning(seconds=seconds)) for seconds in (2, 60))
    for ground in (short, long):
        assert 5 < off_deg(ground.up, up) < 1.6 * ground.up_error_deg
    assert long.up_error_deg > 0.75 * short.up_error_deg
    many = found(people(up, leans=[(0, 0)] * 6, spread=0.0))
    assert many.up_error_deg < 0.75 * short.up_error_deg


def test_bodies_that_are_seen_from_above_are_less_sure():
    """Estimates stand too straight before the viewer, of however many people."""
    told = []
    for pitch in (0, 15, 40):
        rows = people(up_of(pitch), leans=[(0, 0)] * 4, spread=0.0, height=1.6 + pitch / 15)
        told.append(found(rows).up_error_deg)
    assert told[0] < told[1] < told[2]
    assert told[0] < 4.5 and told[2] > 5.5


def test_a_distance_that_errs_tilts_the_floor_little():
    """One who stands while his distance is now over-, now underestimated walks along no floor."""
    for pitch, spread, most in ((10, 0.0, 2.5), (25, 0.0, 3.0), (25, 0.3, 1.9)):
        up = up_of(pitch)
        stands = partial(people, up, leans=((0, 0),), spread=spread, seconds=30, height=2.5)
        grounds = [found(stands(seed=seed, off=0.04)) for seed in range(4)]
        tilts = [np.degrees(np.arcsin(g.up[2]) - np.arcsin(up[2])) for g in grounds]
        assert np.abs(np.mean(tilts)) < most, "4, 4.7 and 2.6 were errors taken for steps"
        assert all(ground.up_error_deg > 5 for ground in grounds)


@pytest.mark.parametrize(("spread", "least", "most"), [(0.0, 1.0, 1.0), (1.0, 0.05, 0.12)])
def test_a_way_in_depth_counts_as_far_as_it_is_no_error(spread, least, most):
    random = np.random.default_rng(3)
    far = 6 + spread * random.normal(size=400) + 0.2 * random.normal(size=400)
    ray = np.tile([0, 0.6, 0.8], (400, 1))
    who, every = np.zeros(400, np.int64), np.ones(400)
    way, part = way_in_depth(far[:, None] * ray, ray, 0.2 * every, who, every)
    np.testing.assert_allclose(way @ ray[0], far - far.mean(), atol=1e-9)
    assert least <= part.min() and part.max() <= most


def test_the_floor_under_one_who_stays_in_one_place_tells_no_tilt():
    rows = people(up_of(20), leans=((0, 0),), spread=0.0, seconds=30, seed=1, off=0.04)
    feet_alone = replace(rows, upright=np.zeros(len(rows)))
    ground = found(feet_alone)
    assert abs(np.degrees(np.arcsin(ground.up[2]))) < 1, "as level as a camera is held"
    assert ground.up_error_deg > 19


def test_what_is_seen_through_another_lens_is_the_scene_stretched():
    """A travelling camera: its way, its floor and the edges, moved back, are those of the scene."""
    up, lens = up_of(20, 5), 1.31
    rows = people(up)
    stretch = np.diag([1, 1, lens])
    way = np.linspace([0, 0, 0], [1, 0, 0.5], int(rows.frame.max()) + 1)
    # The camera goes and all else goes with it; the unit of its way is half a metre.
    at = through(rows, lens)

    def carried(factor):
        there = at(factor)
        camera = (way @ stretch)[rows.frame] * 2
        return replace(there, camera=camera[:, 0], camera_later=camera[:, 1])

    normal = up / [1, 1, lens]
    plane = unit(normal), -3.2 / float(np.linalg.norm(normal))
    verticals = Verticals(
        is_used=True, why="", up=unit(stretch @ up), information=np.eye(3) - np.outer(up, up)
    )
    squeezed = np.linalg.inv(stretch)
    verticals = replace(verticals, information=squeezed @ verticals.information @ squeezed)
    known = replace(LEVEL, unit_m=None, plane=plane, verticals=verticals)
    doubt = LensDoubt(error=np.log(lens), looks=carried)
    moved, scene = doubt.moved(known, longer=False)
    np.testing.assert_allclose(moved.camera, way[rows.frame[:, 0]] * 2, atol=1e-12)
    np.testing.assert_allclose(scene.plane[0], up, atol=1e-12)
    assert scene.plane[1] == pytest.approx(-3.2)
    np.testing.assert_allclose(scene.verticals.information @ up, 0, atol=1e-12)
    np.testing.assert_allclose(moved.low @ up, -1.6, atol=1e-9)
    ground = find_ground(carried(1.0), known, lens=doubt)
    alone = find_ground(carried(1.0), known)
    assert (ground.up == alone.up).all() and ground.unit_m == alone.unit_m
    assert ground.up_error_deg > 1.3 * alone.up_error_deg
    assert off_deg(ground.up, up) < 2 * ground.up_error_deg


def test_a_plane_that_vertical_edges_contradict_is_believed_less():
    """What the background shows as a floor may be a slope, or found from few points."""
    up = up_of(2)
    verticals = Verticals(
        is_used=True,
        why="",
        axes=2,
        up=up,
        information=np.radians(0.9) ** -2.0 * (np.eye(3) - np.outer(up, up)),
    )
    rows = people(up, leans=((0, 0),), spread=0.3)
    known = replace(LEVEL, unit_m=None, verticals=verticals)
    at = through(rows, 1.0)(1.0)
    wrong = find_ground(at, replace(known, plane=(turned(up, -4, (1, 0, 0)), -1.6)))
    right = find_ground(at, replace(known, plane=(up, -1.6)))
    assert off_deg(right.up, up) < 0.1 and right.up_error_deg < 1
    assert off_deg(wrong.up, up) < 1, "2.2 was the mean of both"
    assert wrong.up_error_deg > 1.2


def test_edges_that_fix_the_roll_alone_leave_the_tilt_to_a_level_camera():
    up = up_of(5)
    verticals = Verticals(is_used=True, why="", up=up, axes=1, error_deg=0.5)
    ground = find_ground(None, replace(LEVEL, verticals=verticals))
    assert ground.up_error_deg > 19
    both = find_ground(None, replace(LEVEL, verticals=replace(verticals, axes=2)))
    assert both.up_error_deg == 0.5


def test_the_world_says_how_unsure_up_is_with_a_lens_that_is_assumed(tmp_path):
    person = body()
    local, pelvis, _ = walk(person, seconds=4)
    one = Walker(local, pelvis)
    view = looking_down(len(pelvis), 750, 2.2, 25)
    two = [one.moved(0, (0.5, -5)), one.moved(180, (-0.5, -7))]
    path = write_people(tmp_path / "demo_two.pkl", two, view, person)
    true = view.rotation[0][:, 1]
    assumed, _ = build(path)
    given, _ = build(path, options=WorldOptions(focal_px=750.0))
    assert assumed.lens.how == "assumed" and assumed.lens.error == ASSUMED_ERROR
    ground, right = assumed.grounds[0], given.grounds[0]
    off = off_deg(ground.up, true)
    assert off < 1.5 * ground.up_error_deg
    assert ground.up_error_deg > 1.2 * right.up_error_deg
