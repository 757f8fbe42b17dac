"""The command ``humantrack-world``."""

from __future__ import annotations

import shutil

import orjson
import pytest
from world_cases import results_of

from humantrack.cli.world import main
from humantrack.errors import CameraFileError, ConfigError, ResultsError
from humantrack.results import load_results
from humantrack.results.meta import meta_path


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "demo_pan.pkl"
    shutil.copy(results_of("pan"), path)
    shutil.copy(results_of("pan").with_suffix(".camera"), path.with_suffix(".camera"))
    meta_path(path).write_text('{"source": {"name": "pan", "width": 854, "height": 480}}')
    return path


def test_writes_the_world_and_says_how_it_was_found(results, capsys):
    assert main([str(results), "world.focal_px=780"]) == 0
    told = capsys.readouterr().err
    assert "camera turning; lens 780 px (given); floor from feet that stand" in told
    world = load_results(results).world
    assert world is not None and len(world) == 240
    facts = orjson.loads(meta_path(results).read_bytes())["world"]
    assert facts["lens"]["how"] == "given" and facts["camera"]["kinds"] == ["turning"]
    assert world.facts["lens"] == facts["lens"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["{results}", "world.focal_px=tall"], ConfigError.exit_code),
        (["{results}", "world.focal_px=-5"], ConfigError.exit_code),
        (["{results}", "world.wings=2"], ConfigError.exit_code),
        (["{results}", "tracker=hmr2"], ConfigError.exit_code),
        (["{results}", "--what"], ConfigError.exit_code),
        (["world.focal_px=780"], ConfigError.exit_code),
        (["{folder}/missing.pkl"], ResultsError.exit_code),
        (["{results}", "world.camera={folder}/missing.json"], CameraFileError.exit_code),
    ],
)
def test_errors_are_one_line(arguments, code, results, capsys):
    filled = [a.format(results=results, folder=results.parent) for a in arguments]
    assert main(filled) == code
    told = capsys.readouterr().err.strip()
    assert told.startswith("humantrack-world: ") and len(told.splitlines()) == 1
    assert not results.with_suffix(".world.pkl").exists()


def test_a_bad_file_costs_no_other(results, capsys):
    missing = results.with_name("missing.pkl")
    assert main([str(missing), str(results), "quiet=true"]) == ResultsError.exit_code
    assert results.with_suffix(".world.pkl").exists()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_evidence_the_camera_stands_still_and_that_is_said(results, capsys):
    results.with_suffix(".camera").unlink()
    assert main([str(results)]) == 0
    assert "taken to stand still" in capsys.readouterr().err
    assert main([str(results), "world.camera=free"]) == ConfigError.exit_code


def test_help(capsys):
    assert main(["--help"]) == 0
    assert "world.camera_height_m" in capsys.readouterr().out
