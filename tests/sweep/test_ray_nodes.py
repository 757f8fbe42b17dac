"""A sweep on a Ray cluster of two nodes, one of which is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray_nodes
import stepping_tracker

pytestmark = pytest.mark.slow


@pytest.fixture
def two_nodes(tmp_path, monkeypatch):
    """The process that keeps the cluster, and the cluster's address."""
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", stepping_tracker.install(tmp_path / "plugin"))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with ray_nodes.cluster() as kept:
        yield kept


def begin(place: Path, *arguments: str) -> subprocess.Popen[str]:
    mine = ("video.source=clips", "tracker=stepping", "hydra/launcher=ray", *arguments)
    return subprocess.Popen(
        [sys.executable, "-m", "humantrack", "-m", *mine],
        cwd=place,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_clips_lost_with_a_node_are_run_again_in_the_same_round(two_nodes, tmp_path):
    keeper, address = two_nodes
    (tmp_path / "clips").mkdir()
    for name in "abc":
        (tmp_path / "clips" / f"{name}.mp4").write_text("100")
    running = begin(tmp_path, f"hydra.launcher.address={address}", "sweep.lost_after_s=5")
    deadline = time.monotonic() + 200
    outputs = tmp_path / "outputs"
    while len(list(outputs.rglob("steps"))) < 2:
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()
        time.sleep(0.2)
    keeper.stdin.write("\n")
    keeper.stdin.flush()
    printed, said = running.communicate(timeout=300)
    assert running.returncode == 0, said
    assert not printed  # of what Ray dumps of the node
    assert len(said.splitlines()) == 5, said  # one for each clip, the count, and where it all is
    taken = [path.read_text().splitlines() for path in outputs.rglob("steps")]
    assert [len(lines) for lines in taken] == [100] * 3
    assert sum(len(set(lines)) == 2 for lines in taken) == 1
    logs = [path.read_text() for path in outputs.rglob("humantrack.log")]
    assert sum(log.count("--- ") for log in logs) == 4


def test_a_cluster_that_cannot_be_reached_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", stepping_tracker.install(tmp_path / "plugin"))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    place = tmp_path / "place"
    (place / "clips").mkdir(parents=True)
    (place / "clips" / "a.mp4").write_text("3")
    running = begin(place, "hydra.launcher.address=127.0.0.1:1")
    said = running.communicate(timeout=300)[1]
    assert running.returncode == 15, said
    assert "humantrack: Ray cannot be used" in said.splitlines()[-1]
    assert [path.name for path in place.iterdir()] == ["clips"]
