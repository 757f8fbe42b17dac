"""COLMAP's cameras, and what is told when it gives none (a stand-in takes pycolmap's place)."""

import sys
from pathlib import Path
from types import SimpleNamespace

import camera_tools as made
import cv2
import numpy as np
import pytest

from humantrack.world.camera import solve, solve_with_colmap
from humantrack.world.camera.adjust import Cameras
from humantrack.world.camera.colmap import between


def test_between_colmaps_frames_the_camera_moves_as_our_own_solution_says():
    count = 61
    rotation = made.turns(made.smooth(1, count, 4.0, knots=15))  # sways faster than every 6th frame
    position = made.smooth(2, count, 0.4, knots=15)
    drift = made.turns(np.linspace(0, 1, count)[:, None] * [0.5, -1.0, 0.3])
    own = Cameras(drift @ rotation, 0.37 * position, np.zeros(count))
    there = Cameras(rotation, position, np.full(count, 6.3))
    rows = np.arange(0, count, 6)
    wrong = Cameras(
        np.where(np.isin(np.arange(count), rows)[:, None, None], rotation, np.eye(3)),
        np.where(np.isin(np.arange(count), rows)[:, None], position, 99.0),
        there.log_focal,
    )
    found = between(rows, wrong, own)
    np.testing.assert_allclose(found.rotation[rows], rotation[rows], atol=1e-9)
    np.testing.assert_allclose(found.position[rows], position[rows], atol=1e-9)
    assert made.angles(found.rotation, rotation).max() < 0.02
    assert np.abs(found.position - position).max() < 1e-6
    held = between(rows, wrong, Cameras(own.rotation, own.position * 0, own.log_focal))
    np.testing.assert_allclose(held.position[rows], position[rows], atol=1e-9)
    assert np.abs(held.position).max() < 5


def pictures(folder, count=30):
    for what in ("images", "masks"):
        (folder / "shot_0000" / what).mkdir(parents=True)
    for index in range(0, count, 6):
        grey = np.full((90, 160), 100, np.uint8)
        cv2.imwrite(str(folder / f"shot_0000/images/{index:08d}.jpg"), grey)


class Fake(SimpleNamespace):
    """As much of pycolmap as is called; ``fails`` where features are looked for."""

    def __init__(self, fails=None):
        super().__init__(logging=SimpleNamespace(FATAL=3, minloglevel=0), asked=0, fails=fails)
        self.Device = SimpleNamespace(cpu=0)
        self.CameraMode = SimpleNamespace(SINGLE=0)
        self.ImageReaderOptions = SimpleNamespace
        self.IncrementalPipelineOptions = lambda: SimpleNamespace(mapper=SimpleNamespace())

    def set_random_seed(self, _):
        self.asked += 1

    def extract_features(self, database, *_, **__):
        Path(database).write_bytes(b"features")
        if self.fails:
            raise self.fails

    def match_sequential(self, *_, **__):
        pass

    def incremental_mapping(self, *_):
        return {}


@pytest.fixture
def stand_in(monkeypatch):
    def put(fake):
        monkeypatch.setitem(sys.modules, "pycolmap", fake)
        monkeypatch.setattr("humantrack.world.camera.colmap.missing", lambda _: False)
        return fake

    return put


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (None, "it could not join the pictures"),
        (RuntimeError("cannot open\nmore of it"), "it failed: cannot open"),
        (ValueError(), "it failed: ValueError"),
    ],
)
def test_a_failure_is_one_line_and_our_own_camera(stand_in, tmp_path, fails, said):
    fake = stand_in(Fake(fails))
    pictures(tmp_path)
    turns = made.turns(np.linspace(0, 1, 30)[:, None] * [0, 10, 0])
    path = solve(made.tracks(turns), focal_px=made.FOCAL)
    found = solve_with_colmap(tmp_path, path, made.SIZE, refine_focal=True)
    assert fake.asked == 1
    np.testing.assert_array_equal(found.rotation, path.rotation)
    new = found.notes[len(path.notes) :]
    assert new == (f"COLMAP found no camera ({said}): solved without it",)
    assert {item.name for item in (tmp_path / "shot_0000").iterdir()} == {"images", "masks"}


def test_a_still_camera_is_left_still_and_that_is_said(stand_in, tmp_path):
    fake = stand_in(Fake())
    pictures(tmp_path)
    path = solve(made.tracks(np.tile(np.eye(3), (30, 1, 1))), focal_px=made.FOCAL)
    assert path.kinds == ("still",)
    found = solve_with_colmap(tmp_path, path, made.SIZE, refine_focal=True)
    assert fake.asked == 0
    assert found.notes[-1] == "the camera stands still, so COLMAP was not asked"


def test_a_camera_that_could_not_be_solved_is_given_to_colmap(stand_in, tmp_path):
    fake = stand_in(Fake())
    pictures(tmp_path)
    tracks = made.tracks(np.tile(np.eye(3), (30, 1, 1)), empty=range(30))
    path = solve(tracks, focal_px=made.FOCAL)
    assert path.kinds == ("still",)
    solve_with_colmap(tmp_path, path, made.SIZE, refine_focal=True)
    assert fake.asked == 1
