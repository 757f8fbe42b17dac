"""One job's run: its configuration, the models kept from the job before, and how far it is."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from humantrack.service.jobs.folders import JobFolder
from humantrack.service.jobs.job import Job
from humantrack.service.jobs.overrides import job_config
from humantrack.session import Session
from humantrack.types import Frame, FrameRecord, SourceInfo


class Progress:
    """How far a run is; the run's thread writes it, another one reads it. A pipeline sink.

    Args:
        total: frames to come, as far as is known before the source is opened.
    """

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._frames = self._first = 0
        self._people: set[int] = set()
        self._warnings: tuple[str, ...] = ()
        self._start_s = time.monotonic()
        self._seconds = 0.0

    def begin(self, info: SourceInfo, done: int) -> Progress:
        """The source is open; ``done`` frames are an earlier run's. The clock starts."""
        self._total, self._frames, self._first = info.frame_count, done, done
        self._start_s = time.monotonic()
        return self

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Count a final frame and its people."""
        self._frames += 1
        self._people.update(person.track_id for person in record.people)
        self._seconds = time.monotonic() - self._start_s

    def warn(self, lines: Sequence[str]) -> None:
        """What may be wrong with the clip."""
        self._warnings = tuple(lines)

    def seen(self) -> dict[str, Any]:
        """The store's columns that it fills."""
        done = self._frames - self._first
        more = self._total is not None and self._frames > self._total
        return {
            "frames": self._frames,
            "frames_total": None if more else self._total,
            "people": len(self._people) if self._frames else None,
            "fps": round(done / self._seconds, 2) if done and self._seconds else None,
            "warnings": self._warnings,
        }


class Runner:
    """Runs jobs one after the other; the models that the last one needed are kept."""

    def __init__(self) -> None:
        self._session = Session()

    def run(self, job: Job, folder: JobFolder, progress: Progress, stop: Event) -> None:
        """Run a job, or resume it where its last worker left it.

        Raises:
            HumantrackError: whatever ended it early.
        """
        folder.output.mkdir(parents=True, exist_ok=True)
        source, home = Path(job.source), folder.path.resolve()
        if source.is_relative_to(home):
            source = source.relative_to(home)
        cfg = job_config(source, folder.output.relative_to(folder.path), job.overrides)
        with _inside(home), _logging_to(Path("log.txt")):
            done = self._session.track(cfg, stop, progress=progress.begin)
        progress.warn(done.warnings)

    def drop(self) -> None:
        """Let the models go: after an error nobody knows what state they are in."""
        self._session.drop()


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Add what is logged, and what goes to standard error, to a file."""
    logger = logging.getLogger("humantrack")
    with path.open("a", encoding="utf-8") as file, contextlib.redirect_stderr(file):
        handler, level = logging.StreamHandler(file), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder, so that results name no path of this machine."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
