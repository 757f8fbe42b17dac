"""One job's run: its configuration, the models kept from the job before, and how far it is."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, cast

from omegaconf import OmegaConf

from humantrack.phalp import PHALP
from humantrack.run.source import open_source
from humantrack.service.jobs.folders import JobFolder
from humantrack.service.jobs.job import Job
from humantrack.service.jobs.overrides import job_config
from humantrack.session import choose_tracker
from humantrack.sweep.loaded import Kept, models_key
from humantrack.types import FrameUpdate, Observation
from humantrack.types.stages import Tracker


class Progress:
    """How far a run is; the run's thread writes it, another one reads it.

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

    def begin(self, total: int | None) -> None:
        """Frames to come, if that is known; the clock starts."""
        self._total, self._start_s = total, time.monotonic()

    def see(self, frame_index: int, track_ids: Sequence[int]) -> None:
        """A frame has been tracked."""
        if not self._frames:
            self._first = frame_index  # not 0 if an earlier run is taken up
        self._frames = frame_index + 1
        self._people.update(track_ids)
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


class WatchedTracker:
    """A tracker that tells of each frame; in all else the one within."""

    def __init__(self, inner: Tracker) -> None:
        self.inner = inner
        self.tell: Callable[[int, Sequence[int]], None] = lambda frame_index, track_ids: None

    def update(
        self, frame_index: int, observations: Sequence[Observation], *, is_shot_start: bool
    ) -> FrameUpdate:
        """The confirmed tracks after this frame."""
        found = self.inner.update(frame_index, observations, is_shot_start=is_shot_start)
        self.tell(frame_index, [person.track_id for person in found.people])
        return found

    def reset(self) -> None:
        """Forget everything."""
        self.inner.reset()

    def state_dict(self) -> dict[str, Any]:
        """All that the coming frames depend on."""
        return cast("dict[str, Any]", cast("Any", self.inner).state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Stand where another tracker stood."""
        cast("Any", self.inner).load_state_dict(state)


class Runner:
    """Runs jobs one after the other and keeps the models that the last one needed."""

    def __init__(self) -> None:
        self._kept: Kept[PHALP] = Kept()

    def run(self, job: Job, folder: JobFolder, progress: Progress, stop: Event) -> None:
        """Run a job, or go on with it where its last worker left it.

        Raises:
            HumantrackError: whatever ended it early.
        """
        folder.output.mkdir(parents=True, exist_ok=True)
        source, home = Path(job.source), folder.path.resolve()
        if source.is_relative_to(home):
            source = source.relative_to(home)
        cfg = job_config(source, folder.output.relative_to(folder.path), job.overrides)
        with (
            _inside(home),
            Path("log.txt").open("a", encoding="utf-8") as log,
            contextlib.redirect_stderr(log),
        ):
            with open_source(cfg, None) as opened:
                total = opened.info.frame_count
            model = self._model_for(cfg)
            watched = cast("WatchedTracker", model.tracker)
            watched.tell = progress.see
            progress.begin(total)
            progress.warn(model.track(stop).warnings)

    def _model_for(self, cfg: Any) -> PHALP:
        kind, _ = choose_tracker(cfg)
        settings = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True))

        def make() -> PHALP:
            model = kind(cfg)
            model.tracker = WatchedTracker(model.tracker)
            return model

        model = self._kept.get((kind, models_key(settings)), make)
        model.cfg = cfg
        return model

    def drop(self) -> None:
        """Let the models go: after an error nobody knows what state they are in."""
        self._kept.drop()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder, so that results name no path of this machine."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
