"""Runs that are ended by a signal, and go on."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import joblib
import pytest
from resume_tools import (
    FRAMES,
    ROOT,
    assert_whole,
    files,
    watched,
)

COMMAND = [sys.executable, "-m", "humantrack"]


def start(clip, out, *overrides):
    arguments = [
        *(f"video.source={clip}", f"video.output_dir={out}"),
        *("batch_frames=4", "embedded.landmarks=full", *overrides),
    ]
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True)


def wait_for_frames(process, partial: Path, size: int) -> None:
    while process.poll() is None and not (partial.exists() and partial.stat().st_size > size):
        os.sched_yield()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 138)])
def test_a_signal_ends_the_run_and_the_same_command_goes_on(name, code, clip, whole, tmp_path):
    paths = files(tmp_path)
    with start(clip, tmp_path) as process:
        wait_for_frames(process, paths["partial"], 20_000)
        process.send_signal(getattr(signal, name))
        said = process.stderr.read()
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert "the same command goes on from there" in said.lower()
    kept = joblib.load(paths["partial"])
    assert 0 < len(kept) < FRAMES
    assert json.loads(paths["meta"].read_text())["status"] == "partial"
    assert len(watched(paths["overlay"])["pictures"]) == len(kept)
    with start(clip, tmp_path) as process:
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert int(re.search(r"at frame (\d+)", said)[1]) >= len(kept)
    assert_whole(tmp_path, whole)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_kills_at_random_moments_leave_no_trace(clip, tmp_path):
    script = ROOT / "scripts" / "kill_test.py"
    spec = importlib.util.spec_from_file_location("kill_test", script)
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_test"] = module
    spec.loader.exec_module(module)
    overrides = ["checkpoint.every_s=0", "batch_frames=2"]
    outcome = module.kill_and_restart(
        clip, tmp_path, kills=5, seed=3, life_s=1.5, overrides=overrides
    )
    assert outcome.is_good, outcome
    assert outcome.kills == 5
    assert outcome.in_work >= 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_second_ctrl_c_breaks_off_and_leaves_a_readable_file(clip, data, tmp_path):
    paths = files(tmp_path)
    with start(clip, tmp_path) as process:
        wait_for_frames(process, paths["partial"], 20_000)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert 0 < len(joblib.load(paths["partial"])) < FRAMES
