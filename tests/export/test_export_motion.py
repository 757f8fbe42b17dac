"""Tracks become motion: even, without gaps, on the skeleton that puts the joints where they are."""

from __future__ import annotations

import numpy as np
import pytest
from motion_tools import errors_m, motions, one
from scipy.spatial.transform import Rotation, Slerp

from humantrack.body.joints import PHALP_JOINTS
from humantrack.body.mannequin import load_mannequin
from humantrack.errors import ResultsError
from humantrack.export.cli import main
from humantrack.geometry.rotations import geodesic_angle
from humantrack.results import load_results


@pytest.fixture(autouse=True)
def no_cache(tmp_path_factory, monkeypatch):
    """Whoever has SMPL on his machine runs the same tests."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HUMANTRACK_CACHE", str(folder))
    return folder


def same(a, b, rows_a=slice(None), rows_b=slice(None)):
    """True if two motions have the same poses and places in these frames."""
    return all(
        np.abs(getattr(a, name)[rows_a] - getattr(b, name)[rows_b]).max() < 1e-6
        for name in ("matrices", "pelvis", "joints")
    )


def between(motion, times):
    """scipy's slerp and numpy's line through a motion's frames."""
    turns = np.stack(
        [
            Slerp(motion.time_s, Rotation.from_matrix(motion.matrices[:, j]))(times).as_matrix()
            for j in range(24)
        ],
        axis=1,
    )
    place = np.stack(
        [np.interp(times, motion.time_s, motion.pelvis[:, k]) for k in range(3)], axis=-1
    )
    return turns, place


# -- what a motion is ---------------------------------------------------------------------------


def test_each_track_runs_from_its_first_to_its_last_sight(make_results):
    path = make_results()
    first, two, seven = motions(path)
    assert [m.track_id for m in (first, two, seven)] == [1, 2, 7]
    assert [(m.frame[0], m.frame[-1]) for m in (first, two, seven)] == [(0, 39), (5, 34), (12, 29)]
    ghost = list(load_results(path).values())[31]
    assert 7 in ghost["tid"]  # still listed two frames later
    assert two.frame[~two.observed].tolist() == [15, 16, 17, 18, 19]
    assert all(m.skeleton.kind == "embedded" and m.is_even for m in (first, two, seven))
    assert max(errors_m(m).max() for m in (first, seven)) < 1e-5
    assert seven.betas[:3] == pytest.approx([1.5, -1, 0.5])


def test_axes_are_x_right_y_up_z_to_the_viewer(make_results, edit_results):
    def stand(frames):
        body, upright, shape = load_mannequin(), np.diag([1.0, -1, -1]), np.zeros((1, 10))
        pose = body.forward_kinematics(upright[None], np.tile(np.eye(3), (1, 23, 1, 1)), shape)
        for frame in frames:
            frame["3d_joints"] = [body.phalp_joints(*pose, shape)[0] for _ in frame["tid"]]
            for camera in frame["camera"]:
                camera[:2] = 0
            for smpl in frame["smpl"]:
                smpl["global_orient"][:] = upright  # facing the camera, whose y points down
                smpl["body_pose"][:] = np.eye(3)

    motion = one(edit_results(make_results(), stand))
    assert motion.matrices == pytest.approx(np.tile(np.eye(3), (40, 24, 1, 1)))
    there = dict(zip(PHALP_JOINTS, motion.joints[0] - motion.pelvis[0], strict=True))
    assert there["nose"][1] > 0.5 > -0.7 > there["left_ankle"][1]
    assert there["left_wrist"][0] > 0.5 > -0.5 > there["right_wrist"][0]
    assert there["left_big_toe"][2] > there["left_heel"][2] + 0.15
    assert motion.pelvis[0, 2] < -3  # before the camera


@pytest.mark.parametrize("focal_px", [None, 1000])
def test_distance_is_that_of_the_lens(make_results, focal_px):
    path = make_results()
    motion = one(path, focal_px=focal_px)
    camera = np.array([frame["camera"][0] for frame in load_results(path).values()])
    lens = focal_px or np.hypot(480, 640)
    away = camera[:, 2] * lens / (5000 * 640 / 256)
    assert motion.pelvis[:, 2] == pytest.approx(-away, abs=1e-5)
    assert motion.pelvis[:, 0] == pytest.approx(camera[:, 0], abs=1e-6)
    assert motion.pelvis[:, 1] == pytest.approx(-camera[:, 1], abs=1e-6)


def test_joints_are_the_results_own(make_results, joints_seen):
    path = make_results()
    for track_id in (1, 2, 7):
        motion, seen = one(path, track_id), joints_seen(path, track_id)
        rows = np.flatnonzero(motion.observed)
        assert motion.frame[rows].tolist() == list(seen)
        there = np.stack(list(seen.values()))
        assert np.abs(motion.joints[rows] - there).max() < 1e-5


def test_one_frame_is_a_motion(make_results):
    for choices in ({}, {"fps": 60}, {"smooth": "savgol"}, {"smooth": "one-euro"}):
        motion = one(make_results(), frames=(10, 11), **choices)
        assert len(motion) == len(motion.even()) == 1
        assert motion.frame.tolist() == [10]
        assert errors_m(motion).max() < 1e-5


def test_nobody_is_no_motion(make_results):
    assert motions(make_results([], count=5)) == []
    assert motions(make_results(), frames=(500, 600)) == []


# -- gaps ---------------------------------------------------------------------------------------


def test_interpolation_takes_the_shortest_way_at_a_steady_pace(make_results):
    motion = one(make_results(), 2)
    turns, place = motion.matrices[9:16], motion.pelvis[9:16]  # frames 14 to 20
    assert motion.frame[9:16].tolist() == list(range(14, 21))
    whole = geodesic_angle(turns[0], turns[-1])
    assert whole.max() > 0.1
    for k in range(7):
        assert geodesic_angle(turns[0], turns[k]) == pytest.approx(whole * k / 6, abs=1e-9)
        assert geodesic_angle(turns[k], turns[-1]) == pytest.approx(whole * (6 - k) / 6, abs=1e-9)
    assert place == pytest.approx(np.linspace(place[0], place[-1], 7))


def test_held_poses_are_the_last_one_seen(make_results):
    motion = one(make_results(), 2, gaps="hold")
    for k in range(10, 15):
        assert same(motion, motion, [k], [9])
    assert not same(motion, motion, [15], [9])
    assert motion.frame[~motion.observed].tolist() == [15, 16, 17, 18, 19]


def test_split_leaves_what_was_seen(make_results):
    first, *parts, last = motions(make_results(), gaps="split")
    assert [m.name for m in (first, *parts, last)] == [
        "track1",
        "track2_part1",
        "track2_part2",
        "track7",
    ]
    assert [(p.frame[0], p.frame[-1]) for p in parts] == [(5, 14), (20, 34)]
    assert all(p.observed.all() and errors_m(p).max() < 1e-5 for p in parts)


def test_what_phalp_filled_in_is_a_pose(make_results, edit_results):
    path = make_results()
    whole = one(path, 1)

    def fill(frames):
        for frame in frames[10:20]:
            frame["tracked_time"][frame["tid"].index(1)] = -1

    motion = one(edit_results(path, fill), 1)
    assert motion.observed.all()
    assert same(motion, whole)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_gaps(make_results, edit_results, value):
    def spoil(frames):
        for index, key in ((8, "camera"), (9, "3d_joints"), (10, "global_orient"), (11, "betas")):
            frame = frames[index]
            i = frame["tid"].index(1)
            array = frame[key][i] if key in frame else frame["smpl"][i][key]
            array.flat[2] = value

    motion = one(edit_results(make_results(), spoil), 1)
    assert motion.frame[~motion.observed].tolist() == [8, 9, 10, 11]
    for name in ("quaternions", "pelvis", "joints", "betas"):
        assert np.isfinite(getattr(motion, name)).all(), name
    assert errors_m(motion)[motion.observed].max() < 1e-5


def test_a_track_that_is_listed_twice_counts_once(make_results, edit_results):
    path = make_results()
    whole = one(path, 1)

    def double(frames):
        for frame in frames[3:6]:
            count = len(frame["tid"])
            for value in frame.values():
                if isinstance(value, list) and len(value) == count:
                    value.append(value[0])

    path = edit_results(path, double)
    assert same(one(path, 1), whole)
    assert same(one(path, 1, gaps="split"), whole)


# -- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", [24, 25, 30, 60, 47.95])
def test_resampling_moves_nothing_in_time(make_results, fps):
    path = make_results()
    source, motion = one(path, 7), one(path, 7, fps=fps)
    assert motion.fps == fps and motion.is_even
    assert motion.time_s == pytest.approx(source.time_s[0] + np.arange(len(motion)) / fps)
    assert source.time_s[-1] - motion.time_s[-1] < 1 / fps
    times = np.minimum(motion.time_s, source.time_s[-1])
    turns, place = between(source, times)
    assert np.abs(motion.matrices - turns).max() < 1e-7
    assert np.abs(motion.pelvis - place).max() < 1e-9
    assert motion.frame.tolist() == np.floor(times * 30 + 1e-6).astype(int).tolist()


def test_twice_the_rate_keeps_every_frame_and_adds_one_halfway(make_results):
    path = make_results()
    source, motion = one(path, 1), one(path, 1, fps=60)
    assert len(motion) == 79
    assert same(motion, source, slice(0, None, 2))
    halves = geodesic_angle(motion.matrices[0:-1:2], motion.matrices[1::2])
    whole = geodesic_angle(source.matrices[:-1], source.matrices[1:])
    assert whole.max() > 0.01
    assert halves == pytest.approx(whole / 2, abs=1e-9)


def test_variable_rate_becomes_even_at_the_sources_own(make_results):
    def times(i):
        return 5 + i / 30 + 0.012 * np.sin(i)

    path = make_results(times=times)
    motion = one(path, 1)
    assert not motion.is_even
    assert motion.time_s == pytest.approx([times(i) for i in range(40)])
    even = motion.even()
    assert even.is_even and even.fps == 30
    assert even.time_s == pytest.approx(times(0) + np.arange(len(even)) / 30)
    turns, place = between(motion, np.minimum(even.time_s, motion.time_s[-1]))
    assert np.abs(even.matrices - turns).max() < 1e-7
    assert np.abs(even.pelvis - place).max() < 1e-9


def test_times_in_whole_milliseconds_are_even(make_results):
    motion = one(make_results(fps=60, times=lambda i: round(i / 60, 3)), 1)
    assert motion.fps == 60 and motion.even() is motion


def test_times_that_make_no_sense_are_mended(make_results, edit_results):
    def spoil(frames):
        frames[0]["time_s"] = np.nan
        frames[5]["time_s"] = frames[4]["time_s"]
        frames[9]["time_s"] = -3.0
        frames[12]["time_s"] = np.inf
        frames[20]["time_s"] = None

    motion = one(edit_results(make_results(), spoil), 1)
    assert motion.time_s == pytest.approx(np.arange(40) / 30)


def test_times_of_years_are_an_error(make_results, edit_results, capsys):
    path = edit_results(make_results(), lambda frames: frames[30].update(time_s=9e8))
    with pytest.raises(ResultsError, match=r"track 1 would have 2.7e\+10 frames"):
        one(path, 1).even()
    assert main([str(path), "-f", "bvh", "--quiet"]) == ResultsError.exit_code
    assert "Check --fps" in capsys.readouterr().err
    assert not list(path.parent.glob("*.bvh"))
    assert main([str(make_results()), "-f", "npz", "--fps", "1e8", "--quiet"]) == 9


# -- cuts ---------------------------------------------------------------------------------------


def cut_at(*indices):
    def cut(frames):
        for index in indices:
            frames[index]["shot"] = 1

    return cut


@pytest.mark.parametrize("gaps", ["interpolate", "hold"])
def test_a_gap_with_a_cut_holds_each_side(make_results, edit_results, gaps):
    motion = one(edit_results(make_results(), cut_at(17)), 2, gaps=gaps)
    assert motion.frame[9] == 14 and motion.frame[15] == 20
    for k in (10, 11):
        assert same(motion, motion, [k], [9])
    for k in (12, 13, 14):
        assert same(motion, motion, [k], [15])


def test_nothing_between_the_frames_of_a_cut(make_results, edit_results):
    path = make_results()
    whole = one(path, 1)
    motion = one(edit_results(path, cut_at(20)), 1, fps=120)
    for k in range(1, 4):  # between frames 19 and 20
        assert same(motion, whole, [19 * 4 + k], [19])
    assert same(motion, whole, [20 * 4], [20])


@pytest.mark.parametrize("kind", ["savgol", "one-euro"])
def test_smoothing_stops_at_a_cut(make_results, edit_results, kind):
    path = make_results()
    before, after = (one(path, 1, smooth=kind, frames=f) for f in ((0, 20), (20, 40)))
    joined = one(path, 1, smooth=kind)
    motion = one(edit_results(path, cut_at(20)), 1, smooth=kind)
    assert same(motion, before, slice(0, 20)) and same(motion, after, slice(20, 40))
    assert not same(joined, motion)
