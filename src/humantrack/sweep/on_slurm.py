"""Runs jobs as a Slurm array and follows it, with or without Slurm's accounting.

submitit writes and submits the array. Its tasks are then followed in Slurm's queue (``squeue``),
which every cluster has, and not in the records of ``sacct``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humantrack.errors import PreemptedRunError, TerminatedRunError
from humantrack.sweep import outcome as out
from humantrack.sweep.launchers import LauncherError
from humantrack.sweep.outcome import Outcome, Reports

LOOK_S = 5.0
"""How often Slurm is asked."""

_STEP_S = 0.5
_PATIENCE_S = 60.0
"""How long a sweep that was stopped waits for a Slurm that does not answer."""

_AT_WORK = ("RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING")
_ENDED = (
    *("COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"),
    *("DEADLINE", "OUT_OF_MEMORY", "REVOKED"),
)
"""States of `squeue(1)`_; one that is in neither list is of a task that has yet to run.

.. _squeue(1): https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES
"""

_ONCE = ("submitit_folder", "max_num_timeout")
"""Options of the executor and not of its jobs."""

_GENERAL = (
    *("name", "timeout_min", "nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node"),
    *("mem_gb", "stderr_to_stdout"),
)
"""Options that submitit gives all its executors."""


@dataclass(frozen=True)
class Task:
    """What a task of the array calls; pickled by submitit."""

    run: Callable[..., Any]
    """Hydra's launcher for submitit: composes and runs one job."""

    reports: Path | None
    """Where the job reports."""

    def __call__(self, number: int, *job: Any) -> Any:
        """Run a job. If a signal of Slurm's ended it, it is queued again, to be continued."""
        name = "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2")
        told = getattr(signal, name)
        queue_again = signal.getsignal(told)  # submitit's own, which counts how often
        result = self.run(*job)
        if self._was_told(number) and callable(queue_again):
            queue_again(told, None)
        return result

    def checkpoint(self, *arguments: Any) -> Any:
        """What submitit is to run when the task is queued again."""
        import submitit

        return submitit.helpers.DelayedSubmission(self, *arguments)

    def _was_told(self, number: int) -> bool:
        """True if the job ended since its time is up, or its node is wanted."""
        if self.reports is None:
            return False
        reports = Reports(self.reports)
        if reports.is_over or not reports.has_said(str(number), out.PREEMPTED):
            return False
        return reports.outcome(number, out.PREEMPTED).exit_code == PreemptedRunError.exit_code


def run_all(
    run: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    options: Mapping[str, Any],
    *,
    reports: Reports | None,
    numbers: Sequence[int],
) -> None:
    """Submit jobs as an array, and return when none of them is in Slurm's queue any more.

    Once the sweep is over, what is still queued is cancelled. A task that somebody else cancelled
    is reported as stopped.

    Args:
        run: called with each job, in a process of the array.
        jobs: arguments of ``run``.
        options: of conf/hydra/launcher/submitit_slurm.yaml.
        reports: where the jobs report; None = nowhere.
        numbers: the number of each job there.

    Raises:
        LauncherError: if Slurm takes no jobs.
    """
    numbers = numbers or range(len(jobs))
    task = Task(run, None if reports is None else reports.folder.absolute())
    ids = _submit(task, [(n, *job) for n, job in zip(numbers, jobs, strict=True)], options)
    last = _follow(Queue(ids), reports)
    for number, task_id in zip(numbers, ids, strict=True):
        if reports is not None and not reports.is_over:
            begun = reports.has_said(str(number), out.BEGUN)
            # Slurm keeps no record of one that was cancelled before it had one of its own.
            if last.get(task_id) == "CANCELLED" or (task_id not in last and not begun):
                _say_cancelled(reports, number, task_id)


def _submit(task: Task, jobs: Sequence[tuple[Any, ...]], options: Mapping[str, Any]) -> list[str]:
    """Ids of the tasks."""
    import submitit

    folder = Path(options["submitit_folder"])
    parameters = {
        key if key in _GENERAL else f"slurm_{key}": value
        for key, value in options.items()
        if key not in _ONCE
    }
    with _nothing_left_behind(folder):
        try:
            executor = submitit.AutoExecutor(
                cluster="slurm",
                folder=folder,
                slurm_max_num_timeout=options["max_num_timeout"],
            )
            executor.update_parameters(**parameters)
            with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
                submitted = executor.map_array(task, *zip(*jobs, strict=True))
        except Exception as error:
            raise LauncherError(
                f"Slurm does not take the jobs ({' '.join(str(error).split())})",
                where="hydra/launcher=submitit_slurm",
                hint="see docs/clusters.md for its options",
            ) from error
    return [job.job_id for job in submitted]


@contextlib.contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """Remove what submitit wrote if the block raises."""
    shared = next(p for p in (folder, *folder.parents) if "%" not in p.name)
    missing = [p for p in (shared, *shared.parents) if not p.exists()]
    before = set(shared.iterdir()) if shared.is_dir() else set()
    try:
        yield
    except BaseException:
        for path in set(shared.iterdir()) - before if shared.is_dir() else ():
            if path.is_file():
                path.unlink(missing_ok=True)
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


class Queue:
    """Tasks of one array (or a single job) in Slurm's queue."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = list(ids)
        self._array = ids[0].partition("_")[0]

    def states(self) -> dict[str, str] | None:
        """The state of each task that Slurm still knows; None if it does not answer."""
        command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T"]
        done = _called([*command, f"--jobs={self._array}"])
        if done is None or done.returncode:
            return {} if done is not None and "nvalid job id" in done.stderr else None
        lines = (line.strip().partition("|") for line in done.stdout.splitlines())
        return {task_id: state for task_id, _, state in lines}

    def cancel(self, ids: Sequence[str]) -> None:
        """Take tasks out of the queue, but never one that has begun meanwhile."""
        for first in range(0, len(ids), 500):
            _called(["scancel", "--quiet", "--state=PENDING", *ids[first : first + 500]])


def _called(command: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - Slurm's own commands
    except (OSError, subprocess.SubprocessError):
        return None


def _follow(queue: Queue, reports: Reports | None) -> dict[str, str]:
    """Wait until no task is queued or runs; what Slurm says of them then."""
    answered = time.monotonic()
    try:
        while True:
            states, is_over = queue.states(), reports is not None and reports.is_over
            now = time.monotonic()
            if states is not None:
                answered = now
                living = [i for i in queue.ids if _is_living(states.get(i))]
                if not living:
                    return states
                if is_over:
                    queue.cancel([i for i in living if states[i] not in _AT_WORK])
            elif is_over and now - answered > _PATIENCE_S:
                return {}
            _pause(reports, is_over)
    except BaseException:  # a second signal
        states = queue.states() or {}
        queue.cancel([i for i in queue.ids if states.get(i) not in _AT_WORK])
        raise


def _pause(reports: Reports | None, was_over: bool) -> None:
    """Until Slurm is to be asked again: at once if the sweep is over since it was."""
    until = time.monotonic() + (1.0 if was_over else LOOK_S)
    while time.monotonic() < until:
        if not was_over and reports is not None and reports.is_over:
            return
        time.sleep(_STEP_S)


def _is_living(state: str | None) -> bool:
    return state is not None and state not in _ENDED


def _say_cancelled(reports: Reports, number: int, task_id: str) -> None:
    """A user's own ``scancel`` is obeyed: the clip is not run again by this sweep."""
    if reports.has_ended(number):
        return
    error = f"cancelled in Slurm (scancel {task_id})"
    stopped = Outcome(status=out.STOPPED, error=error, exit_code=TerminatedRunError.exit_code)
    reports.end(str(number), stopped)
