"""One job of a sweep: claim the clip, skip it if it is finished, run it, say how it ended.

Whatever happens to a clip is written down and goes no further, so that the others are run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event

from humantrack.claims import Claim, HeldError
from humantrack.errors import (
    ConfigError,
    DependencyError,
    HumantrackError,
    InterruptedRunError,
    WeightsError,
)
from humantrack.pipeline.summary import RunSummary
from humantrack.results.meta import warnings_in
from humantrack.sweep import outcome as out
from humantrack.sweep.outcome import Outcome, Reports
from humantrack.terminal import hears_hangup

LOG = "humantrack.log"
REDONE = "redone"
"""What a job says once the earlier results of its clip are out of the way."""

CLAIM = ".claim"
_HOPELESS = (ConfigError, DependencyError, WeightsError)
"""Errors that a second try cannot mend."""

_LONGEST_PAUSE_S = 30.0

_sweeping = Event()
"""Set in the process that runs the sweep: a job that is stopped there stops all of it."""


@contextlib.contextmanager
def sweeping() -> Iterator[None]:
    """Jobs that are run inside the block are in the sweep's own process."""
    _sweeping.set()
    try:
        yield
    finally:
        _sweeping.clear()


def run_job(
    folder: Path,
    report: Path,
    *,
    work: Callable[[], RunSummary],
    explain: Callable[[BaseException], HumantrackError],
    fingerprint: Callable[[], Mapping[str, str]],
    stop: Event,
    resume: bool = True,
    retries: int = 0,
    max_failures: int | None = None,
    lost_after_s: float = 120.0,
) -> Outcome | None:
    """Run one job and report how it ended.

    Args:
        folder: the job's own.
        report: the reports' folder, and the job's number in it.
        work: does it; may be called again after a failure.
        explain: any error as one of ours.
        fingerprint: of the source and configuration, to know finished results by.
        stop: ends ``work`` early; set here if the sweep is stopped.
        resume: leave finished results alone; False: do the clip anew, whatever is there.
        retries: further attempts after a failure.
        max_failures: begin nothing once more jobs than this have failed.
        lost_after_s: how long the claim of another job may be silent.

    Returns:
        What was reported; None if the sweep was over before the job began.

    Raises:
        OutputError: if nothing can be reported.
    """
    reports, number = Reports(report.parent), report.name
    if reports.is_over:
        return None
    reports.begin(number)
    taken_over = Event()

    def lose() -> None:
        taken_over.set()
        stop.set()

    try:
        watch = partial(_pass_on, reports, stop)
        claim = Claim(folder / CLAIM, lost_after_s=lost_after_s, watch=watch, on_lost=lose)
        with claim, log_to(folder / LOG):
            if not resume:
                _begin_anew(folder, reports, number)
            done = finished(folder, fingerprint)
            sys.stderr.write("finished before\n" if done else "")
            ended = done or _attempts(work, explain, stop, retries)
    except HeldError:
        ended = Outcome(status=out.HELD)
    except HumantrackError as error:  # the folder cannot be written
        ended = _failure(error, None)
    if ended.status == out.STOPPED:
        ended = _why_stopped(ended, reports, is_lost=taken_over.is_set())
    _report(reports, number, ended, max_failures)
    return ended


def _why_stopped(ended: Outcome, reports: Reports, *, is_lost: bool) -> Outcome:
    """Another process has the job, or this one alone was stopped; else the sweep was."""
    alone = not _sweeping.is_set() and not reports.is_stopped
    status = out.HELD if is_lost else out.PREEMPTED if alone else out.STOPPED
    return dataclasses.replace(ended, status=status)


def _begin_anew(folder: Path, reports: Reports, number: str) -> None:
    """Forget what is there, once in a sweep."""
    if not reports.has_said(number, REDONE):
        _forget_results(folder)
        reports.say(number, REDONE)


def _pass_on(reports: Reports, stop: Event) -> None:
    """Stop this job too if the sweep was stopped."""
    if reports.is_stopped:
        stop.set()


def _report(reports: Reports, number: str, ended: Outcome, max_failures: int | None) -> None:
    """Say how a job ended, and end the sweep if that is a reason to."""
    reports.end(number, ended)
    if ended.status == out.STOPPED:
        reports.stop()
    too_many = max_failures is not None and ended.status == out.FAILED
    if too_many and reports.failures() > (max_failures or 0):
        reports.enough()


def wait_out_interrupts() -> None:
    """Let Ctrl-C and SIGHUP pass this process by between jobs, unless it is the sweep's own.

    A terminal sends them to the workers too, and one that died would take its neighbours along.
    """
    if not _sweeping.is_set():
        with contextlib.suppress(ValueError):  # only a program's main thread may do this
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if hears_hangup():  # not "ignore", which would say that it never means this process
                signal.signal(signal.SIGHUP, lambda number, frame: None)


def _forget_results(folder: Path) -> None:
    """Remove what finished and unfinished results are known by, so that the clip is done anew.

    Once in a sweep: a job of it that is run again resumes its own work.
    """
    for ending in ("*.meta.json", "*.checkpoint"):
        for path in (folder / "results").glob(ending):
            path.unlink(missing_ok=True)


def _attempts(
    work: Callable[[], RunSummary],
    explain: Callable[[BaseException], HumantrackError],
    stop: Event,
    retries: int,
) -> Outcome:
    start = time.monotonic()
    for attempt in range(retries + 1):
        try:
            return _success(work(), time.monotonic() - start)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - written down
            known = explain(error)
            traceback.print_exc(file=sys.stderr)  # goes to the job's log
            sys.stderr.write(f"{known}\n")
        hopeless = isinstance(known, (*_HOPELESS, InterruptedRunError))
        pause = min(2.0**attempt, _LONGEST_PAUSE_S)
        if hopeless or attempt == retries or stop.wait(pause):
            break
    return _failure(known, time.monotonic() - start)


def _success(summary: RunSummary, seconds: float) -> Outcome:
    return Outcome(
        status=out.SKIPPED if summary.skipped else out.OK,
        frames=summary.frames,
        people=summary.people,
        fps=round(summary.fps, 2),
        seconds=round(seconds, 3),
        output=str(summary.results),
        warnings=summary.warnings,
    )


def _failure(error: HumantrackError, seconds: float | None) -> Outcome:
    stopped = isinstance(error, InterruptedRunError)
    return Outcome(
        status=out.STOPPED if stopped else out.FAILED,
        seconds=None if seconds is None else round(seconds, 3),
        error=str(error),
        exit_code=error.exit_code,
    )


def finished(folder: Path, fingerprint: Callable[[], Mapping[str, str]]) -> Outcome | None:
    """The outcome of whole results of the same source and configuration, if the folder has any."""
    metas = sorted((folder / "results").glob("*.meta.json"))
    if not metas:
        return None
    try:
        wanted = dict(fingerprint())
    except OSError:
        return None  # the run will say what is wrong with the source
    for path in metas:
        try:
            meta = json.loads(path.read_bytes())
            results = path.with_name(meta["results"])
            whole = meta["status"] == "complete" and meta["error"] is None and results.is_file()
            if not whole or meta["fingerprint"] != wanted:
                continue
            seconds = float(meta["timings_s"]["total"])
            frames = int(meta["frame_count"])
        except (OSError, ValueError, TypeError, KeyError):
            continue
        return Outcome(
            status=out.SKIPPED,
            frames=frames,
            people=meta.get("people"),
            fps=round(frames / seconds, 2) if seconds else None,
            seconds=round(seconds, 3),
            output=str(results),
            warnings=warnings_in(meta),
        )
    return None


class _Log(io.TextIOBase):
    """A text file to add to, which takes what the disk has room for."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", 1, encoding="utf-8", errors="backslashreplace")

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        super().close()


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Send what goes to stderr, and what is logged, to a file instead.

    The file is added to, so that it tells of every attempt at the job. On a full disk it lacks
    words; that costs no clip.
    """
    with _Log(path) as file:
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        file.write(f"--- {now}, process {os.getpid()} of {socket.gethostname()}\n")
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        handler.addFilter(lambda record: not record.name.startswith("humantrack."))  # has its own
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            with contextlib.redirect_stderr(file):
                yield
        finally:
            root.removeHandler(handler)


def last_line(folder: Path) -> str:
    """The newest line of a job's log: how far it is."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(file.seek(0, 2) - 400, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[-1].strip() if lines else ""
