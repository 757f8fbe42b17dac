"""Ways, standing feet and knees: the numbers, and a picture of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from world_tools import lifted_frames, make_world, moving_camera

from humantrack.clips.paths import bent_deg, clip_paths
from humantrack.clips.source import ResultsSource
from humantrack.export.plot_world import _runs, _spans
from humantrack.results import iter_world, world_path


@given(st.floats(0, 180), st.floats(0.1, 2), st.integers(0, 2**32 - 1))
def test_a_knee_bends_by_the_angle_between_thigh_and_shank(angle, length, seed):
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    joints = np.zeros((1, 45, 3))
    bent = np.deg2rad(angle)
    joints[0, 13] = turn @ (0, -0.4, 0)
    joints[0, 14] = turn @ ((0, -0.4, 0) + length * np.array([0, -np.cos(bent), np.sin(bent)]))
    joints[0, 10], joints[0, 11] = (0, -1, 0), (0, -2, 0)
    assert bent_deg(joints)[0] == pytest.approx((angle, 0), abs=1e-3)


@given(st.lists(st.booleans(), max_size=60))
def test_spans_are_the_frames_in_which_a_foot_stands(stands):
    frame = np.arange(len(stands)) + 7
    covered = np.zeros(len(stands), bool)
    for start, length in _spans(frame, np.array(stands, bool)):
        assert not covered[start - 7 : start - 7 + length].any()
        covered[start - 7 : start - 7 + length] = True
    assert covered.tolist() == stands


def test_runs_break_at_cuts_and_gaps():
    shot, frame = np.array([0, 0, 0, 1, 1]), np.array([3, 4, 9, 10, 11])
    assert _runs(shot) == [(0, 3), (3, 5)]
    assert _runs(shot, frame) == [(0, 2), (2, 3), (3, 5)]
    assert _runs(shot[:0]) == []


def test_paths_are_those_of_the_world(make_results):
    path = make_results()
    make_world(path)
    paths = clip_paths(ResultsSource(path))
    assert [t.track_id for t in paths.tracks] == [1, 2, 7]
    for track in paths.tracks:
        people = {
            frame.index: person
            for frame in lifted_frames(path)
            for person in frame.people
            if person.track_id == track.track_id
        }
        assert track.frame.tolist() == list(people)
        for row, person in enumerate(people.values()):
            assert track.place_m[row] == pytest.approx(person.root_position[[0, 2]], abs=1e-5)
            assert track.contacts[row].tolist() == person.contacts.tolist()
    camera = [moving_camera(i)[1][[0, 2]] for i in range(40)]
    assert paths.camera_m == pytest.approx(np.array(camera), abs=1e-6)


def test_the_picture_grows_by_the_world_and_is_the_same_each_time(make_results, attempt):
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("matplotlib")
    path = make_results()
    plot = path.with_suffix(".png")
    sizes = {}
    for name, arguments in (("none", ()), ("world", ()), ("camera", ("--space", "camera"))):
        if name == "world":
            make_world(path)
        assert attempt(path, "--plot", plot, "--force", *arguments).code == 0
        sizes[name] = cv2.imread(str(plot)).shape
        if name == "world":
            first = plot.read_bytes()
            attempt(path, "--plot", plot, "--force")
            assert plot.read_bytes() == first
    assert sizes["camera"] == sizes["none"]
    assert sizes["world"][0] > sizes["none"][0] + 400
    vector = path.with_suffix(".svg")
    assert attempt(path, "--plot", vector).code == 0
    with_world = len(vector.read_bytes())
    assert attempt(path, "--plot", vector, "--force", "--space", "camera").code == 0
    assert with_world > 2 * len(vector.read_bytes())


def test_a_world_of_other_results_is_told(make_results, attempt):
    path = make_results()
    make_world(path)
    assert len(list(iter_world(world_path(path)))) == 40
    make_results(count=30)
    attempt(path, "--plot", path.with_suffix(".png")).assert_refused(9, "other results")
