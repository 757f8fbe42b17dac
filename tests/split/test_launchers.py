"""Parts through Hydra's launchers, from the command line to the results."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from humantrack.cli.main import main

pytestmark = pytest.mark.slow


def command(clip: Path, boxes: Path, out: Path, *more: str) -> bytes:
    main(
        [
            *(f"video.source={clip}", f"video.output_dir={out}", f"video.boxes={boxes}"),
            *("phalp.detector=given", "video.end_frame=9", "phalp.n_init=2", "batch_frames=3"),
            *("embedded.landmarks=full", "render.enable=false", "world.enable=false"),
            *("split.warm_up_s=10", *more),
        ]
    )
    return zlib.decompress((out / "results" / "demo_long.pkl").read_bytes())


PACKAGES = {"joblib": "hydra_plugins.hydra_joblib_launcher", "submitit_local": "submitit"}


@pytest.mark.parametrize("launcher", PACKAGES)
def test_results_are_those_of_one_run(clip, boxes, tmp_path, launcher, monkeypatch):
    """The whole clip is the warm-up, so the embedded default is exact here, too."""
    pytest.importorskip(PACKAGES[launcher])
    monkeypatch.chdir(tmp_path)
    one = command(clip, boxes, tmp_path / "one")
    two = command(clip, boxes, tmp_path / "two", "split.parts=2", f"hydra/launcher={launcher}")
    assert two == one
    left = {p.name for p in (tmp_path / "two").rglob("*") if ".hydra" not in p.parts}
    assert left == {"results", "demo_long.pkl", "demo_long.meta.json"}
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("one", "two")] == []


def test_parts_by_hand(clip, boxes, tmp_path, capfd):
    from humantrack.cli.retrack import run

    one = command(clip, boxes, tmp_path / "one")
    out = tmp_path / "two"
    for number in (2, 1):
        with pytest.raises(FileNotFoundError):  # there are no results yet
            command(clip, boxes, out, "split.parts=2", f"split.part={number}")
    folder = out / "results" / "demo_long.observations"
    assert f"humantrack-merge {folder}" in capfd.readouterr().err
    assert run([str(folder)], name="humantrack-merge") == 0
    assert zlib.decompress((out / "results" / "demo_long.pkl").read_bytes()) == one
