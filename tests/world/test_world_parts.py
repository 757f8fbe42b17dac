"""Options, lens, axes and the ground, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.errors import ConfigError
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.world.axes import world_axes
from humantrack.world.contacts import find_contacts
from humantrack.world.evidence import Looks
from humantrack.world.ground import Known, find_ground
from humantrack.world.metadata import focal_35mm, focal_px_of
from humantrack.world.options import WorldOptions, parse_heights
from humantrack.world.scenery import find_floor


@pytest.mark.parametrize(
    ("text", "common", "heights"),
    [
        (None, None, {}),
        ("1.8", 1.8, {}),
        (1.8, 1.8, {}),
        ("1:1.8,2:1.2", None, {1: 1.8, 2: 1.2}),
        ("1.7,2:1.2", 1.7, {2: 1.2}),
    ],
)
def test_heights(text, common, heights):
    assert parse_heights(text) == (common, heights)


@pytest.mark.parametrize("text", ["tall", "1:", ":1.8", "1.7,1.8", "a:1.8", ""])
def test_what_is_no_height_is_refused(text):
    with pytest.raises(ConfigError):
        parse_heights(text)


@pytest.mark.parametrize(
    "values",
    [
        {"focal_px": -1.0},
        {"fov_deg": 180.0},
        {"focal_px": 800.0, "fov_deg": 60.0},
        {"person_height_m": 180.0},
        {"heights_m": {1: 0.1}},
        {"camera_height_m": 0.0},
        {"camera_height_m": float("nan")},
    ],
)
def test_values_that_cannot_be_are_refused(values):
    with pytest.raises(ConfigError):
        WorldOptions(**values)


def test_angle_of_view():
    assert WorldOptions(fov_deg=90.0).given_focal_px(1920, 1080) == pytest.approx(960)
    assert WorldOptions(fov_deg=90.0).given_focal_px(1080, 1920) == pytest.approx(960)


def test_the_lens_of_a_picture(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 26
    path = tmp_path / "one.jpg"
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    assert focal_35mm(path) == 26
    assert focal_35mm(tmp_path) == 26  # a folder of pictures
    assert focal_px_of(26, 4000, 3000) == pytest.approx(26 * 5000 / 43.27, rel=1e-3)


def test_files_without_a_lens(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    assert focal_35mm(tmp_path / "x.mp4") is None
    assert focal_35mm(tmp_path / "missing.mp4") is None


def test_the_lens_of_a_video(tmp_path):
    import av

    path = tmp_path / "one.mov"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as out:
        out.metadata["com.apple.quicktime.camera.focal_length.35mm_equivalent"] = "24"
        stream = out.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    assert focal_35mm(path) == 24


def _looks(up, height, *, people=2, count=120, sizes=(1.0, 1.0), leaning=None, seed=0):
    """People on a floor before a camera at the origin, with noise."""
    random = np.random.default_rng(seed)
    turn = np.linalg.svd(up[None])[2]
    across = turn[1:]
    parts = []
    for one in range(people):
        along = np.linspace(-2, 2, count)[:, None] * across[0] * (1 - 2 * one)
        away = (5 + one + np.sin(np.linspace(0, 3, count)))[:, None] * [0, 0, 1]
        at = along + away
        at = at - (at @ up - height)[:, None] * up
        lean = up if leaning is None else leaning
        parts.append((np.full(count, one + 1), at / sizes[one], np.tile(lean, (count, 1))))
    track, low, ups = (np.concatenate(part) for part in zip(*parts, strict=True))
    low = low * (1 + 0.01 * random.normal(size=(len(low), 1)))
    return Looks(
        track_id=track,
        time_s=np.tile(np.arange(count) / 15, people),
        low=low,
        later=low,
        camera=np.zeros_like(low),
        camera_later=np.zeros_like(low),
        up=ups,
        has_later=np.zeros(len(low), bool),
        upright=np.ones(len(low)),
        error_m=np.full(len(low), 0.03),
    )


@settings(max_examples=20, deadline=None)
@given(st.floats(-25, 25), st.floats(-10, 10), st.floats(0.8, 3))
def test_gravity_and_floor_are_found(pitch, roll, height):
    up = axis_angle_to_matrix(np.radians([pitch, 0, roll])) @ np.array([0, -1.0, 0])
    ground = find_ground(_looks(up, -height), Known(up=np.array([0, -1.0, 0])))
    assert np.degrees(np.arccos(np.clip(ground.up @ up, -1, 1))) < 2
    assert ground.height == pytest.approx(-height, abs=0.1)
    assert ground.has_floor and ground.how == "feet"


def test_a_child_beside_an_adult():
    up = np.array([0, -1.0, 0])
    rows = _looks(up, -1.6, sizes=(1.0, 0.65))
    ground = find_ground(rows, Known(up=up))
    assert ground.sizes[2] / ground.sizes[1] == pytest.approx(0.65, abs=0.04)


def test_people_who_lie_do_not_turn_the_world():
    up = np.array([0, -1.0, 0])
    rows = _looks(up, -1.5, leaning=np.array([1.0, 0, 0]))
    ground = find_ground(rows, Known(up=up))
    assert np.degrees(np.arccos(ground.up @ up)) < 5


def test_nobody():
    ground = find_ground(None, Known(up=np.array([0, -1.0, 0]), camera_height_m=1.5))
    assert ground.height == -1.5 and ground.how == "camera"
    assert not find_ground(None, Known(up=np.array([0, -1.0, 0]))).has_floor


@pytest.mark.parametrize("ahead", [[0, 0, 1.0], [0, 1.0, 0], [0, -1.0, 0], [0.6, 0.8, 0]])
def test_axes_of_any_first_camera(ahead):
    from humantrack.geometry.rotations import frame

    axes = frame(np.array(ahead), np.array([0.3, 0.2, 1.0]))
    rotation = np.stack([axes[:, 1], axes[:, 2], axes[:, 0]])
    ground = find_ground(None, Known(up=np.array([0, -1.0, 0]), camera_height_m=1.5))
    world = world_axes(ground, rotation, np.zeros(3))
    np.testing.assert_allclose(world.rotation @ world.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(world.rotation) == pytest.approx(1)
    np.testing.assert_allclose(world.rotation @ ground.up, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(world.shift, [0, 1.5, 0], atol=1e-12)


def test_the_floor_among_other_things():
    random = np.random.default_rng(1)
    floor = random.uniform([-3, 1.4, 2], [3, 1.4, 9], (200, 3))
    wall = random.uniform([-3, -2, 9], [3, 1.4, 9], (300, 3))
    table = random.uniform([-1, 0.7, 4], [0, 0.7, 5], (60, 3))
    points = np.concatenate([floor, wall, table]) + 0.01 * random.normal(size=(560, 3))
    cameras = np.linspace([0, 0, 0], [2, 0, 0], 20)
    plane = find_floor(points, cameras, np.array([0.03, -1, 0.03]))
    assert plane is not None
    assert plane.height == pytest.approx(-1.4, abs=0.03)
    assert plane.normal @ [0, -1, 0] > np.cos(np.radians(1))
    assert find_floor(wall, cameras, np.array([0, -1.0, 0])) is None
    assert find_floor(points[:3], cameras, np.array([0, -1.0, 0])) is None


def test_hysteresis_of_contacts():
    time_s = np.arange(90) / 30
    points = np.zeros((90, 4, 3))
    speed = np.where((time_s > 1) & (time_s < 2), 0.0, 1.5)
    points[..., 0] = np.cumsum(speed)[:, None] / 30
    found = find_contacts(points, np.zeros(4), np.tile([0, 0, 1.0], (90, 1)), time_s)
    assert found[35:55].all() and not found[:25].any() and not found[65:].any()
    high = points + np.array([0, 0.3, 0])
    assert not find_contacts(high, np.zeros(4), np.tile([0, 0, 1.0], (90, 1)), time_s).any()
