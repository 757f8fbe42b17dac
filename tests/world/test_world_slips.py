"""Slips of a user that would give a wrong world without a word."""

from __future__ import annotations

import json

import numpy as np
import pytest
from world_cases import changed, results_of

from humantrack.cli.world import main
from humantrack.errors import CameraFileError, ConfigError
from humantrack.results.world import read_facts
from humantrack.world.options import parse_heights


@pytest.fixture
def results(tmp_path):
    """Forty frames, without evidence of the camera."""
    path = tmp_path / "demo_pan.pkl"
    return changed(results_of("pan"), path, lambda number, frame: frame if number < 40 else None)


def told(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]


@pytest.mark.parametrize("text", ["1:1.8,1:1.9", "-1:1.8", "1,82"])
def test_heights_that_say_two_things_are_refused(text):
    with pytest.raises(ConfigError, match="nor heights by track id"):
        parse_heights(text)


def test_a_height_of_nobody_is_told(results, capsys):
    assert main([str(results), "world.camera=still", "world.person_height_m=1:1.7,99:1.8"]) == 0
    [note] = [line for line in told(capsys) if "person_height_m" in line]
    assert "a height for track 99, which is not there: there are 1, 2" in note
    facts = read_facts(results.with_suffix(".world.pkl"))
    assert note.removeprefix("note: ") in facts["notes"]
    assert facts["people"]["1"]["height_m"] == pytest.approx(1.7, abs=0.002)


def test_results_cut_short_are_told_in_the_world_too(results, capsys):
    whole = results.read_bytes()
    results.write_bytes(whole[: len(whole) // 2])
    assert main([str(results), "world.camera=still"]) == 0
    error = capsys.readouterr().err
    assert "TruncatedResultsWarning" not in error
    assert error.count("is cut short or damaged after") == 1
    facts = read_facts(results.with_suffix(".world.pkl"))
    assert "is cut short or damaged after" in facts["notes"][0]


@pytest.mark.parametrize(("height", "is_told"), [("150", True), ("1.5", False)])
def test_a_camera_height_in_centimetres_is_told(results, capsys, height, is_told):
    assert main([str(results), "world.camera=still", f"world.camera_height_m={height}"]) == 0
    assert any("does not fit the people" in line for line in told(capsys)) is is_told


def camera(path, **keys):
    frames = [{"frame": i, "R": np.eye(3).tolist(), "t": [0, 0, 0], **keys} for i in (0, 39)]
    path.write_text(json.dumps(frames))
    return path


def test_a_camera_file_without_a_lens_does_not_vouch_for_one(results, tmp_path, capsys):
    file = camera(tmp_path / "camera.json")
    assert main([str(results), f"world.camera={file}"]) == 0
    assert "+-50 % (assumed)" in capsys.readouterr().err
    assert main([str(results), f"world.camera={file}", "world.focal_px=780"]) == 0
    assert "lens 780 px (given)" in capsys.readouterr().err


def test_a_camera_out_of_this_world_is_refused(results, tmp_path, capsys):
    file = camera(tmp_path / "camera.json", t=[1e300, 0, 0])
    assert main([str(results), f"world.camera={file}"]) == CameraFileError.exit_code
    assert "a place beyond 1e+10" in capsys.readouterr().err
