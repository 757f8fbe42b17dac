"""Names that users give: patterns, outputs, tracks, frames, and rates of frames."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest


@pytest.fixture
def folder(clip, monkeypatch):
    """outputs/results with two results and what an export has left there; the working folder."""
    results = clip.parent / "outputs" / "results"
    results.mkdir(parents=True)
    for name in ("a.pkl", "b.pkl", "b.phalp.pkl"):
        (results / name).write_bytes(clip.read_bytes())
    monkeypatch.chdir(clip.parent)
    return results


# -- inputs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("outputs/results/*.pkl", ["a", "b"]),
        ("outputs/results/[a].pkl", ["a"]),
        ("outputs/*", ["a", "b"]),
        ("**/?.pkl", ["a", "b"]),
        ("outputs/results/b.*pkl", ["b"]),
    ],
)
def test_a_pattern_that_no_shell_expanded(folder, attempt, pattern, left):
    tried = attempt(pattern, "-f", "csv", "-o", "out/", "--quiet")
    assert (tried.code, tried.new) == (0, [f"out/{name}.csv" for name in left])


def test_worlds_beside_results_that_a_shell_expanded_are_left_out(folder, attempt):
    for name in ("a", "b"):
        (folder / f"{name}.world.pkl").write_bytes(b"not looked at")
    names = [f"outputs/results/{name}" for name in ("a.pkl", "a.world.pkl", "b.pkl", "b.world.pkl")]
    tried = attempt(*names, "-f", "csv", "-o", "out/", "--quiet")
    assert (tried.code, tried.new) == (0, ["out/a.csv", "out/b.csv"])
    tried = attempt("outputs/results/a.world.pkl", "-f", "csv", "-o", "alone/", "--quiet")
    assert (tried.code, tried.new) == (9, [])


@pytest.mark.parametrize(
    ("pattern", "nearest"),
    [
        ("outputs/reslts/*.pkl", "outputs/results"),
        ("outputs/results/c*.pkl", "outputs/results"),
        ("outptus/results/*.pkl", "outputs"),
        ("outputs/results/aa.pkl", "outputs/results/a.pkl"),
        ("outputs/results/*.json", "a.pkl and 2 more"),
        ("*.nothing", "clip.pkl"),
    ],
)
def test_nothing_matches(folder, attempt, pattern, nearest):
    attempt(pattern).assert_refused(9, pattern, nearest)


def test_a_name_with_brackets_is_a_name(clip, attempt):
    named = clip.rename(clip.with_name("clip[1].pkl"))
    assert attempt(named, "-f", "csv").new == ["clip[1].csv"]


def test_a_home_that_no_shell_expanded(folder, attempt, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    for name in ("~/results/a.pkl", "~/res*/a.pkl"):
        assert attempt(name, "-f", "csv", "-o", "out/", "--force", "--quiet").code == 0
    assert (folder.parents[1] / "out" / "a.csv").is_file()


# -- outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "formats", "names"),
    [
        ("a.csv", "csv json", ["a.csv", "a.json"]),
        ("a", "csv json", ["a.csv", "a.json"]),
        ("take.1", "csv json", ["take.1.csv", "take.1.json"]),
        ("a.JSON", "csv json", ["a.csv", "a.json"]),
        ("a.coco.json", "coco json", ["a.coco.json", "a.json"]),
        ("a.pkl", "csv mot", ["a.csv", "a.txt"]),
        ("new/a.csv", "csv glb", ["new/a.csv", "new/a.glb"]),
        ("walk.bvh", "bvh", ["walk_track1.bvh", "walk_track2.bvh"]),
        ("walk.bvh", "bvh csv", ["walk.csv", "walk_track1.bvh", "walk_track2.bvh"]),
        ("there", "csv json", ["there/clip.csv", "there/clip.json"]),
        ("new/", "csv", ["new/clip.csv"]),
        ("a", "csv", ["a"]),
        (".csv", "csv json", [".csv.csv", ".csv.json"]),
    ],
)
@pytest.mark.usefixtures("folder")
def test_names_of_outputs(clip, attempt, output, formats, names):
    (clip.parent / "there").mkdir()
    how = [word for name in formats.split() for word in ("-f", name)]
    tried = attempt(clip, *how, "-o", output, "--source-fps", "30")
    assert (tried.code, tried.new) == (0, names)


@pytest.mark.parametrize(
    ("output", "first"), [("a.csv", b"frame,"), ("a.json", b"{"), ("a.glb", b"glTF"), ("a", b"{")]
)
def test_the_suffix_tells_the_format(clip, attempt, output, first):
    assert attempt(clip, "-o", clip.parent / output, "--source-fps", "30").code == 0
    assert (clip.parent / output).read_bytes().startswith(first)


def test_another_formats_suffix_is_kept_and_told(clip, attempt):
    tried = attempt(clip, "-f", "csv", "-o", clip.parent / "a.json", "--source-fps", "30")
    assert (tried.code, tried.new) == (0, ["a.json"])
    assert "a.json holds csv" in tried.lines[0]
    tried = attempt(clip, "-f", "csv", "-o", clip.parent / "a.tsv", "--source-fps", "30")
    assert len(tried.lines) == 1


def test_partial_results(clip, attempt):
    part = clip.rename(clip.with_name("clip.partial.pkl"))
    part.write_bytes(part.read_bytes()[:-40])
    tried = attempt(part, "-f", "csv")
    assert tried.new == ["clip.partial.csv"]
    assert any("cut short" in line for line in tried.lines)


# -- selections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [["-f", "csv", "-f", "bvh"], ["-o", "-"], ["--summary"]], ids=str)
@pytest.mark.parametrize(
    ("tracks", "named"),
    [("9", "9"), ("1,9", "9"), ("5-8", "5-8"), ("1-2,9", "9"), ("-4", "-4")],
)
def test_a_track_that_is_not_there(clip, attempt, how, tracks, named):
    tried = attempt(clip, "--tracks", tracks, *how)
    tried.assert_refused(18, f"no track {named} in the results", "There are 1, 2")
    assert tried.out == ""


def test_no_tracks_at_all(make_results, attempt):
    attempt(make_results([], count=3), "--tracks", "1").assert_refused(18, "no tracks at all")


def test_a_file_without_the_track_costs_no_other(make_results, person, attempt, tmp_path):
    paths = [make_results([person(i, range(4))], count=4, name=f"{i}.pkl") for i in (1, 2)]
    tried = attempt(*paths, "--tracks", "2", "-f", "csv")
    assert (tried.code, tried.new) == (18, ["2.csv"])


@pytest.mark.parametrize(
    ("tracks", "left"),
    [
        ("1", {1}),
        ("1,1, 1", {1}),
        ("1 7", {1, 7}),
        (" 7 , 2 ", {2, 7}),
        ("1-2", {1, 2}),
        ("2 - 40", {2, 7}),
        ("1,5-7", {1, 7}),
    ],
)
def test_ways_to_name_tracks(make_results, attempt, tracks, left):
    path = make_results()
    assert attempt(path, "-f", "csv", "--tracks", tracks).code == 0
    rows = csv.DictReader(path.with_suffix(".csv").read_text().splitlines())
    assert {int(row["track_id"]) for row in rows} == left


@pytest.mark.parametrize("tracks", ["", ",", "a", "1-a", "4-1", "1.5"])
def test_no_list_of_tracks(clip, attempt, tracks):
    attempt(clip, "--tracks", tracks).assert_refused(2, "--tracks")


@pytest.mark.parametrize(
    ("frames", "code", "word"),
    [
        ("500:600", 18, "the file has 0 to 2"),
        ("3:", 18, "the file has 0 to 2"),
        ("7", 18, "the file has 0 to 2"),
        ("2:1", 2, "holds no frame"),
        ("1:1", 2, "holds no frame"),
        ("-5:", 2, "counted from 0"),
        ("-5", 2, "counted from 0"),
        (":-1", 2, "counted from 0"),
        (":", 2, "not a range"),
        ("", 2, "not a range"),
        ("1:2:3", 2, "not a range"),
    ],
)
def test_frames_that_are_not_there(clip, attempt, frames, code, word):
    low = word[0].upper() + word[1:]
    tried = attempt(clip, "--frames", frames, "-f", "csv", "-f", "glb")
    tried.assert_refused(code)
    assert word in tried.lines[0] or low in tried.lines[0]


@pytest.mark.parametrize(
    ("frames", "left"), [("1", [1]), ("1:", [1, 2]), (":2", [0, 1]), ("0:900", [0, 1, 2])]
)
def test_ways_to_name_frames(clip, attempt, frames, left):
    assert attempt(clip, "--frames", frames).code == 0
    document = json.loads(clip.with_suffix(".json").read_bytes())
    assert [frame["index"] for frame in document["frames"]] == left


# -- rates ----------------------------------------------------------------------------------------


def times_of(path, attempt, *how):
    """Notes, fps, times of frames, duration."""
    tried = attempt(path, "--force", *how)
    assert tried.code == 0
    document = json.loads(path.with_suffix(".json").read_bytes())
    about = document["source"]
    return tried.lines[0], about["fps"], [f["time_s"] for f in document["frames"]], about


def test_another_rate_than_the_file_says(make_results, attempt):
    path = make_results(count=8)
    note, fps, times, about = times_of(path, attempt, "--source-fps", "240")
    assert "says 30 frames per second; --source-fps 240 is taken instead" in note
    assert (fps, about["fps_known"]) == (240, True)
    assert times == [i / 240 for i in range(8)]
    assert about["duration_s"] == pytest.approx(8 / 240)
    note, fps, times, _ = times_of(path, attempt, "--source-fps", "30")
    assert (fps, times) == (30, [i / 30 for i in range(8)])
    assert not note.startswith("note")


def test_a_rate_for_motion(make_results, attempt, person):
    path = make_results([person(1, range(8))], count=8)
    how = [word for name in ("bvh", "trc", "npz", "csv", "blender") for word in ("-f", name)]
    for words in (("--source-fps", "240"), ("--slow-motion", "8")):
        assert attempt(path, *how, *words, "--force").code == 0
        lines = path.with_name("clip_track1.bvh").read_text().splitlines()
        assert "Frames: 8" in lines
        assert f"Frame Time: {1 / 240:.10f}" in lines
        head, *rows = path.with_name("clip_track1.trc").read_text().splitlines()[2:]
        assert head.split("\t")[:3] == ["240", "240", "8"]
        assert rows[-1].split("\t")[:2] == ["7", f"{7 / 240:.6f}"]
        assert np.load(path.with_name("clip_track1.npz"))["mocap_framerate"] == 240
        table = csv.DictReader(path.with_suffix(".csv").read_text().splitlines())
        assert [float(r["time_s"]) for r in table if r["track_id"] == "1"] == [
            i / 240 for i in range(8)
        ]


def test_slow_motion_divides_the_files_own_times(make_results, attempt):
    path = make_results(count=8, times=lambda i: 2 + (i + 0.3 * (i % 2)) / 30)
    _, fps, slow, about = times_of(path, attempt, "--slow-motion", "8")
    _, _, own, was = times_of(path, attempt)
    assert (fps, was["fps"]) == (240, 30)
    assert slow == [t / 8 for t in own]
    assert about["duration_s"] == was["duration_s"] / 8
    _, fps, both, _ = times_of(path, attempt, "--slow-motion", "4", "--source-fps", "60")
    assert fps == 240
    assert np.diff(both) == pytest.approx(1 / 240)


def test_a_part_of_a_clip_keeps_its_place(make_results, attempt):
    """Frame 30 of a clip, which says 30 frames per second but has 60, is at 0.5 s."""
    path = make_results(count=4, times=lambda i: (i + 30) / 30)
    assert times_of(path, attempt, "--source-fps", "60")[2] == [(i + 30) / 60 for i in range(4)]


def test_a_file_that_says_nothing(tmp_path, attempt, data):
    path = tmp_path / "theirs.pkl"
    path.write_bytes((data / "results" / "upstream_render.pkl").read_bytes())
    tried = attempt(path, "--slow-motion", "2", "--frames", "1:")
    document = json.loads(path.with_suffix(".json").read_bytes())
    assert (document["source"]["fps"], document["source"]["fps_known"]) == (60, False)
    assert any("assumed" in line for line in tried.lines)


@pytest.mark.parametrize("value", ["0", "-8", "nan", "inf"])
def test_no_factor(clip, attempt, value):
    attempt(clip, f"--slow-motion={value}").assert_refused(2, "--slow-motion")
