"""Slips on the export's command line."""

from __future__ import annotations

import shutil

import pytest
from world_cases import results_of

from humantrack.errors import ConfigError, OutputError, ResultsError
from humantrack.export.cli import main


@pytest.mark.parametrize(
    "arguments", [["--for", "nosuch"], ["--space", "wrld"], ["--nosuch"], ["--precision", "x"]]
)
def test_a_wrong_option_is_told_in_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["out.pkl", *arguments])
    assert stopped.value.code == ConfigError.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("humantrack-export: ") and line.endswith("See humantrack-export --help")


def test_a_file_is_not_named_for_a_format_that_it_does_not_hold(tmp_path, capsys):
    target = tmp_path / "walk.fbx"
    assert main([str(results_of("pan")), "-o", str(target)]) == ConfigError.exit_code
    assert "no format has this suffix" in capsys.readouterr().err
    assert not target.exists()
    assert main([str(results_of("pan")), "-f", "json", "-o", str(target)]) == 0
    assert target.exists()


def test_a_file_to_check_that_is_not_there(tmp_path, capsys):
    missing = tmp_path / "walk.bvh"
    code = main([str(results_of("pan")), "--check", str(missing)])
    assert code == OutputError.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert "there is no such file to check" in line and "Errno" not in line


def test_a_rate_beyond_all_bounds_is_told_as_such(capsys):
    assert main(["out.pkl", "-f", "bvh", "--fps", "1e9"]) == ConfigError.exit_code
    assert "must be above 0 and below 1e9: --fps 1e+09" in capsys.readouterr().err


def test_a_world_that_cannot_be_read_is_named_as_a_file_and_not_as_a_frame(tmp_path, capsys):
    results = tmp_path / "demo_pan.pkl"
    shutil.copy(results_of("pan"), results)
    world = results.with_suffix(".world.pkl")
    world.write_text("hello")
    assert main([str(results), "-f", "bvh"]) == ResultsError.exit_code
    line = capsys.readouterr().err
    assert f": {world}. Make it again with humantrack-world" in line and "frame" not in line
