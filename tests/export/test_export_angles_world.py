"""Joint angles of people who are in the world, as a table and as a picture of it."""

from __future__ import annotations

import pytest
from PIL import Image
from world_cases import changed, results_of

from humantrack.cli.world import main as make_world
from humantrack.errors import ConfigError
from humantrack.export.cli import main


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "demo_pan.pkl"
    changed(results_of("pan"), path, lambda number, frame: frame if number < 40 else None)
    assert make_world([str(path), "world.camera=still", "quiet=true"]) == 0
    return path


def test_table_and_picture(results, tmp_path, capsys):
    """As the documentation writes it: the table, its gait, and the picture."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "angles.png"
    assert main([str(results), "-f", "angles", "--plot", str(picture)]) == 0
    assert "error" not in capsys.readouterr().err
    assert {"demo_pan.angles.csv", "demo_pan.gait.json"} <= {p.name for p in tmp_path.iterdir()}
    with Image.open(picture) as image:
        assert image.width > 500


def test_the_picture_before_the_camera(results, tmp_path):
    pytest.importorskip("matplotlib")
    world, camera = tmp_path / "world.svg", tmp_path / "camera.svg"
    for picture, space in ((world, "world"), (camera, "camera")):
        arguments = [str(results), "-f", "angles", "--space", space, "--force"]
        assert main([*arguments, "--plot", str(picture)]) == 0
    assert world.read_bytes() != camera.read_bytes()  # refined, and not


def test_a_world_that_is_not_there_cannot_be_drawn(results, tmp_path):
    pytest.importorskip("matplotlib")
    results.with_suffix(".world.pkl").unlink()
    arguments = [str(results), "-f", "angles", "--space", "world"]
    assert main([*arguments, "--plot", str(tmp_path / "a.png")]) == ConfigError.exit_code
