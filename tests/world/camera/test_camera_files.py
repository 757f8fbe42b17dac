"""Cameras that the user has solved: our JSON, COLMAP's text model, Nuke's .chan."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humantrack.errors import CameraFileError
from humantrack.geometry.rotations import (
    axis_angle_to_matrix,
    euler_to_matrix,
    geodesic_angle,
    matrix_to_quaternion,
)
from humantrack.world.camera import camera_json, read_camera_file

SIZE = (854, 480)
COUNT = 12


def made(seed, count=COUNT):
    random = np.random.default_rng(seed)
    rotation = axis_angle_to_matrix(random.normal(size=(count, 3)))
    return rotation, random.normal(size=(count, 3)) * 3, 300 + 900 * random.random(count)


def our_file(tmp_path, rotation, position, focal, *, frames=None, **head):
    frames = range(len(rotation)) if frames is None else frames
    rows = [
        {"frame": int(i), "K": [[f, 0, 427.0], [0, f, 240.0], [0, 0, 1]], "R": r.tolist(),
         "t": (-r @ p).tolist()}
        for i, r, p, f in zip(frames, rotation, position, focal, strict=True)
    ]  # fmt: skip
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({**head, "frames": rows}))
    return path


def colmap_folder(tmp_path, rotation, position, lens, names):
    folder = tmp_path / "sparse"
    folder.mkdir(exist_ok=True)
    (folder / "cameras.txt").write_text(f"# a comment\n7 {lens}\n")
    lines = ["# IMAGE_ID, QW, ..."]
    quaternion = matrix_to_quaternion(rotation)
    for number, (q, r, p, name) in enumerate(
        zip(quaternion, rotation, position, names, strict=True)
    ):
        words = [number + 1, *q.tolist(), *(-r @ p).tolist(), 7, name]
        lines += [" ".join(map(str, words)), "" if number % 2 else "1.5 2.5 -1 3.5 4.5 12"]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    return folder


def same(path, rotation, position, focal=None):
    np.testing.assert_allclose(path.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(path.position, position, atol=1e-9)
    if focal is not None:
        np.testing.assert_allclose(path.focal_px, focal, rtol=1e-9)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_json_comes_back(tmp_path_factory, seed):
    rotation, position, focal = made(seed)
    file = our_file(tmp_path_factory.mktemp("j"), rotation, position, focal, unit="m", up="y")
    path = read_camera_file(file, np.arange(COUNT), SIZE, 30.0)
    same(path, rotation, position, focal)
    assert path.kinds == ("given",)
    assert path.is_metric
    assert path.has_up
    assert not path.notes
    assert (path.confidence == 1).all()
    file.write_bytes(camera_json(path, SIZE))
    same(read_camera_file(file, np.arange(COUNT), SIZE, 30.0), rotation, position, focal)


@pytest.mark.parametrize(
    ("lens", "focal", "centre"),
    [
        ("SIMPLE_PINHOLE 854 480 700 430 241", 700, (430, 241)),
        ("PINHOLE 854 480 700 702 430 241", 701, (430, 241)),
        ("SIMPLE_RADIAL 1708 960 1400 860 482 0.01", 700, (430, 241)),
        ("RADIAL 854 480 700 430 241 0.001 0.0", 700, (430, 241)),
        ("OPENCV 854 480 700 702 430 241 0.01 0 0 0", 701, (430, 241)),
        ("OPENCV_FISHEYE 854 480 700 702 430 241 0.01 0 0 0", 701, (430, 241)),
        ("FULL_OPENCV 854 480 700 702 430 241 0 0 0 0 0 0 0 0", 701, (430, 241)),
        ("FOV 854 480 700 702 430 241 0.5", 701, (430, 241)),
        ("SIMPLE_RADIAL_FISHEYE 854 480 700 430 241 0.1", 700, (430, 241)),
        ("RADIAL_FISHEYE 854 480 700 430 241 0.1 0", 700, (430, 241)),
        ("THIN_PRISM_FISHEYE 854 480 700 702 430 241 0 0 0 0 0 0 0 0", 701, (430, 241)),
    ],
)
def test_colmaps_lenses(tmp_path, lens, focal, centre):
    rotation, position, _ = made(3)
    names = [f"shots/clip 2_{i:05d}.jpg" for i in range(COUNT)]
    folder = colmap_folder(tmp_path, rotation, position, lens, names)
    path = read_camera_file(folder, np.arange(COUNT), SIZE, 30.0)
    same(path, rotation, position, np.full(COUNT, focal))
    np.testing.assert_allclose(path.centre_px, np.tile(centre, (COUNT, 1)))
    assert not path.is_metric
    assert not path.has_up
    bends = "FISHEYE" in lens or "FOV" in lens
    assert any("distorted" in note for note in path.notes) == bends


def test_colmap_counts_from_one_as_ffmpeg_does(tmp_path):
    rotation, position, _ = made(4)
    names = [f"{i + 1:04d}.png" for i in range(COUNT)]
    folder = colmap_folder(
        tmp_path, rotation, position, "SIMPLE_PINHOLE 854 480 700 427 240", names
    )
    for given_path in (folder, folder / "images.txt"):
        path = read_camera_file(given_path, np.arange(COUNT), SIZE, 30.0)
        same(path, rotation, position)
        assert any("frame 1 of the camera file" in note for note in path.notes)
    path = read_camera_file(folder, np.arange(COUNT), SIZE, 30.0, counts_from=0)
    same(path, rotation[[0, *range(COUNT - 1)]], position[[0, *range(COUNT - 1)]])


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 1001]))
@settings(max_examples=30, deadline=None)
def test_chan_comes_back(tmp_path_factory, seed, first):
    random = np.random.default_rng(seed)
    angles, place = random.uniform(-80, 80, (COUNT, 3)), random.normal(size=(COUNT, 3))
    file = tmp_path_factory.mktemp("c") / "shot.chan"
    rows = [
        "\t".join(map(str, [first + i, *p.tolist(), *a.tolist(), 40.0]))
        for i, (p, a) in enumerate(zip(place, angles, strict=True))
    ]
    file.write_text("\n".join(rows) + "\n")
    path = read_camera_file(file, np.arange(COUNT), SIZE, 30.0)
    rx, ry, rz = angles.T
    to_world = euler_to_matrix(np.stack([ry, rx, rz], 1), "YXZ", degrees=True)
    np.testing.assert_allclose(path.position, place, atol=1e-12)
    # What lies before the camera lies along -z of its own axes; what is up in it, along y.
    ahead = to_world @ [0, 0, -1]
    np.testing.assert_allclose(np.einsum("tij,tj->ti", path.rotation, ahead)[:, 2], 1, atol=1e-9)
    above = to_world @ [0, 1, 0]
    np.testing.assert_allclose(np.einsum("tij,tj->ti", path.rotation, above)[:, 1], -1, atol=1e-9)
    np.testing.assert_allclose(path.focal_px, 240 / np.tan(np.deg2rad(20)))
    assert path.has_up


def test_a_chan_that_pans_left_and_tilts_up(tmp_path):
    file = tmp_path / "pan.chan"
    file.write_text("0 0 1.6 5 10 30 0 40\n")
    path = read_camera_file(file, np.arange(1), SIZE, 30.0)
    ahead = path.rotation[0].T @ [0, 0, 1]
    assert ahead[0] < -0.4  # to the left
    assert ahead[1] == pytest.approx(np.sin(np.deg2rad(10)))
    assert ahead[2] < 0


def test_a_chan_without_an_angle_of_view_needs_a_focal_length(tmp_path):
    file = tmp_path / "short.chan"
    file.write_text("0 0 1.6 5 0 0 0\n1 0 1.6 5 0 0 0\n")
    with pytest.raises(CameraFileError, match=r"world\.focal_px"):
        read_camera_file(file, np.arange(2), SIZE, 30.0)
    path = read_camera_file(file, np.arange(2), SIZE, 30.0, focal_px=650.0)
    assert path.focal_px == pytest.approx([650.0, 650.0])


@pytest.mark.parametrize("up", ["y", "-y", "z", "-z", "x", "-x"])
def test_up_becomes_y(tmp_path, up):
    rotation, position, focal = made(5)
    axis = np.zeros(3)
    axis["xyz".index(up[-1])] = -1 if up.startswith("-") else 1
    file = our_file(tmp_path, rotation, position, focal, up=up, unit="cm")
    path = read_camera_file(file, np.arange(COUNT), SIZE, 30.0)
    np.testing.assert_allclose(path.rotation @ [0, 1, 0], rotation @ axis, atol=1e-9)
    np.testing.assert_allclose(path.position[:, 1], position @ axis / 100, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(path.rotation), 1)


def test_frames_between_and_outside(tmp_path):
    turn = np.deg2rad([0.0, 20.0])
    rotation = axis_angle_to_matrix(np.stack([0 * turn, turn, 0 * turn], axis=1))
    position = np.array([[0.0, 0, 0], [4, 0, 0]])
    file = our_file(tmp_path, rotation, position, [500, 700], frames=[2, 6])
    path = read_camera_file(file, np.arange(9), SIZE, 30.0)
    angle = np.rad2deg(geodesic_angle(path.rotation, np.eye(3)))
    np.testing.assert_allclose(angle, [0, 0, 0, 5, 10, 15, 20, 20, 20], atol=1e-9)
    np.testing.assert_allclose(path.position[:, 0], [0, 0, 0, 1, 2, 3, 4, 4, 4], atol=1e-9)
    assert path.confidence.tolist() == [0, 0, 1, 0.5, 0.5, 0.5, 1, 0, 0]
    assert any("3 of 9 frames" in note for note in path.notes)
    assert any("4 of 9 frames" in note for note in path.notes)


def test_times_instead_of_numbers(tmp_path):
    rotation, position, focal = made(6)
    file = our_file(tmp_path, rotation, position, focal)
    data = json.loads(file.read_text())
    for frame in data["frames"]:
        frame["time_s"] = frame.pop("frame") / 25
    file.write_text(json.dumps(data["frames"]))
    same(read_camera_file(file, np.arange(COUNT), SIZE, 25.0), rotation, position, focal)


def test_numbers_far_apart_need_no_memory_between(tmp_path):
    rotation, position, focal = made(7)
    frames = [0, *range(10**12 // 4, 10**12 // 4 + COUNT - 1)]
    file = our_file(tmp_path, rotation, position, focal, frames=frames)
    path = read_camera_file(file, np.arange(1), SIZE, 30.0)
    same(path, rotation[:1], position[:1])


EYE = np.eye(3).tolist()
K = [[700, 0, 427], [0, 700, 240], [0, 0, 1]]
GOOD = {"frame": 0, "K": K, "R": EYE, "t": [0, 0, 0]}


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "[" * 100000, "not JSON"),
        ("a.json", "3", "'frames'"),
        ("a.json", "[]", "no camera"),
        ("a.json", "[3]", "R and t"),
        ("a.json", json.dumps([{**GOOD, "R": [[1]]}]), "'R' must be 3x3"),
        ("a.json", json.dumps([{**GOOD, "R": (2 * np.eye(3)).tolist()}]), "not a rotation"),
        ("a.json", json.dumps([{**GOOD, "R": np.diag([1, 1, -1]).tolist()}]), "not a rotation"),
        ("a.json", json.dumps([{**GOOD, "t": [0, 0, float("nan")]}]), "'t' must be 3"),
        ("a.json", json.dumps([{**GOOD, "K": (-np.eye(3)).tolist()}]), "K must be"),
        ("a.json", json.dumps([{**GOOD, "frame": "one"}]), "'frame'"),
        ("a.json", json.dumps([GOOD, GOOD]), "twice"),
        ("a.json", json.dumps([{"frame": 0, "R": EYE, "t": [0, 0, 0]}]), "world.focal_px"),
        ("a.json", json.dumps({"frames": [GOOD], "unit": "feet"}), "'unit'"),
        ("a.json", json.dumps({"frames": [GOOD], "up": 3}), "'up'"),
        ("a.json", json.dumps({"frames": [GOOD], "size": [100, 100]}), "100 x 100"),
        ("a.json", json.dumps([{**GOOD, "frame": 500}]), "none of which"),
        ("a.chan", "0 1 2\n", "line 1"),
        ("a.chan", "0 1 2 3 4 5 6 x\n", "line 1"),
        ("a.chan", "0 1 2 3 4 5 6 190\n", "190 degrees"),
        ("a.chan", "\n# nothing\n", "no camera"),
        ("a.abc", "", "not a kind"),
    ],
)
def test_wrong_files_are_told_in_one_line(tmp_path, name, text, match):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(CameraFileError, match=match) as caught:
        read_camera_file(file, np.arange(5), SIZE, 30.0)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 19


def test_files_that_are_not_there(tmp_path):
    for name in ("none.json", "none.chan", "none", "none/images.txt"):
        with pytest.raises(CameraFileError):
            read_camera_file(tmp_path / name, np.arange(5), SIZE, 30.0)
    (tmp_path / "cameras.bin").touch()
    with pytest.raises(CameraFileError, match="model_converter"):
        read_camera_file(tmp_path, np.arange(5), SIZE, 30.0)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CameraFileError, match="UTF-8"):
        read_camera_file(tmp_path / "bytes.json", np.arange(5), SIZE, 30.0)


@pytest.mark.parametrize(
    ("cameras", "images", "match"),
    [
        ("7 BANANA 854 480 1 2 3", "", "BANANA"),
        ("7 SIMPLE_PINHOLE 854 480 700 427", "", "3 parameters"),
        ("7 SIMPLE_PINHOLE 854 480 0 427 240", "", "above 0"),
        ("7 SIMPLE_PINHOLE 854 480 700 427 240", "1 1 0 0 0 0 0 0 8 a1.png", "camera 8"),
        ("7 SIMPLE_PINHOLE 854 480 700 427 240", "1 1 0 0 0 0 0 0 7 a.png", "no frame number"),
        ("7 SIMPLE_PINHOLE 854 480 700 427 240", "1 0 0 0 0 0 0 0 7 a1.png", "length 0"),
        ("7 SIMPLE_PINHOLE 854 480 700 427 240", "1 1 0 0", "IMAGE_ID"),
        ("7 SIMPLE_PINHOLE 854 480 700 427 240", "", "no camera"),
    ],
)
def test_wrong_models_are_told(tmp_path, cameras, images, match):
    (tmp_path / "cameras.txt").write_text(cameras)
    (tmp_path / "images.txt").write_text(images)
    with pytest.raises(CameraFileError, match=match):
        read_camera_file(tmp_path, np.arange(5), SIZE, 30.0)
