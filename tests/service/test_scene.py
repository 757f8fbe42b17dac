"""Scenes for the page: the same numbers as the exports, a chunk at a time."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh

from humantrack.body.kinematics import forward_kinematics
from humantrack.body.mannequin import load_mannequin
from humantrack.clips.options import ExportOptions
from humantrack.clips.source import ResultsSource
from humantrack.clips.spans import clip_spans
from humantrack.errors import ResultsError
from humantrack.geometry.rotations import quaternion_to_matrix
from humantrack.render.palette import identity_colour
from humantrack.results import load_results
from humantrack.service.workers import scene

_spec = importlib.util.spec_from_file_location(
    "results_for_scenes", Path(__file__).parents[1] / "export" / "conftest.py"
)
_makers = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _makers  # dataclasses look there
_spec.loader.exec_module(_makers)
make_results, edit_results, joints_seen = (
    _makers.make_results,
    _makers.edit_results,
    _makers.joints_seen,
)


def timeline(path: Path, folder: Path) -> dict:
    return json.loads(scene.timeline(path, folder))


def frames(path: Path, folder: Path, start: int = 0, count: int = 300) -> list[dict]:
    out = json.loads(scene.frames(path, folder, start, count))
    assert out["start"] == start
    return out["frames"]


def test_the_time_line_agrees_with_the_summary(make_results, tmp_path):
    path = make_results()
    about = timeline(path, tmp_path / "made")
    clip = clip_spans(ResultsSource(path, ExportOptions()))
    assert (about["frames"], about["fps"], about["width"], about["height"]) == (40, 30, 640, 480)
    assert about["duration_s"] == pytest.approx(40 / 30, abs=1e-4)
    assert about["focal_px"] == pytest.approx(800)
    assert [t["track_id"] for t in about["tracks"]] == [1, 2, 7]
    for track, spans in zip(about["tracks"], clip.tracks, strict=True):
        assert track["first"] == spans.first
        assert track["last"] == spans.last
        assert track["seen"] == spans.seen
        assert track["mean_score"] == pytest.approx(spans.mean_score, abs=1e-4)
        assert track["kind"] == "embedded"
        assert track["color"] == "#{:02x}{:02x}{:02x}".format(*identity_colour(spans.track_id))
        assert track["rest"][0] == [0, 0, 0]
    assert [t["gaps"] for t in about["tracks"]] == [[], [[15, 19]], []]


def test_the_poses_put_the_joints_where_the_results_have_them(make_results, joints_seen, tmp_path):
    path, folder = make_results(), tmp_path / "made"
    for track in timeline(path, folder)["tracks"]:
        rest = np.array(track["rest"])
        there = joints_seen(path, track["track_id"])
        for frame in frames(path, folder):
            for person in frame["people"]:
                if person["track_id"] != track["track_id"] or person["state"] != "observed":
                    continue
                turns = quaternion_to_matrix(np.array(person["rotations"]))
                _, joints = forward_kinematics(turns[None], rest)
                joints = joints[0] + np.array(person["pelvis"])
                seen = there[frame["index"]]
                assert joints[0] == pytest.approx(seen[8], abs=1e-3)
                assert joints[8] == pytest.approx(
                    seen[11], abs=2e-3
                )  # right ankle, as PHALP lists it
                assert joints[7] == pytest.approx(seen[14], abs=2e-3)  # left ankle


def test_people_who_are_missed_are_told_apart(make_results, tmp_path):
    path = make_results()
    states = {
        frame["index"]: {p["track_id"]: p["state"] for p in frame["people"]}
        for frame in frames(path, tmp_path / "made")
    }
    assert states[14] == {1: "observed", 2: "observed", 7: "observed"}
    assert states[17] == {1: "observed", 2: "predicted", 7: "observed"}
    assert states[39] == {1: "observed"}


@pytest.mark.parametrize(
    ("start", "count"), [(0, 1), (7, 20), (39, 5), (40, 5), (10**6, 3), (0, 300)]
)
def test_a_chunk_is_the_same_as_that_part_of_the_whole(make_results, tmp_path, start, count):
    path, folder = make_results(), tmp_path / "made"
    whole = frames(path, folder)
    assert len(whole) == 40
    assert frames(path, folder, start, count) == whole[start : start + count]


def test_a_chunk_has_an_end(make_results, tmp_path):
    path = make_results(count=400)
    assert len(frames(path, tmp_path / "made", 50, 10**9)) == scene.MOST_FRAMES


def test_the_results_are_walked_once_and_again_when_they_change(
    make_results, tmp_path, monkeypatch
):
    path, folder = make_results(), tmp_path / "made"
    walks = []
    batches = ResultsSource.batches
    monkeypatch.setattr(
        ResultsSource, "batches", lambda self, *a, **k: walks.append(1) or batches(self, *a, **k)
    )
    timeline(path, folder)
    for start in range(0, 40, 10):
        frames(path, folder, start, 10)
    assert len(walks) == 1
    before = path.stat().st_mtime_ns
    make_results(people=_makers.DANCERS[:1], count=40)
    os.utime(path, ns=(before + 10**9, before + 10**9))
    assert [t["track_id"] for t in timeline(path, folder)["tracks"]] == [1]
    assert {p["track_id"] for f in frames(path, folder) for p in f["people"]} == {1}


def test_times_need_not_be_even(make_results, tmp_path):
    path = make_results(count=250, times=lambda i: 10 + i / 30 + (i // 100) * 0.5)
    about = timeline(path, tmp_path / "made")
    assert about["mark_every"] == 120
    assert about["marks_s"] == pytest.approx([10, 14.5, 19], abs=1e-4)
    times = [f["time_s"] for f in frames(path, tmp_path / "made", 120, 1)]
    assert times == about["marks_s"][1:2]


def test_numbers_that_are_none_hide_a_person_and_no_one_else(make_results, edit_results, tmp_path):
    def spoil(listed):
        listed[20]["smpl"][0]["body_pose"][3] = np.nan
        listed[21]["camera"][0][:] = np.inf

    path = edit_results(make_results(), spoil)
    ids = {f["index"]: [p["track_id"] for p in f["people"]] for f in frames(path, tmp_path / "m")}
    assert set(ids[19]) == {1, 2, 7}
    assert set(ids[20]) == set(ids[21]) == {2, 7}


def test_a_long_track_keeps_few_samples_spread_over_its_length():
    track = scene.Track(scene.TrackSpans(1))
    most = 0
    for row in range(10_000):
        track.see(row, 0.5, (np.array([row]), np.zeros(1), np.zeros(1)))
        most = max(most, len(track.samples))
    rows = np.array([sample[0][0] for sample in track.samples])
    assert most < 120
    assert len(rows) >= 60
    assert np.unique(np.diff(rows)).size == 1
    assert rows[0] == 0
    assert rows[-1] > 9_500


def test_results_that_cannot_be_read_leave_nothing_behind(tmp_path):
    bad = tmp_path / "bad.pkl"
    bad.write_bytes(b"nothing of the sort")
    with pytest.raises(ResultsError):
        scene.timeline(bad, tmp_path / "made")
    with pytest.raises(ResultsError):
        scene.timeline(tmp_path / "missing.pkl", tmp_path / "made")
    assert not (tmp_path / "made").exists() or not list((tmp_path / "made").iterdir())


def test_the_body_stands_in_its_t_pose():
    data = scene.body_glb()
    gltf = pygltflib.GLTF2.load_from_bytes(data)
    assert len(gltf.skins) == 1
    assert len(gltf.skins[0].joints) == 24
    body = load_mannequin()
    (mesh,) = trimesh.load(trimesh.util.wrap_as_stream(data), file_type="glb").geometry.values()
    assert len(mesh.faces) == len(body.faces)
    places = np.array([gltf.nodes[j].translation for j in gltf.skins[0].joints])
    rest = body.rest_joints()
    parents = body.parents[1:]
    assert places[1:] == pytest.approx(rest[1:] - rest[parents], abs=1e-6)


def test_it_is_the_same_for_a_file_of_phalp(make_results, edit_results, tmp_path):
    ours = make_results()
    before = frames(ours, tmp_path / "ours")
    assert load_results(ours)
    theirs = edit_results(ours, lambda listed: None)
    assert frames(theirs, tmp_path / "theirs") == before
