"""The world from outside: the view holds everybody, and people are drawn where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humantrack.body.mannequin import load_mannequin
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.render.palette import identity_colour
from humantrack.render.view import Bounds
from humantrack.render.world import Trails, WorldPainter
from humantrack.types import BodyBatch
from humantrack.types.world import WorldFrame, WorldPerson

WIDTH, HEIGHT = 640, 360


def standing(track_id=1, x=0.0, *, scale=1.0, turn=0.0):
    """Somebody in the T pose, 0.93 m (times scale) of pelvis above the floor."""
    rotation = axis_angle_to_matrix(np.array([0.0, turn, 0.0]))
    eye = np.tile(np.eye(3, dtype=np.float32), (1, 23, 1, 1))
    bare = BodyBatch(
        global_orient=rotation[None, None].astype(np.float32),
        body_pose=eye,
        betas=np.zeros((1, 10), np.float32),
        cam_crop=np.zeros((1, 3), np.float32),
        cam_t=np.zeros((1, 3), np.float32),
        joints_3d=np.zeros((1, 45, 3), np.float32),
        joints_2d=np.zeros((1, 45, 2), np.float32),
    )
    joints = np.asarray(load_mannequin().joints(bare))[0] * scale
    joints = np.concatenate([joints, np.zeros((45 - len(joints), 3))])
    place = np.array([x, 0.93 * scale, -4.0])
    return WorldPerson(
        track_id=track_id,
        is_observed=True,
        root_position=place,
        root_rotation=rotation,
        body_pose=eye[0],
        betas=np.zeros(10),
        joints=joints - joints[8] + place,
        contacts=np.array([True, False, True, False]),
        scale=scale,
        confidence=1.0,
    )


def frame_of(*people, index=0, shot=0, camera=(0.0, 1.5, 0.0)):
    return WorldFrame(
        index=index,
        time_s=index / 30,
        shot=shot,
        camera_rotation=np.diag([1.0, -1.0, -1.0]),
        camera_position=np.array(camera),
        focal_px=800.0,
        centre_px=np.array([320.0, 180.0]),
        people=people,
    )


def drawn(*frames):
    bounds, trails = Bounds(), Trails()
    for frame in frames:
        bounds.add(frame)
        trails.add(frame)
    view = bounds.view(WIDTH, HEIGHT)
    painter = WorldPainter(load_mannequin())
    return painter.draw(frames[-1], view, trails, width=WIDTH, height=HEIGHT), view


def hue(rgb):
    """Colour without brightness."""
    rgb = np.asarray(rgb, float)
    return rgb / np.linalg.norm(rgb, axis=-1, keepdims=True).clip(1)


@given(
    st.lists(
        st.tuples(st.floats(-25, 25), st.floats(-25, 25)), min_size=1, max_size=6, unique=True
    ),
    st.floats(-3, 3),
)
def test_the_view_holds_everybody_all_the_time(places, heading):
    turn = axis_angle_to_matrix(np.array([0.0, heading, 0.0]))
    person = standing()
    bounds = Bounds()
    for x, z in places:
        here = replace(person, root_position=np.array([x, 0.93, z]))
        frame = frame_of(here)
        bounds.add(replace(frame, camera_rotation=frame.camera_rotation @ turn.T))
    view = bounds.view(WIDTH, HEIGHT)
    assert view.rotation @ view.rotation.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(view.rotation) == pytest.approx(1)
    points = np.array([(x, y, z) for x, z in places for y in (0.0, 1.9)] + [(0.0, 1.5, 0.0)])
    at = view.pixels(points)
    assert np.isfinite(at).all()
    assert (at > 0).all() and (at < (WIDTH, HEIGHT)).all()
    assert view.position[1] > 1.9  # from above


def test_bounds_do_not_grow():
    bounds, person = Bounds(), standing()
    for index in range(30_000):
        bounds.add(frame_of(person, index=index))
    assert len(bounds._points) <= 10_000


def test_people_are_drawn_where_they_are_in_their_colour():
    people = standing(1, x=-1.5), standing(2, x=1.5, turn=1.0)
    picture, view = drawn(frame_of(*people))
    for person in people:
        chest = person.joints[1] - (0, 0.12, 0)
        x, y = np.rint(view.pixels(chest[None])[0]).astype(int)
        seen = hue(picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0))
        assert seen == pytest.approx(hue(identity_colour(person.track_id)), abs=0.08)


def test_a_child_is_drawn_at_its_size_and_another_body_as_limbs():
    half = standing(1, scale=0.6)
    picture, view = drawn(frame_of(half))
    above = view.pixels(np.array([[0, 1.6, -4.0]]))[0]
    x, y = np.rint(above).astype(int)
    floor = picture[5, 5]
    assert np.abs(picture[y - 3 : y + 3, x - 1 : x + 2].astype(int) - floor).max() < 45
    stranger = standing(1)
    stranger = replace(stranger, joints=stranger.joints * (1, 1.2, 1))
    other, _ = drawn(frame_of(stranger))
    ours, _ = drawn(frame_of(standing(1)))
    colour = hue(identity_colour(1))
    flat = (np.abs(hue(other) - colour).max(axis=2) < 0.02).sum()
    assert flat > 300
    assert not np.array_equal(other, ours)


def test_trails_keep_ten_seconds_and_end_at_a_cut():
    trails = Trails()
    for index in range(600):
        trails.add(frame_of(standing(1, x=index / 100), index=index))
    times = [time_s for time_s, _ in trails.people[1]]
    assert times[-1] - times[0] == pytest.approx(10, abs=0.05)
    assert len(trails.camera) == 600
    trails.add(frame_of(standing(2), index=600, shot=1))
    assert list(trails.people) == [2]
    assert len(trails.camera) == 1
    for index in range(601, 20_000):
        trails.add(frame_of(index=index, shot=1))
    assert len(trails.camera) <= 2048 + 1
    assert trails.people == {}


def test_the_same_picture_each_time_and_nobody_is_a_picture_too():
    frames = [frame_of(standing(1, x=i / 10), index=i, camera=(i / 10, 1.5, 0)) for i in range(9)]
    first, _ = drawn(*frames)
    assert np.array_equal(first, drawn(*frames)[0])
    nobody, _ = drawn(frame_of())
    assert nobody.shape == (HEIGHT, WIDTH, 3)
    assert len(np.unique(nobody.reshape(-1, 3), axis=0)) > 3  # floor, lines, camera
