"""What a sweep says when its launcher, its disk or its nodes fail it."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console

from humantrack import atomic
from humantrack.errors import InterruptedRunError, OutputError, PartialSweepError
from humantrack.sweep import job as job_module
from humantrack.sweep import outcome as out
from humantrack.sweep import table
from humantrack.sweep.clips import Clip
from humantrack.sweep.command import _as_before
from humantrack.sweep.launchers import LauncherError
from humantrack.sweep.outcome import Outcome, Reports
from humantrack.sweep.plan import plan_jobs
from humantrack.sweep.progress import Watch
from humantrack.sweep.run import MOST_STOPS, Sweep, run_sweep

GOOD = Outcome(status=out.OK, frames=8, people=2, fps=2.0, seconds=4.0, output="x.pkl")


@pytest.fixture
def sweep(tmp_path):
    """A sweep of three clips, in a folder that is not there yet."""
    home = tmp_path / "new" / "outputs"
    reports = Reports(home / ".sweep" / "run")
    clips = [Clip(f"x{n}.mp4", f"x{n}.mp4") for n in range(3)]
    jobs = plan_jobs(clips, [[]], [], home=home, reports=reports.folder)
    return Sweep(jobs=jobs, home=home, reports=reports)


def run(sweep, launch):
    return run_sweep(sweep, launch, Console(file=io.StringIO(), width=200))


def say(sweep, job, ended) -> None:
    sweep.reports.say(str(job.number), out.BEGUN)
    sweep.reports.end(str(job.number), ended)


def written(sweep):
    content = json.loads((sweep.home / "sweep.json").read_text())
    return [clip["status"] for clip in content["clips"]]


def refuses(jobs):
    raise LauncherError("Slurm does not take the jobs (no such partition)")


@pytest.mark.parametrize("before", [None, b"an earlier sweep's\n"])
def test_a_launcher_that_takes_no_jobs_leaves_all_as_it_was(sweep, before):
    if before is not None:
        sweep.home.mkdir(parents=True)
        (sweep.home / "sweep.json").write_bytes(before)
    with (
        pytest.raises(LauncherError, match="no such partition") as caught,
        _as_before(sweep.home, "sweep.json", "sweep.csv"),
    ):
        run(sweep, refuses)
    assert caught.value.exit_code == 15
    if before is None:
        assert not sweep.home.parent.exists()
    else:
        assert [p.read_bytes() for p in sweep.home.iterdir()] == [before]


def test_a_launcher_that_takes_no_more_jobs_costs_nothing_that_was_done(sweep):
    def takes_one(jobs):
        say(sweep, jobs[0], GOOD)
        refuses(jobs)

    with pytest.raises(LauncherError), _as_before(sweep.home, "sweep.json", "sweep.csv"):
        run(sweep, takes_one)
    assert written(sweep) == ["ok", "not begun", "not begun"]


def test_one_clip_and_a_launcher_that_runs_nothing_is_the_launchers_fault(sweep):
    few = Sweep(jobs=sweep.jobs[:1], home=sweep.home, reports=sweep.reports)

    def broken(jobs):
        raise RuntimeError("no daemon")

    with pytest.raises(LauncherError, match=r"the launcher failed .RuntimeError: no daemon") as e:
        run(few, broken)
    assert e.value.took_none


def test_a_job_that_is_stopped_again_and_again_is_given_up(sweep):
    stopped = Outcome(status=out.PREEMPTED, error="stopped", exit_code=143)
    launched = []

    def launch(jobs):
        launched.extend(job.number for job in jobs)
        for job in jobs:
            say(sweep, job, stopped if job.number == 1 else GOOD)

    with pytest.raises(InterruptedRunError) as caught:
        run(sweep, launch)
    assert caught.value.exit_code == 143
    assert launched.count(1) == MOST_STOPS + 1
    assert written(sweep) == ["ok", "stopped", "ok"]


def test_jobs_that_a_sweep_left_in_a_queue_do_not_begin(sweep):
    def abandons(jobs):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        run(sweep, abandons)
    late = Reports(sweep.reports.folder)
    assert late.is_over
    ended = job_module.run_job(
        sweep.jobs[0].folder,
        late.folder / "0",
        work=lambda: pytest.fail("it began"),
        explain=lambda error: OutputError("x"),
        fingerprint=dict,
        stop=Event(),
    )
    assert ended is None
    assert not late.folder.exists()


@pytest.mark.parametrize("before", [out.PREEMPTED, out.HELD, out.FAILED, out.STOPPED, out.OK])
def test_a_clip_that_runs_is_running_however_it_ended_before(sweep, before):
    sweep.reports.folder.mkdir(parents=True)
    say(sweep, sweep.jobs[1], Outcome(status=before))
    watch = Watch(
        sweep.jobs, sweep.reports, home=sweep.home, stem="sweep", about={}, console=Console()
    )
    watch.outcomes()
    seen = []

    def work():
        watch.outcomes()
        seen.append([row.outcome.status for row in watch.rows()][1])
        raise OutputError("cannot write (no space left on device)")

    job_module.run_job(
        sweep.jobs[1].folder,
        sweep.reports.folder / "1",
        work=work,
        explain=lambda error: error,
        fingerprint=dict,
        stop=Event(),
    )
    assert seen == ["running"]
    assert watch.outcomes()[1].status == "failed"
    assert watch.outcomes()[1].exit_code == 8


@pytest.fixture
def full_disk(monkeypatch, sweep):
    """Once ``full`` holds something, no file with content can be written unless there is room."""
    full = []

    @contextmanager
    def write(path):
        whose = "table" if path.name.startswith("sweep.") else "jobs"
        kept = sweep.reports.folder / f"room.{whose}"
        with atomic.atomic_write(path) as file:
            yield file
            if full and file.tell() and kept.exists():
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(out, "atomic_write", write)
    monkeypatch.setattr(table, "atomic_write", write)
    return full


def test_a_clip_that_fills_the_disk_has_failed(sweep, full_disk):
    failed = Outcome(status=out.FAILED, error="cannot write (no space left on device)", exit_code=8)

    def launch(jobs):
        say(sweep, jobs[0], GOOD)
        full_disk.append(True)
        say(sweep, jobs[1], failed)
        say(sweep, jobs[2], failed)

    with pytest.raises(PartialSweepError, match="no space left"):
        run(sweep, launch)
    content = json.loads((sweep.home / "sweep.json").read_text())
    assert [(c["status"], c["exit_code"]) for c in content["clips"]] == [
        *(("ok", 0), ("failed", 8), ("failed", 8))
    ]


def test_without_any_room_a_name_says_how_a_job_ended(tmp_path, monkeypatch):
    @contextmanager
    def refuse(path):
        raise OutputError("cannot write (no space left on device)")
        yield

    monkeypatch.setattr(out, "atomic_write", refuse)
    reports = Reports(tmp_path)
    reports.end("3", Outcome(status=out.FAILED, error="a long story", exit_code=4))
    assert list(reports.statuses()) == [(3, "failed")]
    assert reports.outcome(3, out.FAILED).exit_code == 8


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_on_a_full_disk_costs_no_clip():
    log = job_module._Log(Path("/dev/full"))
    assert log.write("a line\n") == 7
    log.flush()
    log.close()
