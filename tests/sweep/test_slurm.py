"""Sweeps on a real Slurm of this machine, which has no accounting."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slurm_cluster
import stepping_tracker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(slurm_cluster.why_not() is not None, reason=str(slurm_cluster.why_not())),
]

ON_SLURM = ("hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1")
DOCS = Path(__file__).parents[2] / "docs" / "clusters.md"
LONG = 100_000


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment of a cluster with two CPUs, where processes know the stepping tracker."""
    folder = tmp_path_factory.mktemp("slurm")
    pytest.importorskip("submitit")
    path = stepping_tracker.install(folder / "plugin")
    with slurm_cluster.cluster(folder) as env:
        yield {**env, "PYTHONPATH": path}


@pytest.fixture
def place(tmp_path, slurm):
    """Where the test's clips are; leaves nothing in the queue."""
    (tmp_path / "clips").mkdir()
    yield tmp_path
    subprocess.run(["scancel", "--user=root"], env=slurm, check=True)
    wait_for(lambda: not queue(slurm))


def clip(place: Path, name: str, steps: int | str) -> None:
    (place / "clips" / name).with_suffix(".mp4").write_text(f"{steps}\n")


def command(*arguments: str) -> list[str]:
    mine = ("video.source=clips", "tracker=stepping", "hydra.launcher.mem_gb=null", *ON_SLURM)
    return [sys.executable, "-m", "humantrack", "-m", *mine, *arguments]


def begin(place: Path, env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), cwd=place, env=env, stderr=subprocess.PIPE, text=True
    )


def ended(running: subprocess.Popen[str]) -> tuple[int, str]:
    said = running.communicate(timeout=500)[1]
    assert "Traceback" not in said
    return running.returncode, said


def statuses(place: Path, stem: str = "sweep") -> list[str]:
    content = json.loads((place / "outputs" / f"{stem}.json").read_text())
    return [one["status"] for one in content["clips"]]


def queue(env: dict[str, str]) -> dict[str, str]:
    """The state of each task."""
    asked = ["squeue", "--noheader", "--array", "--format=%i %T"]
    done = subprocess.run(asked, env=env, capture_output=True, text=True, check=True)
    return dict(line.split() for line in done.stdout.splitlines())


def steps(place: Path, name: str) -> list[str]:
    path = place / "outputs" / f"{name}.mp4" / "steps"
    return path.read_text().splitlines() if path.exists() else []


def wait_for(true, running: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        assert running is None or running.poll() is None, running.communicate()
        time.sleep(0.2)


def task_of(env: dict[str, str], state: str, number: int) -> str:
    return next(i for i, s in queue(env).items() if s == state and i.endswith(f"_{number}"))


def test_an_array_runs_every_clip_and_then_finds_them_finished(place, slurm):
    for name, length in (("a", 3), ("b", "no number"), ("c", 3)):
        clip(place, name, length)
    code, said = ended(begin(place, slurm))
    assert (code, statuses(place)) == (14, ["ok", "failed", "ok"]), said
    (place / "clips" / "b.mp4").unlink()
    code, said = ended(begin(place, slurm))
    assert (code, statuses(place)) == (0, ["skipped"] * 2), said


def test_one_sigterm_ends_a_sweep_whose_tasks_wait(place, slurm):
    """Two clips run and two wait: those stop where they are, these never begin."""
    for name in "abcd":
        clip(place, name, LONG)
    running = begin(place, slurm)
    wait_for(lambda: steps(place, "a") and steps(place, "b"), running)
    assert sorted(queue(slurm).values()) == ["PENDING"] * 2 + ["RUNNING"] * 2
    running.send_signal(signal.SIGTERM)
    code, said = ended(running)
    assert code == 143, said
    assert statuses(place) == ["stopped"] * 2 + ["not begun"] * 2
    wait_for(lambda: not queue(slurm))
    assert not steps(place, "c")
    assert not (place / "outputs" / ".sweep").exists()


def test_what_waits_is_cancelled_by_two_signals(place, slurm):
    held = ("+hydra.launcher.additional_parameters.hold=true",)
    for name in "ab":
        clip(place, name, 3)
    running = begin(place, slurm, *held)
    wait_for(lambda: len(queue(slurm)) == 2, running)
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGINT)
    code, said = ended(running)
    assert code == 130, said
    assert statuses(place) == ["not begun"] * 2
    wait_for(lambda: not queue(slurm))


def test_a_users_own_scancel_is_obeyed(place, slurm):
    """Of a task that runs and of one that waits; the others go on."""
    for name, length in (("a", LONG), ("b", 60), ("c", LONG), ("d", 3)):
        clip(place, name, length)
    running = begin(place, slurm)
    wait_for(lambda: steps(place, "a") and task_of(slurm, "PENDING", 2), running)
    tasks = [task_of(slurm, "PENDING", 2), task_of(slurm, "RUNNING", 0)]
    subprocess.run(["scancel", *tasks], env=slurm, check=True)
    code, said = ended(running)
    assert code == 143, said
    assert statuses(place) == ["stopped", "ok", "stopped", "ok"]
    assert f"cancelled in Slurm (scancel {tasks[1]})" in said
    assert len(set(steps(place, "a"))) == 1


def test_a_task_that_is_told_its_time_is_up_continues(place, slurm):
    """By USR2, as submitit has Slurm send it: the clip goes on where it was, with no step lost."""
    clip(place, "a", 80)
    clip(place, "b", 3)
    running = begin(place, slurm)
    wait_for(lambda: steps(place, "a"), running)
    task = task_of(slurm, "RUNNING", 0)
    subprocess.run(["scancel", "--signal=USR2", task], env=slurm, check=True)
    wait_for(lambda: queue(slurm).get(task) == "PENDING", running)
    release(slurm, task)
    code, said = ended(running)
    assert (code, statuses(place)) == (0, ["ok"] * 2), said
    taken = steps(place, "a")
    assert len(taken) == 80
    assert len(set(taken)) == 2


def release(env: dict[str, str], task: str) -> None:
    """Let a task that was queued again begin at once, and not in two minutes."""
    done = ["scontrol", "update", f"jobid={task}", "starttime=now"]
    subprocess.run(done, env=env, check=True)


def test_what_slurm_refuses_is_one_line_and_leaves_nothing(place, slurm):
    clip(place, "a", 3)
    clip(place, "b", 3)
    code, said = ended(begin(place, slurm, "hydra.launcher.partition=none_such"))
    assert code == 15
    lines = [line for line in said.splitlines() if line]
    assert len(lines) == 1, said
    assert "Slurm does not take the jobs" in lines[0]
    assert "partition" in lines[0]
    assert [path.name for path in place.iterdir()] == ["clips"]


def test_the_shard_script_of_the_docs_is_queued_again(place, slurm):
    for name in "abcdef":
        clip(place, name, 40)
    text = DOCS.read_text()
    script = re.search(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", text, re.DOTALL)[1]
    script = script.replace("--array=1-8 --gpus=1 --cpus-per-task=4 --mem=8G", "--array=1-2")
    script = script.replace("/shared/clips/", "clips").replace("/shared/out", "outputs")
    (place / "bin").mkdir()
    wrapper = place / "bin" / "humantrack"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m humantrack "$@" tracker=stepping\n')
    wrapper.chmod(0o755)
    (place / "shard.sh").write_text(script)
    env = {**slurm, "PATH": f"{place / 'bin'}:{slurm['PATH']}"}
    subprocess.run(["sbatch", "shard.sh"], cwd=place, env=env, check=True)
    wait_for(lambda: list((place / "outputs").rglob("steps")))
    begun = next((place / "outputs").rglob(".claim"))
    shard = next(i for i, s in queue(env).items() if s == "RUNNING" and has(env, i, begun))
    subprocess.run(["scancel", "--signal=USR1", shard], env=env, check=True)
    wait_for(lambda: queue(env).get(shard) == "PENDING")
    release(env, shard)
    wait_for(lambda: not queue(env))
    done = [s for n in (1, 2) for s in statuses(place, f"sweep-{n}of2")]
    assert len(done) == 6
    assert set(done) <= {"ok", "skipped"}
    assert all(len(path.read_text().splitlines()) == 40 for path in place.rglob("steps"))


def has(env: dict[str, str], task: str, claim: Path) -> bool:
    """True if the process that holds a claim is of a task."""
    pid = json.loads(claim.read_text())["pid"]
    said = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return f"SLURM_ARRAY_TASK_ID={task.partition('_')[2]}".encode() in said


def test_a_slurm_that_does_not_answer_is_waited_for(monkeypatch, tmp_path):
    from humantrack.sweep.on_slurm import Queue

    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    assert Queue(["7_0", "7_1"]).states() is None
