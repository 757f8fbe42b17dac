"""``humantrack-eval mot``: equal to TrackEval run on the same data set, and bad data."""

from __future__ import annotations

import json

import pytest
import trackeval
from eval_layouts import boxes_only, jittered, write_mot
from eval_tools import Person, load_truth, write_results

from humantrack.evaluation.cli import main
from humantrack.export.cli import main as export

FRAMES = 60


@pytest.fixture(scope="module")
def frames(data):
    return boxes_only(load_truth(data / "demo_gt.npz"), FRAMES)


@pytest.fixture
def score(tmp_path, capsys):
    """Runs the command; gives the values of the one system, exit code, what was said."""

    def run(*options, results=tmp_path / "results", root=tmp_path / "MOT17"):
        document = tmp_path / "scores.json"
        document.unlink(missing_ok=True)
        words = ["mot", str(results), "--root", str(root), "--json", str(document), *options]
        code = main(words)
        said = capsys.readouterr()
        if not document.exists():
            return {}, code, said.err
        return json.loads(document.read_text())["systems"]["results"], code, said.out

    return run


def test_the_truth_itself_is_perfect(score, frames, tmp_path):
    write_mot(tmp_path / "MOT17", "MOT17-02", frames)
    write_results(tmp_path / "results" / "MOT17-02.pkl", frames)
    system, code, said = score()
    assert code == 0
    for name in ("HOTA", "DetA", "AssA", "MOTA", "IDF1"):
        assert system["values"][name] == pytest.approx(1, abs=1e-6)
    assert [system["values"][n] for n in ("IDs", "Frag", "FP", "FN")] == [0] * 4
    assert "100.0" in said


@pytest.mark.filterwarnings("ignore")
def test_equal_to_trackeval_run_on_the_files(score, frames, tmp_path, capsys):
    """Distractors, boxes marked 0 and other classes are treated as TrackEval does."""
    root = tmp_path / "MOT17"
    extra = [
        *(f"{t},50,11,11,50,80,0,8,1.0" for t in range(1, FRAMES + 1, 2)),  # a distractor
        *(f"{t},51,300,11,50,80,1,3,1.0" for t in range(1, 9)),  # a car
        *(f"{t},52,400,11,50,80,0,1,1.0" for t in range(1, 9)),  # a pedestrian marked 0
    ]
    names = {"MOT17-02": 1, "MOT17-04": 2}
    trackers = tmp_path / "trackers" / "ours" / "data"
    for name, seed in names.items():
        write_mot(root, name, frames, extra=extra)
        found = write_results(tmp_path / "results" / f"{name}.pkl", jittered(frames, seed))
        assert export([str(found), "-f", "mot", "-o", f"{trackers}/{name}.txt"]) == 0
    system, code, _ = score()
    assert code == 0
    dataset = trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(root),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "SKIP_SPLIT_FOL": True,
            "SEQ_INFO": dict.fromkeys(names),
            "BENCHMARK": "MOT17",
            "PRINT_CONFIG": False,
            "DO_PREPROC": True,
        }
    )
    quiet = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
    metrics = [
        trackeval.metrics.HOTA(),
        trackeval.metrics.CLEAR(dict(quiet)),
        trackeval.metrics.Identity(dict(quiet)),
    ]
    evaluator = trackeval.Evaluator(
        {
            "USE_PARALLEL": False,
            "PRINT_RESULTS": False,
            "PRINT_CONFIG": False,
            "TIME_PROGRESS": False,
            "OUTPUT_SUMMARY": False,
            "OUTPUT_DETAILED": False,
            "PLOT_CURVES": False,
            "LOG_ON_ERROR": None,
            "BREAK_ON_ERROR": True,
        }
    )
    whole, _ = evaluator.evaluate([dataset], metrics)
    theirs = whole["MotChallenge2DBox"]["ours"]
    for sequence, values in ((None, system["values"]), *system["sequences"].items()):
        of = theirs[sequence or "COMBINED_SEQ"]["pedestrian"]
        # Boxes are float32 in results, decimal text in MOT files.
        assert values["HOTA"] == pytest.approx(of["HOTA"]["HOTA"].mean(), abs=1e-9)
        assert values["AssA"] == pytest.approx(of["HOTA"]["AssA"].mean(), abs=1e-9)
        for ours, group, name in (
            ("MOTA", "CLEAR", "MOTA"),
            ("IDs", "CLEAR", "IDSW"),
            ("Frag", "CLEAR", "Frag"),
            ("FP", "CLEAR", "CLR_FP"),
            ("FN", "CLEAR", "CLR_FN"),
            ("IDF1", "Identity", "IDF1"),
        ):
            assert values[ours] == pytest.approx(of[group][name], abs=1e-9), ours
    assert 0.5 < system["values"]["HOTA"] < 0.95


def test_a_box_on_a_distractor_is_neither_right_nor_wrong(score, frames, tmp_path):
    extra = [f"{t},50,11,11,50,80,0,8,1.0" for t in range(1, FRAMES + 1)]
    write_mot(tmp_path / "MOT17", "A", frames, extra=extra)
    found = [[*people, Person(7, [10, 10, 60, 90])] for people in frames]
    write_results(tmp_path / "results" / "A.pkl", found)
    assert score()[0]["values"]["FP"] == 0
    assert score("--protocol", "mot15")[0]["values"]["FP"] == FRAMES


def test_files_without_classes_and_a_lone_truth_file(score, frames, tmp_path):
    folder = write_mot(tmp_path / "MOT15", "ADL-1", frames, classes=False, info=False)
    found = write_results(tmp_path / "results" / "anything.pkl", frames)
    document = tmp_path / "scores.json"
    words = ["mot", str(found), "--truth", str(folder / "gt" / "gt.txt"), "--json", str(document)]
    assert main(words) == 0
    system = json.loads(document.read_text())["systems"]["anything"]
    assert system["values"]["HOTA"] == pytest.approx(1, abs=1e-6)
    assert list(system["sequences"]) == ["ADL-1"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,1,2,3,4,5,1,1,1", "id 1 stands twice in frame 0"),
        ("2,9,nan,3,4,5,1,1,1", "not a line of frame"),
        ("x,9,1,3,4,5,1,1,1", "not a line of frame"),
        ("2,9,1,3", "not a line of frame"),
        ("61,9,1,3,4,5,1,1,1", "seqinfo.ini says there are 60"),
        ("0,9,1,3,4,5,1,1,1", "not a line of frame"),
    ],
)
def test_a_bad_truth_is_told_in_one_line(score, frames, tmp_path, line, words):
    write_mot(tmp_path / "MOT17", "A", frames, extra=[line])
    write_results(tmp_path / "results" / "A.pkl", frames)
    _, code, said = score()
    assert code == 30
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("spoil", "words", "code"),
    [
        ("frames", "hold 59 frames", 31),
        ("size", "of 320x240 pictures", 31),
        ("elsewhere", "not one box", 31),
        ("sequence", "1 of 2 sequences have no results (B)", 31),
        ("two", "two files are results of A", 31),
        ("none", "no such file", 9),
    ],
)
def test_bad_results_are_told_in_one_line(score, frames, tmp_path, *, spoil, words, code):
    write_mot(tmp_path / "MOT17", "A", frames)
    how, shown = {}, list(frames)
    if spoil == "frames":
        shown = shown[:-1]
    if spoil == "size":
        how["size"] = (240, 320)
    if spoil == "elsewhere":
        shown = [[Person(1, [600, 440, 630, 470])] for _ in shown]
    write_results(tmp_path / "results" / "A.pkl", shown, **how)
    if spoil == "sequence":
        write_mot(tmp_path / "MOT17", "B", frames)
    if spoil == "two":
        write_results(tmp_path / "results" / "again" / "demo_A.pkl", shown)
    results = tmp_path / ("nowhere" if spoil == "none" else "results")
    _, got, said = score(results=results)
    assert (got, said.count("\n")) == (code, 1)
    assert words in said


def test_missing_sequences_are_said_to_be(score, frames, tmp_path):
    for name in ("A", "B"):
        write_mot(tmp_path / "MOT17", name, frames)
    write_results(tmp_path / "results" / "A.pkl", frames)
    system, code, said = score("--allow-missing")
    assert code == 0
    assert list(system["sequences"]) == ["A"]
    assert "1 sequences are not scored: B" in said
    _, code, said = score("--sequences", "A")
    assert code == 0
    _, code, said = score("--sequences", "C")
    assert (code, "There are A, B" in said) == (30, True)


def test_what_is_missing_is_named_with_where_it_is_had(tmp_path, capsys):
    assert main(["mot", "--root", str(tmp_path)]) == 30
    said = capsys.readouterr().err
    assert "SEQUENCE/gt/gt.txt" in said
    assert "motchallenge.net" in said
    assert said.count("\n") == 1
    assert main(["mot", "--root", str(tmp_path / "none")]) == 30
