"""One job's run: its configuration, the models kept from the job before, and how far it is."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from humantrack.config.options import with_values
from humantrack.errors import EmptySourceError, HumantrackError
from humantrack.pipeline.summary import RunSummary
from humantrack.results import read_meta
from humantrack.service.jobs.attempts import is_finished
from humantrack.service.jobs.job import Job
from humantrack.service.jobs.overrides import job_config, live_config
from humantrack.service.live_sources import shown_source
from humantrack.service.settings import Settings
from humantrack.service.workers.probe import believed, empty_range, missing
from humantrack.session import Session
from humantrack.types import Frame, FrameRecord, SourceInfo
from humantrack.video import open_source

if TYPE_CHECKING:
    from humantrack.service.workers.recorder import Recording


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
        self._total, self._frames, self._first = believed(info.frame_count), done, done
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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may be wrong, as far as it is known."""
        return self._warnings

    def end(self, done: RunSummary, more: Sequence[str] = ()) -> None:
        """The run is done. What was counted since it was last resumed is not all there is."""
        meta = (read_meta(done.results) or {}) if done.skipped else {}
        if done.skipped or done.resumed_from:
            self._frames = self._first = int(meta.get("frame_count", done.frames))
            self._people = set(range(int(meta.get("track_count", done.tracks))))
        least = (self._total or 0) * 0.95 - 2
        if self._frames < least and not done.warnings:
            more = (*more, f"{self._frames} of {self._total} frames could be read")
        self.warn((*done.warnings, *more))

    @property
    def frames(self) -> int:
        """Frames that are done."""
        return self._frames

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

    def run(self, job: Job, source: Path, output: Path, progress: Progress, stop: Event) -> None:
        """Run a job, or go on with what its last worker has left.

        Args:
            job: the job.
            source: the clip.
            output: the attempt's folder, which lies in the job's.
            progress: told how far it is.
            stop: ends it; asked before every checkpoint whether the job is still ours.

        Raises:
            HumantrackError: whatever ended it early.
        """
        home = output.resolve().parents[1]
        if source.resolve().is_relative_to(home):
            source = source.resolve().relative_to(home)
        cfg = job_config(source, output.resolve().relative_to(home), job.overrides)
        if is_finished(output):  # only its end was not written down
            cfg = with_values(cfg, overwrite=False)
        with _inside(home), _logging_to(Path("log.txt")):
            try:
                done = self._session.track(cfg, stop, progress=progress.begin)
            except EmptySourceError as error:
                better = empty_range(str(source), job.overrides, error)
                raise error if better is None else better from error
            progress.end(done, _short_of(source, job, progress))

    def record(
        self, job: Job, settings: Settings, output: Path, recording: Recording, stop: Event
    ) -> None:
        """Record a live source until it ends or is ended.

        Args:
            job: a live one.
            settings: of the service, with the addresses of sources.
            output: the attempt's folder, which lies in the job's.
            recording: told of each frame.
            stop: ends it.

        Raises:
            HumantrackError: whatever went wrong; InterruptedRunError if it is not to be kept.
        """
        home = output.resolve().parents[1]
        inside, most_s = output.resolve().relative_to(home), settings.live_s
        again_s = settings.live_reconnect_s
        with (
            shown_source(settings.live_sources, job.live or "") as source,
            _inside(home),
            _logging_to(Path("log.txt")),
        ):
            cfg, asked_s = live_config(
                source, inside, job.overrides, longest_s=most_s, reconnect_s=again_s
            )
            limit_s = most_s if asked_s is None or asked_s > most_s else None
            render = cfg.render
            recording.configured(render.type, head_mask=render.head_mask, limit_s=limit_s)
            try:
                recording.end(self._session.track(cfg, stop, progress=recording.begin))
            finally:  # not before: who watches reads the last of it
                shutil.rmtree(inside / "live", ignore_errors=True)

    def drop(self) -> None:
        """Let the models go: after an error nobody knows what state they are in."""
        self._session.drop()


def _short_of(source: Path, job: Job, progress: Progress) -> tuple[str, ...]:
    """What the clip has not of what was asked for."""
    if job.overrides.get("end_frame") is None and job.overrides.get("end_time") is None:
        return ()
    with contextlib.suppress(HumantrackError), open_source(source, read_ahead=0) as clip:
        return missing(job.overrides, clip.info, progress.frames)
    return ()


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
