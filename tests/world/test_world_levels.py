"""Level edges, as of floorboards: they are no verticals, and do not speak against them."""

from dataclasses import replace

import numpy as np
import pytest

from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.world.edges import Edges
from humantrack.world.lens import choose_lens
from humantrack.world.levels import with_levels
from humantrack.world.make import still_path
from humantrack.world.options import WorldOptions
from humantrack.world.right_angles import Room, lens_of
from humantrack.world.verticals import find_verticals

SIGMA = 0.003
UP = np.array([0.0, -np.cos(np.radians(37)), -np.sin(np.radians(37))])
"""Of a camera that looks 37 degrees down."""

AHEAD = np.array([0.0, np.sin(np.radians(-37)), np.cos(np.radians(37))])
"""The level direction in which it looks."""

SIDE = np.array([1.0, 0.0, 0.0])
VIEW = np.array([0.0, 0.0, 1.0])


def edges(random, *normals, length=60.0):
    """Edges in planes with these normals, each (N,3), off by chance."""
    normal = np.concatenate(normals)
    normal = normal + random.normal(size=normal.shape) * SIGMA
    count = len(normal)
    return Edges(
        normal=normal / np.linalg.norm(normal, axis=1)[:, None],
        sigma=np.full(count, SIGMA),
        length=np.full(count, length) * random.uniform(0.5, 1.5, count),
        frame=np.zeros(count, np.int64),
        stays=True,
    )


def walls(degrees):
    """(N,3) planes of vertical edges, turned about up from where the camera looks."""
    turn = np.radians(degrees)[:, None]
    return np.cos(turn) * SIDE + np.sin(turn) * AHEAD


def boards(degrees, way=AHEAD):
    """(N,3) planes of edges along ``way``, so many degrees from one that is upright."""
    across = np.cross(way, UP)
    across, top = across / np.linalg.norm(across), np.cross(across, way)
    turn = np.radians(degrees)[:, None]
    return np.cos(turn) * across + np.sin(turn) * top


def tilted(degrees, about):
    return axis_angle_to_matrix(np.radians(degrees) * about[None])[0]


def off_deg(one, other):
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


@pytest.mark.parametrize("seed", range(5))
def test_floorboards_do_not_speak_against_walls(seed):
    random = np.random.default_rng(seed)
    floor = boards(np.linspace(-35, 35, 60))
    seen = edges(random, walls(np.linspace(-25, 30, 9)), floor)
    found = find_verticals(seen, tilted(10, SIDE) @ UP, 5.0)
    assert found.is_used and found.lines >= 7, found
    assert found.share > 0.9
    assert off_deg(found.up, UP) < 0.6
    # Boards of a ramp are not at right angles to the walls.
    ramp = floor @ tilted(9, SIDE).T
    assert not find_verticals(edges(random, walls(np.linspace(-25, 30, 9)), ramp), UP, 5.0).is_used


@pytest.mark.parametrize("seed", range(5))
def test_edges_of_a_table_are_no_verticals(seed):
    """Four of them nearly look it, and would turn up by 4 to 7 degrees towards them."""
    random = np.random.default_rng(seed)
    left = walls(np.repeat(np.linspace(8, 20, 7), 2))
    nearly = np.repeat([2.0, 3.0, 4.0, 5.0], 3)
    table = boards(np.r_[-44, -40, -31, -24, -19, -13, nearly, 10, 15, 21], tilted(-10, UP) @ AHEAD)
    found = find_verticals(edges(random, left, table), UP, 5.0)
    assert found.is_used, found
    assert off_deg(found.up, UP) < 0.5
    assert 1.5 < found.error_deg < 3, "as far as walls on one side fix it"


def test_boards_alone_are_no_verticals():
    used = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        wild = random.normal(size=(30, 3))
        seen = edges(random, boards(random.uniform(-35, 35, 40)), wild)
        used.append(find_verticals(seen, UP, 3.0).is_used)
    assert not any(used)


def test_right_angles_are_asked_only_as_far_as_the_lens_shows_them():
    random = np.random.default_rng(0)
    ups = np.stack([UP, tilted(3, SIDE) @ UP])
    for way in (AHEAD, SIDE):
        seen = edges(random, walls(np.linspace(-80, 80, 9)), boards(np.linspace(-35, 35, 30), way))
        sure = with_levels(seen, ups, 0.0, VIEW)
        assert (sure.up == UP).all() and sure.explained[9:].all()
        assert len(sure.directions) == 1 and abs(sure.directions[0] @ way) > 0.9999
    ahead = edges(random, walls(np.linspace(-80, 80, 9)), boards(np.linspace(-35, 35, 30)))
    assert with_levels(ahead, ups, 0.5, VIEW) is None
    assert with_levels(seen, ups, 0.5, VIEW).explained[9:].all(), "a level way across the view"


def room(seen, factor):
    """Edges as a lens so many times as long as the true one shows them, and people who lean."""
    normal = seen.normal * [1, 1, 1 / factor]
    normal /= np.linalg.norm(normal, axis=1)[:, None]

    def people(lens):
        up = tilted(5, SIDE) @ UP * [1, 1, factor * lens]
        return up / np.linalg.norm(up), 6.0

    return Room(edges=replace(seen, normal=normal), ahead=VIEW, people=people)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
def test_right_angles_tell_the_lens(factor):
    for seed in range(3):
        random = np.random.default_rng(seed)
        seen = edges(random, walls(np.linspace(-30, 30, 11)), boards(np.linspace(-35, 35, 40)))
        log, error = lens_of(room(seen, factor))
        assert log == pytest.approx(-np.log(factor), abs=0.02)
        assert 0.01 < error < 0.05


def test_no_lens_is_told_where_none_is_shown():
    told = []
    for seed in range(15):
        wild = edges(np.random.default_rng(seed), np.random.default_rng(seed).normal(size=(60, 3)))
        told.append(lens_of(room(wild, 1.0)))
        some = edges(np.random.default_rng(seed), walls(np.linspace(-30, 30, 10)), wild.normal[20:])
        told.append(lens_of(room(some, 1.0)))
    assert told == [None] * 30
    random = np.random.default_rng(0)
    across = edges(random, walls(np.linspace(-30, 30, 11)), boards(np.linspace(-35, 35, 40), SIDE))
    found = lens_of(room(across, 1.2))
    assert found is None or found[1] > 0.5, "a level way across the view is at right angles anyhow"


def test_a_lens_of_right_angles_is_taken_before_one_is_assumed():
    random = np.random.default_rng(0)
    seen = edges(random, walls(np.linspace(-30, 30, 11)), boards(np.linspace(-35, 35, 40)))
    index = np.arange(3)

    def chosen(rooms):
        return choose_lens(
            WorldOptions(),
            (300, 400),
            None,
            lambda px: still_path(index, index * 0, px, (400, 300), is_told=True),
            lambda path: [],
            lambda path: rooms,
        )

    lens, path = chosen([room(seen, 1.25)])
    assert lens.how == "right angles" and lens.error == pytest.approx(0.03, abs=0.02)
    assert lens.focal_px == pytest.approx(500 / 1.25, rel=0.02)
    assert (path.focal_px == lens.focal_px).all()
    assert chosen([])[0].how == "assumed"
