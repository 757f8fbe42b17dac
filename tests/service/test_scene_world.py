"""The world as the page gets it: joints where the world has them; none that is of other results."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from world_tools import lifted_frames, make_world, moving_camera

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_PARENTS
from humantrack.service.workers import scene

_spec = importlib.util.spec_from_file_location(
    "export_conftest", Path(__file__).parents[1] / "export" / "conftest.py"
)
_makers = importlib.util.module_from_spec(_spec)
sys.modules["export_conftest"] = _makers
_spec.loader.exec_module(_makers)
make_results = _makers.make_results

SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]


def placed(person, rest):
    """(24,3) joints by the quaternions' own rules."""
    turns, places = [], []
    for joint, (w, x, y, z) in enumerate(person["rotations"]):
        local, parent = Rotation.from_quat([x, y, z, w]), SMPL_PARENTS[joint]
        if parent < 0:
            turns.append(local)
            places.append(np.array(person["pelvis"]))
        else:
            turns.append(turns[parent] * local)
            offset = np.subtract(rest[joint], rest[parent])
            places.append(places[parent] + turns[parent].apply(offset))
    return np.array(places)


def both(path, folder):
    timeline = json.loads(scene.timeline(path, folder))
    return timeline, json.loads(scene.frames(path, folder, 0, 300))["frames"]


def test_joints_and_camera_are_those_of_the_world(make_results, tmp_path):
    path = make_results()
    make_world(path)
    timeline, frames = both(path, tmp_path / "made")
    rests = {t["track_id"]: t["rest"] for t in timeline["world"]["tracks"]}
    assert {t["kind"] for t in timeline["world"]["tracks"]} == {"embedded"}
    assert timeline["world"]["shots"] == [0]
    for frame, wanted in zip(frames, lifted_frames(path), strict=True):
        camera = frame["world"]["camera"]
        rotation, position, focal_px = moving_camera(wanted.index)
        assert camera["position"] == pytest.approx(position, abs=1e-4)
        assert camera["focal_px"] == focal_px
        w, x, y, z = camera["rotation"]
        to_world = Rotation.from_quat([x, y, z, w]).as_matrix()
        # three's cameras look along their -z, y up.
        assert np.diag([1, -1, -1]) @ to_world.T == pytest.approx(rotation, abs=1e-5)
        assert timeline["world"]["camera"][wanted.index] == [wanted.index, *camera["position"]]
        for person, there in zip(frame["world"]["people"], wanted.people, strict=True):
            assert person["track_id"] == there.track_id
            assert person["contacts"] == there.contacts.tolist()
            joints = placed(person, rests[there.track_id])
            for row, joint in SHOWN:
                assert joints[joint] == pytest.approx(there.joints[row], abs=1e-3)


def test_without_a_world_there_is_none_and_a_new_one_is_seen(make_results, tmp_path):
    path, made = make_results(), tmp_path / "made"
    timeline, frames = both(path, made)
    assert "world" not in timeline
    assert not any("world" in frame for frame in frames)
    make_world(path)
    assert not scene.is_prepared(path, made)
    timeline, frames = both(path, made)
    assert "world" in timeline
    assert all("world" in frame for frame in frames)


def test_a_world_of_other_results_costs_the_page_nothing_else(make_results, tmp_path):
    path, made = make_results(), tmp_path / "made"
    make_world(path)
    make_results(count=30)
    timeline, frames = both(path, made)
    assert "world" not in timeline
    assert (len(frames), timeline["frames"]) == (30, 30)
