"""Follows the jobs of a sweep through their reports: keeps sweep.json fresh, shows progress."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from humantrack.errors import OutputError
from humantrack.sweep import outcome as out
from humantrack.sweep.job import last_line
from humantrack.sweep.outcome import Outcome, Reports
from humantrack.sweep.plan import Job
from humantrack.sweep.table import Row, write_sweep

_LOOK_S = 0.5
_WRITE_S = 5.0
"""A large sweep.json is written at most so often, since that takes a moment."""

_LARGE = 500
"""Jobs of a large one."""

_BYTES_OF_A_ROW = 4096

_MOST_SHOWN = 8

RUNNING = "running"
"""Status of a job that has begun and not yet said how it ended."""


class Watch:
    """A thread that looks at the reports while the jobs run.

    Args:
        jobs: all of the sweep.
        reports: where they report.
        home: where sweep.json goes.
        stem: its name without the ending.
        about: what it says besides the clips.
        console: where progress goes: a live display on a terminal, else a line per clip.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        reports: Reports,
        *,
        home: Path,
        stem: str,
        about: Mapping[str, Any],
        console: Console,
    ) -> None:
        self._jobs, self._reports = jobs, reports
        self._home, self._stem, self._about = home, stem, about
        self._console = console
        self._start = time.monotonic()
        self._outcomes: dict[int, Outcome] = {}
        self._begun: set[int] = set()
        self._preempted: set[int] = set()
        self._written = float("-inf")
        self._unwritten = False
        self._over, self._lock = Event(), Lock()
        self._thread = Thread(target=self._run, name="sweep", daemon=True)
        self._progress = _display(console) if console.is_terminal else None

    @property
    def seconds(self) -> float:
        """Since the sweep began."""
        return time.monotonic() - self._start

    def outcomes(self) -> dict[int, Outcome]:
        """How the jobs ended that have, by number."""
        self._look()
        return dict(self._outcomes)

    def begun(self) -> set[int]:
        """Numbers of the jobs that have begun."""
        self._look()
        return set(self._begun)

    def rows(self) -> list[Row]:
        """One for each job, in order."""
        return [
            Row(job, self._outcomes.get(job.number) or Outcome(status=self._status(job.number)))
            for job in self._jobs
        ]

    def __enter__(self) -> Watch:
        self._write()
        self._reports.keep_room(out.TABLE, (len(self._jobs) + 16) * _BYTES_OF_A_ROW)
        self._reports.keep_room(out.JOBS, 16 * _BYTES_OF_A_ROW)
        if self._progress is not None:
            self._progress.start()
            self._progress.add_task("", total=len(self._jobs), said="")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._progress is not None:
            self._progress.stop()
        with contextlib.nullcontext() if error is None else contextlib.suppress(OutputError):
            self._look()
            self._write()

    def _run(self) -> None:
        while not self._over.wait(_LOOK_S):
            with contextlib.suppress(OSError, ValueError, OutputError):  # the next look may do
                self._look()
                age = time.monotonic() - self._written
                if self._unwritten and (len(self._jobs) < _LARGE or age > _WRITE_S):
                    self._write()
            self._show()

    def _look(self) -> None:
        """Read new reports. A job that runs again has taken back how it ended before."""
        with self._lock:
            before = self._begun, self._preempted, self._outcomes.keys()
            said = set(self._reports.statuses())
            self._begun = {number for number, status in said if status == out.BEGUN}
            self._preempted = {number for number, status in said if status == out.PREEMPTED}
            ended = {n: s for n, s in said if s in out.ENDED}
            self._outcomes = {n: o for n, o in self._outcomes.items() if n in ended}
            for number, status in sorted(ended.items()):
                if number not in self._outcomes:
                    self._outcomes[number] = self._reports.outcome(number, status)
                    self._tell(number)
            now = self._begun, self._preempted, self._outcomes.keys()
            self._unwritten = self._unwritten or now != before

    def _tell(self, number: int) -> None:
        if self._progress is None:
            row = Row(self._jobs[number], self._outcomes[number])
            line = f"[{len(self._outcomes)}/{len(self._jobs)}] {row.line()}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _status(self, number: int) -> str:
        if number in self._preempted:
            return out.STOPPED
        return RUNNING if number in self._begun else out.NOT_BEGUN

    def _write(self) -> None:
        self._written = time.monotonic()
        self._unwritten = False
        about = {**self._about, "seconds": round(self.seconds, 3)}
        try:
            write_sweep(self._home, self._stem, self.rows(), about)
        except OutputError:
            self._reports.make_room(out.TABLE)
            write_sweep(self._home, self._stem, self.rows(), about)

    def _show(self) -> None:
        if self._progress is None:
            return
        running = [self._jobs[n] for n in sorted(self._begun - self._outcomes.keys())]
        failed = sum(o.status == out.FAILED for o in self._outcomes.values())
        lines = [f"{len(self._outcomes)}/{len(self._jobs)} clips"]
        lines[0] += f", {failed} failed" if failed else ""
        lines += [f"  {job.title}  {last_line(job.folder)}" for job in running[:_MOST_SHOWN]]
        if len(running) > _MOST_SHOWN:
            lines.append(f"  and {len(running) - _MOST_SHOWN} more")
        width = max(self._console.width - 2, 20)
        said = "\n".join(line[:width] for line in lines)
        self._progress.update(self._progress.task_ids[0], completed=len(self._outcomes), said=said)


def _display(console: Console) -> Progress:
    return Progress(
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}", markup=False),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
