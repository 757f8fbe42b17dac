"""Keys of a camera file that are not ours are never passed over in silence."""

import json

import numpy as np
import pytest

from humantrack.errors import CameraFileError
from humantrack.world.camera import read_camera_file

FRAME = {"R": np.eye(3).tolist(), "t": [0, 1.6, 0]}
FRAMES = [{"frame": i, **FRAME} for i in range(3)]


def read(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
    return read_camera_file(path, np.arange(3), (640, 480), 30.0, focal_px=700.0)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"units": "m", "frames": FRAMES}, r"unknown key 'units'.*Did you mean 'unit'"),
        ({"Unit": "m", "frames": FRAMES}, r"unknown key 'Unit'.*Did you mean 'unit'"),
        ({"k": np.eye(3).tolist(), "frames": FRAMES}, r"unknown key 'k'.*Did you mean 'K'"),
        ({"sizes": [640, 480], "frames": FRAMES}, r"unknown key 'sizes'.*Did you mean 'size'"),
        ([*FRAMES, {"frame": 3, **FRAME, "T": [0, 0, 0]}], r"unknown key 'T'.*frames\[3\].*'t'"),
        ([{"frame": 0, "times": 0.0, **FRAME}], r"unknown key 'times'.*'time_s'"),
    ],
)
def test_nearly_one_of_ours_is_refused(tmp_path, content, match):
    with pytest.raises(CameraFileError) as caught:
        read(tmp_path / "camera.json", content)
    line = str(caught.value)
    assert "\n" not in line
    with pytest.raises(CameraFileError, match=match):
        raise CameraFileError(line)


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    text = json.dumps({"unit": "m", "frames": FRAMES}).replace("{", '{"unit": "cm", ', 1)
    with pytest.raises(CameraFileError, match="'unit' is there twice"):
        read(tmp_path / "camera.json", text)


def test_others_are_told_once_and_change_nothing(tmp_path):
    plain = read(tmp_path / "plain.json", FRAMES)
    frames = [{**frame, "distortion": [0.1, 0, 0]} for frame in FRAMES]
    path = read(tmp_path / "camera.json", {"author": "a solver", "frames": frames})
    assert path.notes == (
        "'author' of the camera file is not taken into account",
        "'distortion' of the camera file is not taken into account",
    )
    assert plain.notes == ()
    assert np.array_equal(path.position, plain.position)
