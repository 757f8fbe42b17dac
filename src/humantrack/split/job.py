"""A run in parts: people are found in each part, and then tracked in all of them, in order."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

from humantrack._version import __version__
from humantrack.config.options import boxes_options, plain, run_options
from humantrack.config.ranges import check_values
from humantrack.errors import (
    ConfigError,
    HumantrackError,
    InterruptedRunError,
)
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import RunSummary
from humantrack.run import resume
from humantrack.run.run import Run, names_of
from humantrack.run.settings import RunOptions, choose_device, chunk_size
from humantrack.run.sinks import overlay_arguments
from humantrack.run.source import load_boxes, open_source
from humantrack.session import (
    as_meant_today,
    choose_tracker,
    for_found,
    may_use_gpu,
    tell_unused,
)
from humantrack.split.drawing import (
    RecordSink,
    draw_part,
    join,
    remove_drawing,
    undrawn,
)
from humantrack.split.elsewhere import Elsewhere, folder_of, is_there
from humantrack.split.encoding import plain_source
from humantrack.split.find import Work, find_part, in_rounds, stop_mark, when_free
from humantrack.split.notes import (
    Teller,
    forget_error,
    frames_told,
    note_error,
    remove_notes,
    why_missing,
)
from humantrack.split.plan import (
    Part,
    Plan,
    cuts_of,
    finding_settings,
    first_frame,
    part_path,
    parts_in,
    plan_there,
)
from humantrack.split.recorded import Recorded
from humantrack.split.table import Row, rows_of
from humantrack.types import SourceInfo


def wants_parts(cfg: Any) -> bool:
    """Whether a configuration asks for a run in parts, or for its observations."""
    keys = cfg.split
    asked = (keys.parts, keys.minutes, keys.part)
    return bool(cfg.results.observations) or any(value is not None for value in asked)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run in parts that is about to be done, or gone on with."""

    cfg: Any
    kind: type[Any]
    options: RunOptions
    info: SourceInfo
    plan: Plan
    folder: Path
    """Where the parts lie."""

    elsewhere: Elsewhere | None = None
    """Where whole parts are copied, and copied back from."""

    done: RunSummary | None = None
    """Set if the results are there and are to be left alone."""

    _made: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _head(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "fingerprint": {"source": self.plan.source, "finding": self.plan.finding},
            "settings": dict(self.plan.settings),
            "source": plain_source(self.info),
            "rate": float(self.info.fps),
            "cuts": list(self.plan.cuts),
            "tracker": f"{self.kind.__module__}.{self.kind.__qualname__}",
            "config": plain(as_meant_today(self.cfg)),
            "cwd": str(Path.cwd()),
        }

    @property
    def uses_gpu(self) -> bool:
        """Whether workers share out GPUs."""
        return may_use_gpu(self.cfg)

    def stages(self) -> Any:
        """The tracker; made once in a process."""
        if "stages" not in self._made:
            self._made["stages"] = self.kind(self.cfg)
        return self._made["stages"]

    def for_found(self) -> Any:
        """The tracker, without what finds people unless that is there already."""
        made = self._made
        if "stages" not in made and "for_found" not in made:
            made["for_found"] = for_found(self.kind, self.cfg)
        return made.get("for_found") or made["stages"]

    def missing(self) -> list[Part]:
        """The parts that are not there, or are damaged.

        Raises:
            CheckpointError: if one is of another configuration.
        """
        where = self.elsewhere, self.folder
        return [part for part in self.plan.parts if not is_there(*where, part, self.plan)]

    def find(self, number: int, stop: Event) -> None:
        """Do a part in this process; wait for another process that is at it.

        Raises:
            ConfigError: if there is no such part.
            HumantrackError: whatever ends it; the folder then tells, too.
        """
        if not 1 <= number <= len(self.plan.parts):
            raise ConfigError(
                f"the video has {len(self.plan.parts)} parts, counted from 1",
                where=f"split.part={number}",
            )
        part = self.plan.parts[number - 1]
        forget_error(self.folder, number)
        if is_there(self.elsewhere, self.folder, part, self.plan):
            return
        try:
            stages, teller = self.stages(), Teller(self.folder, number)
            work = Work(
                options=self.options,
                stages=stages,
                plan=self.plan,
                part=part,
                folder=self.folder,
                head={**self._head, "part": number, "start": part.start, "stop": part.stop},
                warm_up_s=_warm_up(
                    self.cfg,
                    getattr(stages, "warm_up_before", lambda _: stages.warm_up_s()),
                ),
                tell=teller,
            )
            when_free(lambda: find_part(work, stop), f"part {number}", stop)
            teller.end()
            if self.elsewhere is not None:
                self.elsewhere.put(part_path(self.folder, number))
        except HumantrackError as error:
            if not isinstance(error, InterruptedRunError):
                note_error(self.folder, number, error)
            raise

    def track(self, stop: Event, progress: StartProgress | None = None) -> RunSummary:
        """Track what was found, and write what a run writes.

        Raises:
            ResultsError: if a part is missing.
            HumantrackError: as for a run.
        """
        recorded = Recorded(parts_in([self.folder]), self.for_found())
        run = Run(
            self.options,
            self.for_found(),
            progress=progress,
            found=recorded,
            instead=self._records if self.draws_later else None,
        )
        return run.track(stop)

    @property
    def draws_later(self) -> bool:
        """Whether the overlay is drawn in parts; blurring faces remembers, so it is in order."""
        options, overlay = self.options, self.for_found().visualizer
        can = hasattr(overlay, "size") and not options.blur_faces and not options.source.extract
        return can and self.info.kind == "video" and len(self.plan.parts) > 1

    def _records(self) -> RecordSink:
        return RecordSink(
            self.folder,
            self.plan.cuts,
            fps=overlay_arguments(self.options, self.info)["fps"],
            timed=self.options.overlay_fps is None,
            size=self.for_found().visualizer.size,
        )

    def undrawn(self) -> list[int]:
        """Parts that are still to be drawn."""
        return undrawn(self.folder, self.options.settings) if self.options.overlay else []

    def draw(self, number: int, stop: Event) -> None:
        """Draw a part in this process; wait for another process that is at it.

        Raises:
            HumantrackError: whatever ends it; the folder then tells, too.
        """
        forget_error(self.folder, number)
        try:
            stages, options = self.for_found(), self.options
            when_free(
                lambda: draw_part(self.folder, number, options, stages, stop),
                f"the overlay of part {number}",
                stop,
            )
        except HumantrackError as error:
            if not isinstance(error, InterruptedRunError):
                note_error(self.folder, number, error)
            raise

    def work(self, number: int, stop: Event) -> None:
        """Do what is left to do of a part: find its people, or draw it once they have ids.

        Raises:
            HumantrackError: whatever ends it.
        """
        if number in self.undrawn():
            self.draw(number, stop)
        else:
            self.find(number, stop)

    def in_rounds(
        self, left: Callable[[], list[int]], launch: Launch, stop: Event, told: str
    ) -> None:
        """Launch what is left to do, and once more what of it was lost."""
        in_rounds(left, lambda numbers: launch(self, numbers, stop), stop, told)
        if numbers := left():
            raise why_missing(self.folder, numbers, len(self.plan.parts))

    def join_overlay(self, path: Path) -> None:
        """Join the parts that are drawn.

        Raises:
            OutputError: if that is not possible.
        """
        join(self.folder, path, overlay_arguments(self.options, self.info))

    def clean_up(self) -> None:
        """Remove what nobody needs once the run has ended."""
        if not self.cfg.results.observations:
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.elsewhere is not None:
                paths = [part_path(self.folder, part.number) for part in self.plan.parts]
                self.elsewhere.remove(path.name for path in paths)
            return
        remove_drawing(self.folder)
        shutil.rmtree(self.folder / ".jobs", ignore_errors=True)
        (self.folder / "job.json").unlink(missing_ok=True)
        for part in self.plan.parts:
            remove_notes(self.folder, part.number)

    def frames_done(self) -> int:
        """Frames whose people are found, as the workers have told."""
        return sum(frames_told(self.folder, part.number) for part in self.plan.parts)


Launch = Callable[[Job, Sequence[int], Event], None]
"""Does parts, wherever; returns when their workers have ended, well or not."""


def in_this_process(job: Job, numbers: Sequence[int], stop: Event) -> None:
    """Do parts one after the other, here."""
    for number in numbers:
        job.work(number, stop)


def track_in_parts(
    cfg: Any,
    stop: Event,
    *,
    progress: StartProgress | None = None,
    launch: Launch = in_this_process,
    kind: type[Any] | None = None,
    at_end: Callable[[list[Row]], None] = lambda _: None,
) -> RunSummary:
    """Find people in the parts of a video that are not done yet, and track them in all of it.

    Args:
        cfg: the configuration.
        stop: ends it; the same call goes on later.
        progress: of the tracking.
        launch: does the parts.
        kind: the tracker's class; None = the one that the configuration means.
        at_end: told how all parts have ended, once they have.

    Raises:
        PartialSweepError: if parts are missing in the end.
        HumantrackError: as for a run.
    """
    job = prepare(cfg, kind)
    if job.done is not None:
        return job.done
    tell_unused(cfg, job.kind)
    stop_mark(job.folder).unlink(missing_ok=True)
    wanted = [part.number for part in job.missing()]
    before = {part.number for part in job.plan.parts} - set(wanted)
    told = f"while people were found in {job.info.name}"
    try:
        job.in_rounds(lambda: [p.number for p in job.missing()], launch, stop, told)
    finally:
        at_end(rows_of(job.folder, job.plan, before))
    summary = job.track(stop, progress)
    if job.draws_later and summary.overlay is not None:
        told = f"while {summary.overlay.name} was drawn"
        job.in_rounds(job.undrawn, launch, stop, told)
        job.join_overlay(summary.overlay)
    job.clean_up()
    return summary


def prepare(cfg: Any, kind: type[Any] | None = None) -> Job:
    """Open the source, cut it, and look at what is there already.

    Raises:
        ConfigError: for an invalid value, or a tracker that cannot be run in parts.
        CheckpointError: if parts of another configuration are there and may not be removed.
        SourceError: if there is nothing to read.
    """
    check_values(cfg)
    kind = choose_tracker(cfg)[0] if kind is None else kind
    if not hasattr(kind, "warm_up_s") or not hasattr(kind, "observe"):
        raise ConfigError("this tracker cannot work in parts", where=f"tracker={cfg.tracker}")
    if cfg.video.extract_video:
        raise ConfigError(
            "a video in parts is not read through JPEG files", where="video.extract_video=true"
        )
    options = run_options(cfg)
    device = choose_device(cfg.device) if may_use_gpu(cfg) else "cpu"
    with open_source(options.source, load_boxes(boxes_options(cfg))) as source:
        if source.live is not None:
            raise ConfigError(
                "what is live cannot be read in parts, nor twice", where=options.source.path
            )
        info, about = source.info, resume.describe(options, source, kind)
    is_picture = info.kind == "images" and info.frame_count == 1
    names = names_of(options, info.name, about, is_picture=is_picture)
    done = None
    if not options.overwrite and (paths := names.finished(resume.is_finished)):
        done = paths.summary_of_finished(info.name)
    chunk = chunk_size(options.batch_frames, info, device)
    warm_up_s = _warm_up(cfg, getattr(kind, "warm_up_at", lambda _: 0.0))
    plan = Plan(
        source=about["fingerprint"]["source"],
        settings=finding_settings(plain(as_meant_today(cfg))),
        about=[about["tracker"], about["boxes"]],
        chunk=chunk,
        cuts=cuts_of(info, first_frame(options, info), _part_count(cfg, info), chunk, warm_up_s),
    )
    folder = names.choose().results.with_suffix(".observations")
    if done is None:
        # One of many workers, or who may not overwrite, removes nothing.
        may_replace = options.overwrite and cfg.split.part is None
        folder, plan = plan_there(folder, plan, may_replace=may_replace)
    job = Job(cfg=cfg, kind=kind, options=options, info=info, plan=plan, folder=folder)
    return replace(job, elsewhere=folder_of(cfg.split.folder), done=done)


def _part_count(cfg: Any, info: SourceInfo) -> int:
    keys, frames = cfg.split, info.frame_count or 1
    if keys.minutes is not None:
        return max(1, math.ceil(frames / float(info.fps) / 60 / float(keys.minutes)))
    if keys.parts is None:
        return 1
    return workers_of(cfg) if str(keys.parts) == "auto" else int(keys.parts)


def workers_of(cfg: Any) -> int:
    """How many processes of this machine do parts at once."""
    from humantrack.cores import available_cores
    from humantrack.sweep.devices import gpus_of, worker_count

    gpus = len(gpus_of(cfg.device)) if may_use_gpu(cfg) else 0
    return worker_count(cfg.split.workers or -1, gpus, available_cores())


def _warm_up(cfg: Any, usual: Callable[[float], float]) -> Callable[[float], float]:
    asked = cfg.split.warm_up_s
    return usual if asked is None else lambda _: float(asked)
