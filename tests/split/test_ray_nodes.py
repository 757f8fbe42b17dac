"""Parts on a Ray cluster of two nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib

import light_tracker
import pytest
import ray_nodes

pytestmark = pytest.mark.slow


def run(place, clip, boxes, *more: str) -> subprocess.CompletedProcess[str]:
    given = (f"video.source={clip}", f"video.boxes={boxes}", "video.output_dir=out")
    given += ("tracker=light", "phalp.n_init=3", "batch_frames=3", "world.enable=false")
    return subprocess.run(
        [sys.executable, "-m", "humantrack", *given, "render.type=BBOX", *more],
        cwd=place,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_parts_on_two_nodes_are_one_run(clip, boxes, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", light_tracker.install(tmp_path / "plugin"))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    stored, overlays = [], []
    with ray_nodes.cluster() as (_, address):
        on_ray = ("split.parts=4", "hydra/launcher=ray", f"hydra.launcher.address={address}")
        for name, more in (("one", ()), ("two", on_ray)):
            (tmp_path / name).mkdir()
            done = run(tmp_path / name, clip, boxes, *more)
            assert done.returncode == 0, done.stderr
            out = tmp_path / name / "out"
            stored.append(zlib.decompress((out / "results" / "demo_long.pkl").read_bytes()))
            overlays += out.glob("*.mp4")
    assert stored[0] == stored[1]
    assert len(overlays) == 2
    table = [line for line in done.stderr.splitlines() if "process" in line]
    assert len(table) == 4, done.stderr
    assert all("done" in line for line in table)
    everything = (tmp_path / "two" / "out").rglob("*")
    left = {path.name for path in everything if ".hydra" not in path.parts}
    assert left == {"results", "demo_long.pkl", "demo_long.meta.json", overlays[1].name}
