"""Runs the jobs of a sweep through a launcher, to the end, whatever happens to each of them."""

from __future__ import annotations

import contextlib
import errno
import shutil
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from humantrack.atomic import cannot_write
from humantrack.claims import is_held
from humantrack.errors import (
    HumantrackError,
    InterruptedRunError,
    OutputError,
    PartialSweepError,
    SweepError,
)
from humantrack.pipeline.stopping import KINDS, Asked, handled_signals
from humantrack.sweep import outcome as out
from humantrack.sweep.job import CLAIM, sweeping
from humantrack.sweep.launchers import LauncherError
from humantrack.sweep.outcome import Outcome, Reports
from humantrack.sweep.plan import Job
from humantrack.sweep.progress import RUNNING, Watch
from humantrack.sweep.table import Row, count_line, print_table
from humantrack.terminal import say

Launch = Callable[[Sequence[Job]], None]
"""Runs jobs and returns when all have ended. What it raises says that some may not have been."""

MOST_STRIKES = 3
"""Rounds without one job begun, after which it is the launcher's fault and not that of clips."""

MOST_STOPS = 10
"""Times that a job is taken up again which was stopped alone, as a node does that is wanted."""

_FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)

POLL_S = 1.0
"""How often a clip that another sweep is at is looked at."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What is to be run, and how."""

    jobs: Sequence[Job]
    home: Path
    """The sweep's folder."""

    reports: Reports
    stem: str = "sweep"
    """Of sweep.json and sweep.csv."""

    batch: int | None = None
    """Jobs given to the launcher at once; None = all."""

    lost_after_s: float = 120.0
    about: Mapping[str, Any] | None = None
    """What sweep.json says besides the clips."""


def new_reports_folder(home: Path) -> Path:
    """A new name for the reports of one sweep."""
    return home / ".sweep" / f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def run_sweep(sweep: Sweep, launch: Launch, console: Console) -> list[Row]:
    """Run all jobs, show how they ended and write it down.

    Jobs whose process died are run once more, each alone, so that the one it is due to takes no
    other with it. Clips that another sweep is at are waited for.

    Returns:
        A row for each job, when all have succeeded.

    Raises:
        PartialSweepError: if some did not succeed.
        LauncherError: if the launcher takes no jobs; nothing is left behind if it took none.
        SweepError: if none did.
        InterruptedRunError: if it was stopped.
        OutputError: if sweep.json or a report cannot be written.
    """
    about = {**(sweep.about or {}), "begun": datetime.now().astimezone().isoformat("T", "seconds")}
    sweep.reports.folder.mkdir(parents=True, exist_ok=True)
    watch = Watch(
        sweep.jobs,
        sweep.reports,
        home=sweep.home,
        stem=sweep.stem,
        about=about,
        console=console,
    )
    trouble: BaseException | None = None
    with watch, sweeping(), _stop_on_signals(sweep.reports) as stopped_by:
        try:
            _Rounds(sweep, launch, watch).run()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - raised below
            sweep.reports.stop()
            trouble = error
        _settle(sweep, watch)
    if isinstance(trouble, LauncherError) and not watch.begun() and not watch.outcomes():
        trouble.took_none = True
        _clear(sweep)
        raise trouble
    rows = watch.rows()
    print_table(rows, console)
    console.print(count_line(rows, watch.seconds), highlight=False, soft_wrap=True)
    console.print(f"all of it: {sweep.home / sweep.stem}.json", highlight=False, soft_wrap=True)
    if not any(row.outcome.status == RUNNING for row in rows):  # else it may still say something
        _clear(sweep)
    _raise_if_not_whole(rows, sweep, trouble, stopped_by)
    return rows


def _clear(sweep: Sweep) -> None:
    """Remove the reports. Jobs that are still in a queue find none, and do not begin."""
    shutil.rmtree(sweep.reports.folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        sweep.reports.folder.parent.rmdir()


class _Rounds:
    """Gives jobs to the launcher until each has ended."""

    def __init__(self, sweep: Sweep, launch: Launch, watch: Watch) -> None:
        self._sweep, self._launch, self._watch = sweep, launch, watch
        self._reports = sweep.reports
        self._stops: Counter[int] = Counter()
        self._blamed: list[Job] = []
        """Failed since they could not be begun, which may be the launcher's fault."""

    def run(self) -> None:
        pending, strikes, trouble = list(self._sweep.jobs), 0, None
        while pending and not self._is_over():
            trouble = self._batches(pending)
            again = self._run_again(pending)
            self._once_more_alone(pending)
            self._wait_for_others(pending)
            left = self._left(pending)
            strikes = strikes + 1 if len(left) == len(pending) and not again else 0
            if strikes == MOST_STRIKES:
                raise self._launcher_failed(trouble)
            if strikes and not self._is_over():  # it may be due to the clip whose turn it is
                self._fail(left[0], f"it could not be begun ({_named(trouble)})", trouble)
                self._blamed.append(left[0])
            pending = self._left(left)
        if len(self._blamed) == len(self._sweep.jobs):
            raise self._launcher_failed(trouble)

    def _launcher_failed(self, trouble: Exception | None) -> HumantrackError:
        for job in self._blamed:
            self._reports.forget(job.number, out.FAILED)
        if isinstance(trouble, OSError) and trouble.errno in _FULL:
            return cannot_write(self._sweep.home, trouble)
        hint = "see docs/clusters.md"
        return LauncherError(f"the launcher failed ({_named(trouble)})", hint=hint)

    def _batches(self, jobs: Sequence[Job]) -> Exception | None:
        """Launch in batches; what the launcher raised last."""
        size = self._sweep.batch or max(len(jobs), 1)
        trouble = None
        for first in range(0, len(jobs), size):
            if not self._is_over():
                trouble = self._try(jobs[first : first + size]) or trouble
        return trouble

    def _try(self, jobs: Sequence[Job]) -> Exception | None:
        try:
            self._launch(jobs)
        except HumantrackError:
            raise
        except Exception as error:  # noqa: BLE001 - the reports say which jobs it took along
            return error
        return None

    def _run_again(self, jobs: Sequence[Job]) -> bool:
        """True if jobs were stopped by their nodes, and are now as if they had not been begun."""
        stopped = {number for number, status in self._reports.statuses() if status == out.PREEMPTED}
        some = [job for job in self._left(jobs) if job.number in stopped]
        if not self._is_over():
            for job in some:
                self._stops[job.number] += 1
                if self._stops[job.number] > MOST_STOPS:
                    self._give_up(job)
                self._reports.forget(job.number, out.BEGUN, out.PREEMPTED)
        return bool(some)

    def _give_up(self, job: Job) -> None:
        last = self._reports.outcome(job.number, out.PREEMPTED)
        error = f"stopped {self._stops[job.number]} times, by its node or by hand"
        self._reports.end(str(job.number), replace(last, status=out.STOPPED, error=error))

    def _once_more_alone(self, jobs: Sequence[Job]) -> None:
        """Jobs that began and said no more: their process died, or that of a neighbour."""
        for job in self._suspects(jobs):
            if self._is_over():
                return
            self._reports.forget(job.number, out.BEGUN)
            trouble = self._try([job])
            if self._suspects([job]):
                how = "" if trouble is None else f" ({type(trouble).__name__})"
                self._fail(job, f"the process that ran it died, twice{how}")

    def _fail(self, job: Job, error: str, trouble: Exception | None = None) -> None:
        kind = OutputError if isinstance(trouble, OSError) else SweepError
        lost = Outcome(status=out.FAILED, error=error, exit_code=kind.exit_code)
        self._reports.end(str(job.number), lost)

    def _wait_for_others(self, jobs: Sequence[Job]) -> None:
        """Wait while another sweep is at a clip, then see what it left."""
        for job in self._held(jobs):
            while self._is_held(job) and not self._is_over():
                if job.number in self._watch.outcomes():
                    break
                time.sleep(POLL_S)
            if self._is_over():
                return
            self._reports.forget(job.number, out.BEGUN, out.HELD)
            self._try([job])

    def _left(self, jobs: Sequence[Job]) -> list[Job]:
        ended = self._watch.outcomes()
        return [job for job in jobs if job.number not in ended]

    def _held(self, jobs: Sequence[Job]) -> list[Job]:
        held = {number for number, status in self._reports.statuses() if status == out.HELD}
        return [job for job in self._left(jobs) if job.number in held]

    def _suspects(self, jobs: Sequence[Job]) -> list[Job]:
        held, begun = self._held(jobs), self._watch.begun()
        return [job for job in self._left(jobs) if job.number in begun and job not in held]

    def _is_held(self, job: Job) -> bool:
        return is_held(job.folder / CLAIM, self._sweep.lost_after_s)

    def _is_over(self) -> bool:
        return self._reports.is_over


def _settle(sweep: Sweep, watch: Watch) -> None:
    """Of jobs that a stop ended before they could say so, say it."""
    for number in watch.begun() - watch.outcomes().keys() if sweep.reports.is_stopped else ():
        if not is_held(sweep.jobs[number].folder / CLAIM, sweep.lost_after_s):
            stopped = Outcome(status=out.STOPPED, error="its process was ended", exit_code=130)
            sweep.reports.end(str(number), stopped)


def _named(trouble: Exception | None) -> str:
    if trouble is None:
        return "the launcher ran nothing"
    return " ".join(f"{type(trouble).__name__}: {trouble}".split())


def _raise_if_not_whole(
    rows: Sequence[Row], sweep: Sweep, trouble: BaseException | None, stopped_by: Sequence[int]
) -> None:
    stops = [row.outcome.exit_code for row in rows if row.outcome.status == out.STOPPED]
    if stops or stopped_by or isinstance(trouble, KeyboardInterrupt):
        stopped = InterruptedRunError("the sweep was stopped", hint="the same command continues it")
        stopped.exit_code = _code_of(stopped_by[0]) if stopped_by else (stops or [130])[0]
        raise stopped
    if trouble is not None:
        raise trouble
    bad = [row for row in rows if row.outcome.status not in out.SUCCEEDED]
    if not bad:
        return
    first = next((row for row in bad if row.outcome.error), bad[0])
    kind = SweepError if len(bad) == len(rows) else PartialSweepError
    raise kind(
        f"{len(bad)} of {len(rows)} clips did not succeed, first {first.line()}",
        hint=f"see {sweep.home / sweep.stem}.json; the same command tries again",
    )


def _code_of(number: int) -> int:
    """The exit code that a signal ends a sweep with: that of a single run."""
    return next(
        (KINDS[name].exit_code for name, one in handled_signals().items() if one == number),
        128 + number,
    )


@contextlib.contextmanager
def _stop_on_signals(reports: Reports) -> Iterator[list[int]]:
    """The first signal asks the jobs to stop, the second aborts; gives the list of them.

    A job in this process has handlers of its own while it runs.
    """
    caught: list[int] = []
    asked, stderr = Asked(), sys.stderr

    def ask(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        if asked.is_second(number):
            raise KeyboardInterrupt
        if len(caught) > 1:
            return
        reports.stop()
        say("\nfinishing the current frames; press Ctrl-C again to abort", stderr)

    before: dict[int, Any] = {}
    with contextlib.suppress(ValueError):  # only a program's main thread may do this
        before = {n: signal.signal(n, ask) for n in handled_signals().values()}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
