"""A sweep goes to its end whatever its launcher and its clips do."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from threading import Timer

import pytest
from rich.console import Console

from humantrack.claims import Claim
from humantrack.errors import InterruptedRunError, PartialSweepError, SweepError
from humantrack.sweep import outcome as out
from humantrack.sweep import run as running
from humantrack.sweep.clips import Clip
from humantrack.sweep.outcome import Outcome, Reports
from humantrack.sweep.plan import plan_jobs
from humantrack.sweep.run import Sweep, run_sweep

GOOD = Outcome(status=out.OK, frames=8, people=2, fps=2.0, seconds=4.0, output="x.pkl")
BAD = Outcome(status=out.FAILED, error="not a video", exit_code=4)


@pytest.fixture
def sweep(tmp_path):
    """A sweep of three clips."""
    return make_sweep(tmp_path, 3)


def make_sweep(folder, count, **options) -> Sweep:
    reports = Reports(folder / ".sweep" / "run")
    clips = [Clip(f"x{n}.mp4", f"x{n}.mp4") for n in range(count)]
    jobs = plan_jobs(clips, [[]], [], home=folder, reports=reports.folder)
    return Sweep(jobs=jobs, home=folder, reports=reports, **options)


class Launcher:
    """Lets each job do what ``acts`` says for its number; GOOD unless told."""

    def __init__(self, sweep: Sweep, **acts) -> None:
        self.reports, self.acts = sweep.reports, acts
        self.launched: list[list[int]] = []

    def __call__(self, jobs) -> None:
        self.launched.append([job.number for job in jobs])
        for job in jobs:
            act = self.acts.get(f"job{job.number}", GOOD)
            if callable(act):
                act = act(job)
            if act is not None:
                self.reports.say(str(job.number), out.BEGUN)
                self.reports.end(str(job.number), act)


def run(sweep, launch):
    return run_sweep(sweep, launch, Console(file=io.StringIO(), width=200))


def written(sweep):
    content = json.loads((sweep.home / "sweep.json").read_text())
    return [clip["status"] for clip in content["clips"]]


def test_all_succeed(sweep):
    rows = run(sweep, Launcher(sweep))
    assert [row.outcome for row in rows] == [GOOD] * 3
    assert not (sweep.home / ".sweep").exists()
    content = json.loads((sweep.home / "sweep.json").read_text())
    assert content["counts"] == {"ok": 3}
    assert content["clips"][1] == {
        **{"clip": "x1.mp4", "settings": "", "status": "ok", "frames": 8, "people": 2},
        **{"fps": 2.0, "seconds": 4.0, "output": "x.pkl", "error": None, "exit_code": 0},
    }
    with (sweep.home / "sweep.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["clip"] for line in lines] == ["x0.mp4", "x1.mp4", "x2.mp4"]
    assert lines[0]["frames"] == "8"


def test_some_fail(sweep):
    with pytest.raises(PartialSweepError, match=r"1 of 3 .* x1.mp4: failed: not a video") as caught:
        run(sweep, Launcher(sweep, job1=BAD))
    assert caught.value.exit_code == 14
    assert written(sweep) == ["ok", "failed", "ok"]


def test_all_fail(sweep):
    with pytest.raises(SweepError) as caught:
        run(sweep, Launcher(sweep, job0=BAD, job1=BAD, job2=BAD))
    assert caught.value.exit_code == 15


def test_jobs_are_launched_in_batches(tmp_path):
    sweep = make_sweep(tmp_path, 5, batch=2)
    launch = Launcher(sweep)
    run(sweep, launch)
    assert launch.launched == [[0, 1], [2, 3], [4]]


def test_a_job_whose_process_dies_is_run_alone_and_takes_no_other_with_it(sweep):
    """Jobs 0 and 1 run side by side; 1 ends their processes whenever it runs."""

    def dies(job):
        sweep.reports.say(str(job.number), out.BEGUN)
        if job.number == 1:
            raise RuntimeError("a worker was terminated")

    def interrupted_the_first_time(job):
        if len(launch.launched) > 1:
            return GOOD
        return dies(job)

    launch = Launcher(sweep, job0=interrupted_the_first_time, job1=dies)
    with pytest.raises(PartialSweepError, match="the process that ran it died, twice"):
        run(sweep, launch)
    assert launch.launched == [[0, 1, 2], [0], [1], [2]]
    assert written(sweep) == ["ok", "failed", "ok"]


def test_a_job_that_its_node_stopped_is_taken_up_again(sweep):
    stopped = [Outcome(status=out.PREEMPTED, error="stopped", exit_code=138)] * 3
    launch = Launcher(sweep, job1=lambda job: stopped.pop() if stopped else GOOD)
    run(sweep, launch)
    assert launch.launched == [[0, 1, 2], [1], [1], [1]]
    assert written(sweep) == ["ok"] * 3


def test_a_job_that_cannot_be_begun_fails_alone(sweep):
    def cannot(job):
        raise OSError("no config for it")

    launch = Launcher(sweep, job0=cannot)
    with pytest.raises(PartialSweepError, match=r"could not be begun .OSError: no config"):
        run(sweep, launch)
    assert written(sweep) == ["failed", "ok", "ok"]


def test_a_launcher_that_runs_nothing_is_given_up(tmp_path):
    sweep = make_sweep(tmp_path, 10)

    def broken(jobs):
        raise FileNotFoundError("sbatch")

    with pytest.raises(SweepError, match=r"the launcher failed .FileNotFoundError: sbatch"):
        run(sweep, broken)


def test_a_clip_that_another_sweep_is_at_is_waited_for(sweep, monkeypatch):
    monkeypatch.setattr(running, "POLL_S", 0.01)
    theirs = Claim(sweep.jobs[1].folder / ".claim", lost_after_s=60)
    theirs.__enter__()
    ended = []

    def held(job):
        if not ended:
            Timer(0.2, lambda: (ended.append(True), theirs.__exit__(None, None, None))).start()
            return Outcome(status=out.HELD)
        return GOOD

    launch = Launcher(sweep, job1=held)
    run(sweep, launch)
    assert launch.launched == [[0, 1, 2], [1]]
    assert written(sweep) == ["ok", "ok", "ok"]


def test_a_stopped_job_ends_the_sweep(sweep):
    def stopped(job):
        sweep.reports.stop()
        return Outcome(status=out.STOPPED, error="stopped", exit_code=143)

    with pytest.raises(InterruptedRunError, match="he same command continues it") as caught:
        run(sweep, Launcher(sweep, job1=stopped, job2=lambda job: None))
    assert caught.value.exit_code == 143
    assert written(sweep) == ["ok", "stopped", "not begun"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_asks_the_jobs_to_stop(sweep, number, code):
    def signalled(job):
        signal.raise_signal(number)
        deadline = time.monotonic() + 60
        while not sweep.reports.is_stopped and time.monotonic() < deadline:
            time.sleep(0.01)
        return Outcome(status=out.STOPPED, error="stopped", exit_code=130)

    before = signal.getsignal(number)
    with pytest.raises(InterruptedRunError) as caught:
        run(sweep, Launcher(sweep, job1=signalled, job2=lambda job: None))
    assert caught.value.exit_code == code
    assert signal.getsignal(number) == before


def test_a_second_signal_breaks_off(sweep):
    def signalled(job):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    with pytest.raises(InterruptedRunError):
        run(sweep, Launcher(sweep, job1=signalled))
    assert written(sweep)[0] == "ok"


def test_enough_failures_end_the_sweep_and_keep_what_was_done(sweep):
    def fails(job):
        sweep.reports.enough()
        return BAD

    with pytest.raises(PartialSweepError):
        run(sweep, Launcher(sweep, job1=fails, job2=lambda job: None))
    assert written(sweep) == ["ok", "failed", "not begun"]


def test_sweep_json_is_there_while_the_sweep_runs(sweep):
    seen = []

    def looks(job):
        seen.extend(written(sweep))
        return GOOD

    run(sweep, Launcher(sweep, job0=looks))
    assert seen == ["not begun"] * 3


def test_progress_and_table_on_a_terminal(sweep):
    with (sweep.home / "screen").open("w") as file:
        console = Console(file=file, force_terminal=True, width=120, color_system=None)
        with pytest.raises(PartialSweepError):
            run_sweep(sweep, Launcher(sweep, job2=BAD), console)
    said = (sweep.home / "screen").read_text()
    assert "output or error" in said
    assert "3 clips in" in said
    assert "2 ok, 1 failed" in said
    assert "not a video" in said


def test_plain_lines_elsewhere(sweep):
    with (sweep.home / "log").open("w") as file, pytest.raises(PartialSweepError):
        run_sweep(sweep, Launcher(sweep, job2=BAD), Console(file=file, width=40))
    lines = (sweep.home / "log").read_text().splitlines()
    assert "[1/3] x0.mp4: ok, 8 frames, 2.0 fps, 4.0 s" in lines
    assert lines.count("x2.mp4: failed: not a video") == 1
    assert "\x1b" not in "".join(lines)
