"""Files for Blender's add-on, read the way it reads them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from humantrack.export.cli import main
from humantrack.results import load_results


def exported(path, *arguments):
    """{track id: frames}, from plain pickles."""
    assert main([str(path), "-f", "blender", "--force", "--quiet", *arguments]) == 0
    found = {}
    for file in path.parent.glob(f"{path.stem}_track*.blender.pkl"):
        with file.open("rb") as stream:
            found[int(file.name.split("_track")[1].split(".")[0])] = pickle.load(stream)
        file.unlink()
    return found


def poses(frames):
    """What the add-on takes: {row: (camera, (24,3,3) rotations)} of slot 0."""
    return {
        row: (
            frame["camera"][0],
            np.vstack([frame["smpl"][0]["global_orient"], frame["smpl"][0]["body_pose"]]),
        )
        for row, frame in enumerate(frames.values())
        if len(frame["smpl"]) - 1 >= 0
    }


def seen(path, track):
    """{row: (camera, rotations)} of the results themselves."""
    out = {}
    for row, frame in enumerate(load_results(path).values()):
        for i, missed in enumerate(frame["tracked_time"]):
            if frame["tid"][i] == track and missed == 0:
                smpl = frame["smpl"][i]
                turns = np.vstack([smpl["global_orient"], smpl["body_pose"]])
                out[row] = frame["camera"][i], turns
    return out


@pytest.mark.parametrize("gaps", ["interpolate", "hold", "split"])
def test_every_frame_is_there_and_the_person_in_slot_0(make_results, gaps):
    path = make_results()
    files = exported(path, "--gaps", gaps)
    assert set(files) == {1, 2, 7}
    for track, frames in files.items():
        assert list(frames) == list(load_results(path))
        people, real = poses(frames), seen(path, track)
        for row, (camera, turns) in real.items():
            assert np.array_equal(people[row][0], camera)  # PHALP's own, untouched
            assert people[row][1] == pytest.approx(turns, abs=2e-6)
        filled = set(range(15, 20)) if track == 2 and gaps != "split" else set()
        assert set(people) == set(real) | filled
        for row, frame in enumerate(frames.values()):
            lists = [v for v in frame.values() if isinstance(v, list)]
            assert {len(v) for v in lists} == {int(row in people)}
            assert frame["tid"] == [track] * (row in people)
            if row in people:
                assert frame["tracked_time"] == [-1 if row in filled else 0]
                assert frame["smpl"][0]["betas"].shape == (10,)


def test_a_gap_is_filled_the_shortest_way(make_results):
    path = make_results()
    real, people = seen(path, 2), poses(exported(path)[2])
    for row in range(15, 20):
        share = (row - 14) / 6
        (a, first), (b, last) = real[14], real[20]
        assert people[row][0] == pytest.approx(a * (1 - share) + b * share, abs=1e-4)
        for joint in range(24):
            way = Slerp([0, 1], Rotation.from_matrix([first[joint], last[joint]]))
            assert people[row][1][joint] == pytest.approx(way(share).as_matrix(), abs=1e-5)
    held = poses(exported(path, "--gaps", "hold")[2])
    for row in range(15, 20):
        assert np.array_equal(held[row][0], real[14][0])
        assert held[row][1] == pytest.approx(real[14][1], abs=2e-6)


def test_betas_are_one_shape_and_a_focal_length_scales_depth(make_results):
    path = make_results()
    frames = exported(path, "--focal", "800")[7]
    people, real = poses(frames), seen(path, 7)
    for row, (camera, _) in real.items():
        assert people[row][0] == pytest.approx(camera * (1, 1, 800 / 12500), rel=1e-6)
    shapes = {tuple(f["smpl"][0]["betas"].tolist()) for f in frames.values() if f["smpl"]}
    assert shapes == {(1.5, -1, 0.5, *[0] * 7)}


@pytest.mark.parametrize("gaps", ["interpolate", "split"])
def test_all_files_share_the_frames_of_another_rate(make_results, person, gaps):
    blink = person(9, range(11, 12))  # begins and ends between two frames of the new rate
    late = person(2, range(5, 35), missing=frozenset(range(15, 20)))
    path = make_results([person(1, range(40)), late, blink])
    files = exported(path, "--fps", "12", "--gaps", gaps)
    times = np.arange(16) / 12
    for frames in files.values():
        assert list(frames) == [f"{i:06d}" for i in range(16)]
    shown = {track: sorted(poses(frames)) for track, frames in files.items()}
    assert shown[1] == list(range(16))
    inside = (times >= 5 / 30 - 1e-6) & (times <= 34 / 30 + 1e-6)
    if gaps == "split":
        inside &= ~((times > 14 / 30 + 0.01) & (times < 20 / 30 - 0.01))
    assert shown[2] == np.flatnonzero(inside).tolist()
    assert shown[9] == [5]
    real, people = seen(path, 1), poses(files[1])
    for row in range(0, 16, 2):  # every second new frame is every fifth old one
        assert people[row][0] == pytest.approx(real[row * 5 // 2][0], abs=1e-4)
        assert people[row][1] == pytest.approx(real[row * 5 // 2][1], abs=1e-5)


def test_smoothing_is_heeded(make_results):
    path = make_results()
    raw, smooth = poses(exported(path)[1]), poses(exported(path, "--smooth", "savgol")[1])
    assert list(raw) == list(smooth)
    moved = [np.abs(raw[i][1] - smooth[i][1]).max() for i in raw]
    assert 1e-6 < max(moved) < 0.05


def test_nobody_makes_no_file_and_crowds_make_one_each(make_results, person):
    assert exported(make_results([], count=3)) == {}
    crowd = [person(i, range(1 + i % 2, 2 + i % 2)) for i in range(1, 301)]
    files = exported(make_results(crowd, count=4))
    assert set(files) == set(range(1, 301))
    assert all(list(poses(frames)) == [1 + i % 2] for i, frames in files.items())


def test_several_formats_at_once(make_results, tmp_path):
    path = make_results(count=20)
    out = tmp_path / "all"
    kinds = [part for name in ("phalp", "blender", "glb", "json") for part in ("-f", name)]
    assert main([str(path), *kinds, "-o", f"{out}/", "--quiet"]) == 0
    assert sorted(file.name for file in out.iterdir()) == [
        "clip.glb",
        "clip.json",
        "clip.phalp.pkl",
        "clip_track1.blender.pkl",
        "clip_track2.blender.pkl",
        "clip_track7.blender.pkl",
    ]
    alone = tmp_path / "alone"
    assert main([str(path), "-f", "glb", "-o", f"{alone}/", "--quiet"]) == 0
    assert (alone / "clip.glb").read_bytes() == (out / "clip.glb").read_bytes()


@pytest.mark.parametrize("kind", ["glb", "blender"])
def test_a_rate_that_no_disk_could_hold_ends_in_a_line(make_results, tmp_path, capsys, kind):
    path = make_results(count=20)
    before = set(tmp_path.iterdir())
    assert main([str(path), "-f", kind, "--fps", "1e8"]) == 9
    assert "per second" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before
