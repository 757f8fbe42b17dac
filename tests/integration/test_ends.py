"""Closed terminals, and standard streams that are closed, full or left: nothing is lost by them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest

from humantrack import load_results

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and streams")

ENTRY = [sys.executable, "-m", "humantrack"]


def command(data: Path, out: Path, *overrides: str) -> list[str]:
    return [
        *(*ENTRY, f"video.source={data / 'demo_small.mp4'}", f"video.output_dir={out}"),
        *("tracker=embedded", "render.enable=false", *overrides),
    ]


def files(out: Path) -> dict[str, Path]:
    stem = out / "results" / "demo_demo_small"
    return {
        name: stem.with_name(stem.name + ending)
        for name, ending in {
            "results": ".pkl",
            "partial": ".partial.pkl",
            "meta": ".meta.json",
            "checkpoint": ".checkpoint",
        }.items()
    }


def wait_for(path: Path, process: subprocess.Popen, terminal: int | None = None) -> None:
    """Until frames are in a file; reads what is shown on a terminal, as a window does."""
    while not path.exists() or path.stat().st_size < 5000:
        assert process.poll() is None, "it ended too early"
        if terminal is not None and select.select([terminal], [], [], 0.005)[0]:
            os.read(terminal, 1 << 16)
        elif terminal is None:
            time.sleep(0.005)


SLOW = ("checkpoint.every_s=0", "batch_frames=1")


def test_a_closed_terminal_leaves_what_the_same_command_goes_on_with(data, tmp_path):
    master, slave = os.openpty()
    process = _on_terminal(slave, command(data, tmp_path, *SLOW))
    os.close(slave)
    with process:
        wait_for(files(tmp_path)["partial"], process, master)
        os.close(master)  # the window is gone
        assert process.wait() == 129
    left = files(tmp_path)
    assert not left["results"].exists()
    meta = json.loads(left["meta"].read_text())
    assert (meta["status"], meta["results"]) == ("partial", left["partial"].name)
    frames = joblib.load(left["partial"])
    assert len(frames) == meta["frame_count"] > 0
    again = subprocess.run(
        command(data, tmp_path, *SLOW), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "resuming demo_small at frame" in again.stderr
    assert len(load_results(left["results"])) > len(frames)
    assert not left["partial"].exists()


def _on_terminal(slave: int, words: list[str]) -> subprocess.Popen:
    """A session of its own whose terminal this is, as a window's shell has."""
    begin = (
        "import fcntl, os, signal, sys, termios\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whatever started the tests
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", begin, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )


def test_nohup_is_heeded(data, tmp_path):
    process = subprocess.Popen(
        ["nohup", *command(data, tmp_path, *SLOW, "video.end_frame=12")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        wait_for(files(tmp_path)["partial"], process)
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert len(joblib.load(files(tmp_path)["results"])) == 12


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- >&- 2>&-", "2>&1 | true"])
def test_the_run_goes_on_whatever_becomes_of_standard_error(streams, data, tmp_path):
    words = command(data, tmp_path / "out", "video.end_frame=5")
    script = f'set -o pipefail; "$@" {streams}'
    done = subprocess.run(["bash", "-c", script, "bash", *words], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert len(joblib.load(files(tmp_path / "out")["results"])) == 5


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_a_failures_code_is_its_own_whether_it_can_be_told_or_not(streams, tmp_path):
    script = f'set -o pipefail; "$@" video.source=none.mp4 {streams}'
    done = subprocess.run(["bash", "-c", script, "bash", *ENTRY], cwd=tmp_path, check=False)
    assert done.returncode == 3


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--cfg", "job"]])
@pytest.mark.parametrize("streams", [">&-", ">/dev/full", "| true"])
def test_what_is_printed_may_go_nowhere(arguments, streams, tmp_path):
    script = f'set -o pipefail; "$@" {streams}'
    words = ["bash", "-c", script, "bash", *ENTRY, *arguments]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
