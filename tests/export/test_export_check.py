"""Files that are read back agree with their results, and files that were changed do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from world_tools import make_world

from humantrack.errors import OutputError
from humantrack.export.check import check
from humantrack.export.cli import main

KINDS = ("json", "jsonl", "csv", "parquet", "bvh", "glb", "npz", "trc", "c3d")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [[], ["--focal", "700"]], ids=["plain", "focal"])
def test_what_was_written_is_what_was_meant(kind, words, make_results, attempt):
    path = make_results()
    assert main([str(path), "-f", kind, "--quiet", *words]) == 0
    files = sorted(
        p for p in path.parent.iterdir() if p.suffix == f".{kind}" and ".meta" not in p.suffixes
    )
    for file in files:
        outcome = attempt("--check", file, *words)  # the results lie beside it
        assert outcome.code == 0, outcome.lines
        assert f"{file}: " in outcome.lines[-1] and "largest difference 0.0" in outcome.lines[-1]
        assert outcome.new == []


@pytest.mark.parametrize("kind", KINDS)
def test_people_in_the_world_are_read_back_too(kind, make_results, attempt):
    path = make_results()
    make_world(path)
    words = ["--space", "world"]
    assert main([str(path), "-f", kind, "--quiet", *words]) == 0
    file = min(
        p for p in path.parent.iterdir() if p.suffix == f".{kind}" and ".meta" not in p.suffixes
    )
    outcome = attempt(path, "--check", file, *words)
    assert outcome.code == 0, outcome.lines
    assert attempt(path, "--check", file, "--space", "camera").code == OutputError.exit_code


def test_other_options_and_changed_files_are_told(make_results, attempt):
    path = make_results()
    assert main([str(path), "-f", "bvh", "-f", "json", "--unit", "cm", "--quiet"]) == 0
    file = path.with_name("clip_track1.bvh")
    outcome = attempt(path, "--check", file)
    assert outcome.code == OutputError.exit_code
    assert "differs from the results by" in outcome.lines[-1] and "mm (" in outcome.lines[-1]
    assert attempt(path, "--unit", "cm", "--check", file).code == 0
    document = json.loads(path.with_suffix(".json").read_text())
    document["frames"][3]["people"][0]["joints_3d"][4][1] += 0.005
    path.with_suffix(".json").write_text(json.dumps(document))
    with pytest.raises(OutputError, match=r"5\.0\d\d mm .right_wrist, track 1, frame 3"):
        check(path, path.with_suffix(".json"))
    del document["frames"][3]["people"][0]
    path.with_suffix(".json").write_text(json.dumps(document))
    with pytest.raises(OutputError, match="track 1 is missing in frame 3"):
        check(path, path.with_suffix(".json"))


def test_what_cannot_be_checked_is_refused_in_one_line(make_results, attempt, tmp_path):
    path = make_results(count=4)
    (tmp_path / "broken.bvh").write_text("HIERARCHY\nROOT pelvis\n")
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    for name in ("broken.bvh", "broken.npz"):
        outcome = attempt(path, "--check", tmp_path / name)
        assert (outcome.code, len(outcome.lines)) == (OutputError.exit_code, 1)
    for name, words in (
        ("a.abc", "nothing reads"),
        ("a.angles.csv", "not beside it"),
        ("alone.csv", "not beside it"),
    ):
        assert words in attempt("--check", tmp_path / name).lines[0]


def test_blank_markers_are_compared_too(make_results, edit_results):
    path = make_results()

    def rate(frames):
        for frame in frames:
            people = len(frame["tid"])
            frame["joint_confidence"] = [np.full(45, 0.5, np.float32)] * people
            frame["joint_error_mm"] = [np.full((45, 2), 9, np.float32)] * people
            frame["joint_source"] = [np.where(np.arange(45) == 4, 3, 0)] * people

    edit_results(path, rate)
    assert main([str(path), "-f", "trc", "--quiet"]) == 0
    file = path.with_name("clip_track1.trc")
    assert check(path, file).largest_mm < 0.1
    assert "\t\t\t\t" in file.read_text()
