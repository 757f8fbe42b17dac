"""One job: what it reports, what it leaves alone, when it tries again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from threading import Event

import pytest

from humantrack.claims import Claim
from humantrack.errors import (
    ConfigError,
    HumantrackError,
    InterruptedRunError,
    StageError,
)
from humantrack.pipeline.summary import RunSummary
from humantrack.sweep.job import finished, last_line, run_job, sweeping
from humantrack.sweep.outcome import Reports

PRINTS = {"source": "s", "config": "c"}


def explain(error: BaseException) -> HumantrackError:
    return error if isinstance(error, HumantrackError) else HumantrackError(f"internal: {error}")


class NoPause(Event):
    """A stop that is not set and takes no time to wait for."""

    def wait(self, timeout=None):
        return self.is_set()


@pytest.fixture
def job(tmp_path):
    """Runs a job with this work; gives its outcome."""
    reports = Reports(tmp_path / "reports")
    reports.folder.mkdir()

    def run(work, number="0", folder=tmp_path / "clip", **options):
        options = {"stop": NoPause(), "fingerprint": lambda: PRINTS, **options}
        return run_job(folder, reports.folder / number, work=work, explain=explain, **options)

    run.reports = reports
    run.folder = tmp_path / "clip"
    return run


def summary(folder: Path) -> RunSummary:
    results = folder / "results" / "demo_x.pkl"
    return RunSummary(
        name="x", results=results, overlay=None, meta=None, frames=8, people=2, seconds=4.0
    )


def write_results(folder: Path, **changes) -> None:
    (folder / "results").mkdir(parents=True, exist_ok=True)
    (folder / "results" / "demo_x.pkl").write_bytes(b"")
    meta = {"status": "complete", "results": "demo_x.pkl", "error": None, "frame_count": 8}
    meta |= {"people": 2, "timings_s": {"total": 4.0}, "fingerprint": PRINTS, **changes}
    (folder / "results" / "demo_x.meta.json").write_text(json.dumps(meta))


def fails(*errors):
    """Work that raises these, one a call, and then succeeds."""
    left = list(errors)

    def work():
        if left:
            raise left.pop(0)
        return summary(Path("clip"))

    return work


def test_a_job_that_succeeds_says_so(job):
    done = job(lambda: summary(job.folder))
    assert (done.status, done.frames, done.people, done.fps) == ("ok", 8, 2, 2.0)
    assert set(job.reports.statuses()) == {(0, "begun"), (0, "ok")}
    assert job.reports.outcome(0, "ok") == done
    assert not (job.folder / ".claim").exists()


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (StageError("tracking failed", where="frame 3"), "tracking failed: frame 3", 12),
        (ValueError("odd"), "internal: odd", 1),
    ],
)
def test_a_job_that_fails_reports_and_raises_nothing(job, error, line, code):
    done = job(fails(error))
    assert (done.status, done.error, done.exit_code) == ("failed", line, code)


def test_what_a_job_says_goes_to_its_log(job, capsys):
    def work():
        print("half way", file=sys.stderr)
        raise ValueError("odd")

    job(work)
    log = (job.folder / "humantrack.log").read_text()
    assert "half way" in log
    assert "Traceback" in log
    assert last_line(job.folder) == "internal: odd"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("errors", "retries", "status"),
    [
        ([ValueError("odd")], 0, "failed"),
        ([ValueError("odd")], 1, "ok"),
        ([ValueError("odd")] * 2, 1, "failed"),
        ([ConfigError("wrong")], 5, "failed"),
        ([InterruptedRunError("stopped")], 5, "pre-empted"),
    ],
)
def test_failures_are_tried_again_as_often_as_asked_but_not_in_vain(job, errors, retries, status):
    assert job(fails(*errors), retries=retries).status == status


def test_no_retry_after_a_stop(job):
    stop = NoPause()
    stop.set()
    assert job(fails(ValueError("odd")), retries=3, stop=stop).status == "failed"


def test_finished_results_are_left_alone(job):
    write_results(job.folder)
    done = job(fails(AssertionError("ran")))
    assert (done.status, done.frames, done.people, done.fps) == ("skipped", 8, 2, 2.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "partial"},
        {"fingerprint": {"source": "another", "config": "c"}},
        {"fingerprint": {"source": "s", "config": "another"}},
        {"error": "the overlay failed"},
        {"results": "gone.pkl"},
    ],
)
def test_results_of_another_run_or_a_broken_one_are_not_finished(job, changes):
    write_results(job.folder, **changes)
    assert finished(job.folder, lambda: PRINTS) is None
    assert job(lambda: summary(job.folder)).status == "ok"


def test_damaged_descriptions_are_not_finished(job):
    write_results(job.folder)
    (job.folder / "results" / "demo_x.meta.json").write_text('{"status": "comp')
    assert finished(job.folder, lambda: PRINTS) is None


def test_finished_results_are_redone_on_request(job):
    write_results(job.folder)
    assert job(lambda: summary(job.folder), resume=False).status == "ok"
    assert not (job.folder / "results" / "demo_x.meta.json").exists()


def test_a_job_that_is_redone_and_then_taken_up_again_goes_on_with_its_own_work(job):
    write_results(job.folder)
    checkpoint = job.folder / "results" / "demo_x.checkpoint"
    checkpoint.write_bytes(b"of an earlier run")

    def interrupted():
        assert not checkpoint.exists()
        checkpoint.write_bytes(b"of this run")
        raise InterruptedRunError("stopped")

    assert job(interrupted, resume=False).status == "pre-empted"
    assert job(lambda: summary(job.folder), resume=False).status == "ok"
    assert checkpoint.read_bytes() == b"of this run"


def test_a_clip_that_another_job_is_at_is_left_to_it(job):
    with Claim(job.folder / ".claim", lost_after_s=60):
        assert job(fails(AssertionError("ran"))).status == "held"


def test_no_job_begins_after_a_stop(job):
    job.reports.stop()
    assert job(fails(AssertionError("ran"))) is None
    assert list(job.reports.statuses()) == []


def test_a_stop_of_the_sweep_reaches_a_running_job(job):
    stop = Event()

    def work():
        job.reports.stop()
        assert stop.wait(60)
        raise InterruptedRunError("stopped")

    assert job(work, stop=stop).status == "stopped"


def test_a_job_whose_claim_is_taken_over_leaves_the_clip_to_the_other(job):
    stop = Event()

    def work():
        (job.folder / ".claim").write_text('{"token": "theirs", "host": "elsewhere", "pid": 1}')
        assert stop.wait(60)
        raise InterruptedRunError("stopped")

    assert job(work, stop=stop, lost_after_s=0.4).status == "held"


def test_too_many_failures_let_no_more_jobs_begin(job):
    for number in "01":
        assert job(fails(ValueError("odd")), number, max_failures=1).status == "failed"
    assert job(lambda: summary(job.folder), "2", max_failures=1) is None


def test_a_job_stopped_in_the_sweeps_own_process_stops_the_sweep(job):
    job(fails(InterruptedRunError("stopped")), "0")
    assert not job.reports.is_stopped
    with sweeping():
        job(fails(KeyboardInterrupt()), "1")
        assert not job.reports.is_stopped  # explain() above calls it a failure
        job(fails(InterruptedRunError("stopped")), "2")
    assert job.reports.is_stopped


def test_a_folder_that_cannot_be_made_is_a_failure_of_the_job(job, tmp_path):
    (tmp_path / "file").write_text("")
    done = job(lambda: summary(tmp_path), folder=tmp_path / "file" / "clip")
    assert (done.status, done.exit_code) == ("failed", 8)
