"""Launchers that really run: joblib's processes, submitit's local executor, Ray's local cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from humantrack import load_results

FEW = ("video.end_frame=3", "render.enable=false", "tracker=embedded", "phalp.n_init=1")
SHORT = ("video.end_frame=16", "render.enable=false", "tracker=embedded")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")

LAUNCHERS = [
    pytest.param(JOBLIB, id="joblib"),
    pytest.param(("hydra/launcher=submitit_local",), id="submitit_local"),
    pytest.param(("hydra/launcher=ray", "+hydra.launcher.init.num_cpus=2"), id="ray"),
]


@pytest.fixture
def place(tmp_path, data):
    """A folder with five clips, one of them no video."""
    names = ("a/x.mp4", "b/x.mp4", "with space, comma=.mp4", "-ü.mp4")
    for name in names:
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(data / "demo_small.mp4", tmp_path / "clips" / name)
    (tmp_path / "clips" / "bad.mp4").write_text("no video")
    return tmp_path


def command(*arguments: str) -> list[str]:
    some = ("video.source=clips", "sweep.recursive=true", *arguments)
    return [sys.executable, "-m", "humantrack", "-m", *some]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "RAY_AUTH_MODE": "disabled"}


def sweep(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )


def clips(folder: Path) -> dict[str, dict]:
    content = json.loads((folder / "outputs" / "sweep.json").read_text())
    return {clip["clip"]: clip for clip in content["clips"]}


def statuses(folder: Path) -> list[str]:
    return [clip["status"] for clip in clips(folder).values()]


def wait_for(true, process=None) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_runs_every_clip_and_then_finds_them_finished(place, launcher):
    done = sweep(place, *launcher, *FEW)
    assert done.returncode == 14, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert statuses(place) == ["ok"] * 3 + ["failed", "ok"]
    for name, clip in clips(place).items():
        if name != "bad.mp4":
            results = place / clip["output"]
            assert results.is_relative_to(place / "outputs" / name / "results")
            assert [len(f["tid"]) for f in load_results(results).values()] == [1, 1, 1]
    assert "not a video" in clips(place)["bad.mp4"]["error"]
    (place / "clips" / "bad.mp4").unlink()
    again = sweep(place, *launcher, *FEW)
    assert again.returncode == 0, again.stderr
    assert set(statuses(place)) == {"skipped"}


@pytest.mark.slow
def test_joblibs_processes_load_their_models_once(place):
    (place / "clips" / "bad.mp4").unlink()
    done = sweep(place, *JOBLIB, *FEW)
    assert done.returncode == 0, done.stderr
    logs = "".join(path.read_text() for path in (place / "outputs").rglob("humantrack.log"))
    processes = set(re.findall(r"process (\d+) of", logs))
    assert 1 <= len(processes) <= 2
    assert logs.count("loading models") == len(processes)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_a_worker_that_is_killed_takes_no_clip_with_it(place):
    (place / "clips" / "bad.mp4").unlink()
    running = subprocess.Popen(
        command(*JOBLIB, *SHORT),
        cwd=place,
        env=environment(place),
        stderr=subprocess.PIPE,
        text=True,
    )
    claims = []

    def one_is_claimed():
        claims[:] = (place / "outputs").rglob(".claim")
        return bool(claims)

    wait_for(one_is_claimed, running)
    os.kill(json.loads(claims[0].read_text())["pid"], signal.SIGKILL)
    said = running.communicate(timeout=540)[1]
    assert running.returncode == 0, said
    assert statuses(place) == ["ok"] * 4


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_sweep_that_is_ended_goes_on_with_the_same_command(place, number, code):
    """SIGINT goes to all processes of the terminal, as Ctrl-C does, the others to one."""
    (place / "clips" / "bad.mp4").unlink()
    arguments = (*JOBLIB, *SHORT, "sweep.lost_after_s=5")
    running = subprocess.Popen(
        command(*arguments),
        cwd=place,
        env=environment(place),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: list((place / "outputs").rglob(".claim")), running)
    if number == signal.SIGTERM:
        running.send_signal(number)
    else:
        os.killpg(running.pid, number)
    said = running.communicate(timeout=540)[1]
    assert running.returncode == code, said
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        assert "he same command continues it" in said.splitlines()[-1]
    assert len([s for s in statuses(place) if s == "ok"]) < 4
    done = sweep(place, *arguments)
    assert done.returncode == 0, done.stderr
    assert set(statuses(place)) <= {"ok", "skipped"}
    assert not list((place / "outputs").rglob(".claim"))


@pytest.mark.slow
def test_two_sweeps_over_the_same_clips_share_them_out(place):
    (place / "clips" / "bad.mp4").unlink()
    both = [
        subprocess.Popen(
            command("sweep.lost_after_s=20", *FEW),
            cwd=place,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for running in both:
        said = running.communicate(timeout=540)[1]
        assert running.returncode == 0, said
    logs = [path.read_text() for path in (place / "outputs").rglob("humantrack.log")]
    assert len(logs) == 4
    assert all(log.count("tracker: ") == 1 for log in logs)
