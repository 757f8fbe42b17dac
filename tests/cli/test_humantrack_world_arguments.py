"""Arguments of ``humantrack-world`` that people get wrong."""

from __future__ import annotations

import shutil

import pytest
from world_cases import changed, results_of

from humantrack.cli.world import main
from humantrack.errors import CameraFileError, ConfigError, ResultsError


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "demo_pan.pkl"
    return changed(results_of("pan"), path, lambda number, frame: frame if number < 20 else None)


@pytest.mark.parametrize(
    ("argument", "code", "says"),
    [
        ("quiet=maybe", ConfigError, "must be true or false: quiet=maybe"),
        ("debug=1", ConfigError, "must be true or false: debug=1"),
        ("world.enable=false", ConfigError, "the world is what this command makes"),
        ("world.camera=", ConfigError, "auto, still, turning, free, colmap or a file"),
        ("world.camera=Still", CameraFileError, "auto, still, turning, free, colmap or a file"),
        ("{folder}", ConfigError, "a folder, not results"),
    ],
)
def test_slips_are_told_with_what_to_write(results, capsys, argument, code, says):
    assert main([str(results), argument.format(folder=results.parent)]) == code.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert says in line
    assert not results.with_suffix(".world.pkl").exists()


def test_worlds_that_a_shells_pattern_names_are_left_out(results, capsys):
    """``humantrack-world results/*.pkl``, the second time."""
    assert main([str(results), "world.camera=still", "quiet=true"]) == 0
    names = sorted(map(str, results.parent.glob("*.pkl")))
    assert len(names) == 2
    assert main([*names, "world.camera=still", "quiet=True"]) == 0
    assert capsys.readouterr().err == ""
    alone = shutil.move(results.with_suffix(".world.pkl"), results.with_name("x.world.pkl"))
    assert main([str(alone)]) == ResultsError.exit_code
