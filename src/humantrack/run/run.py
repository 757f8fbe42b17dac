"""One run, from the opened source to the closed sinks."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from humantrack import video
from humantrack.errors import OutputError
from humantrack.memory import check_room
from humantrack.pipeline.loop import feed, walk
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.stopping import Chunk, Stop, until
from humantrack.pipeline.summary import RunSummary, Stopwatch, TrackCounter
from humantrack.run import resume
from humantrack.run.lifecycle import Lifecycle
from humantrack.run.naming import Identity, Names
from humantrack.run.paths import OutputPaths
from humantrack.run.settings import RunOptions, chunk_size, seed_everything
from humantrack.run.source import frames_of, open_source
from humantrack.run.stages import Stages
from humantrack.types import Frame, FrameRecord, Observation

LONG_EMPTY_S = 3.0
"""From this length on, a stretch in which nobody is found is told."""


class Run:
    """Owns the source, the paths, resuming and the sinks of one run.

    Args:
        options: what to read, where to write, and how.
        stages: find people in frames and give them identities.
        progress: shows how far the run is; None shows nothing.
    """

    def __init__(
        self, options: RunOptions, stages: Stages, *, progress: StartProgress | None = None
    ) -> None:
        self._options, self._stages, self._progress = options, stages, progress

    def track(self, stop: Event | None = None) -> RunSummary:
        """Track the source, or resume an unfinished run of it.

        Args:
            stop: when set, the run ends after the current frame and keeps what is final.

        Raises:
            SourceError: if there is nothing to read.
            OutputError: if something cannot be written.
            StageError: if a stage fails; frames that were final are kept.
            CheckpointError: if an unfinished run is there that this one cannot resume, and
                ``overwrite`` is off.
            OutputTakenError: if results of the video as it was before are there, and ``overwrite``
                is off.
            InterruptedRunError: if ``stop`` was set; frames that were final are kept.
        """
        check_room()
        seed_everything(self._options.seed)
        stop = Stop() if stop is None else stop
        with open_source(self._options.source, self._stages.given_boxes) as source:
            about = resume.describe(self._options, source, type(self._stages))
            names = Names(
                lambda name: OutputPaths.of(self._options, name),
                source.info.name,
                Identity(about["fingerprint"]["source"], about["place"]),
                lost_after_s=self._options.lost_after_s,
            )
            if not self._options.overwrite and (done := names.finished(resume.is_finished)):
                return done.summary_of_finished(source.info.name)
            with names.held(stop) as paths:
                if not self._options.overwrite and names.finished(resume.is_finished):
                    return paths.summary_of_finished(source.info.name)
                return self._track(source, paths, about, stop)

    def _track(
        self,
        source: video.FrameSource,
        paths: OutputPaths,
        about: Mapping[str, Any],
        stop: Event,
    ) -> RunSummary:
        """Feed the pipeline, and write down how it went even if it ends early."""
        start = resume.Attempt(
            options=self._options,
            source=source,
            paths=paths,
            stages=self._stages,
            about=about,
            open_frames=lambda keep: self._frames(source, paths, stop, keep=keep),
            can_seek=not self._remembers_frames,
            why_not=self._stages.why_no_checkpoint(),
        ).begin()
        run = Lifecycle(
            self._options,
            source,
            paths,
            self._stages,
            about=about,
            start=start,
            progress=self._progress,
        )
        try:
            feed(self._final(source, start, run, stop), run.sinks)
        except BaseException as error:
            # What ended the run is more to the user than why it could not be described.
            with contextlib.suppress(OutputError):
                run.break_off(error)
            raise
        done = run.finish(stop)
        note = _why_nobody(done, self._options.n_init) or self._nobody_found(run.counter)
        return dataclasses.replace(done, note=note)

    def _nobody_found(self, counter: TrackCounter) -> str | None:
        """Says where nobody was found for long, and what was tried."""
        tried = getattr(self._stages, "tried", lambda: None)()
        if counter.seen and (counter.longest_empty_s < LONG_EMPTY_S or tried is None):
            return None
        if counter.seen:
            start, end = counter.longest_empty
            told = f"nobody found from {start:.1f} s to {end:.1f} s"
        else:
            told = f"nobody found in {counter.frames} frames"
        return f"{told}; looked with {tried}" if tried else told

    def _frames(
        self, source: video.FrameSource, paths: OutputPaths, stop: Event, *, keep: bool
    ) -> Iterator[Frame]:
        frames = frames_of(source, self._options.source, paths, keep=keep)
        return until(stop, self._stages.get_list_of_shots(frames))

    @property
    def _remembers_frames(self) -> bool:
        """Whatever looks for cuts remembers the frames before, so it must see them all again."""
        return self._options.detect_shots or self._stages.has_own("get_list_of_shots")

    def _final(
        self,
        source: video.FrameSource,
        start: resume.Beginning,
        run: Lifecycle,
        stop: Event,
    ) -> Iterator[tuple[Frame, FrameRecord]]:
        """The frames with their records, counted, as they become final."""
        # A chunk that is aborted is processed again on resuming, if that happens.
        breaks_off = stop if start.is_lasting else None
        final = walk(
            start.frames,
            lambda some: self._observe(Chunk(some, breaks_off), run.watch),
            self._stages.tracker,
            chunk=chunk_size(self._options.batch_frames, source.info, self._stages.device),
            window=start.window,
            between=run.between,
        )
        return _counted(final, run.counter)

    def _observe(self, frames: Sequence[Frame], watch: Stopwatch) -> list[list[Observation]]:
        with watch.measure("finding people"):
            return self._stages.observe(frames)


def _why_nobody(done: RunSummary, n_init: int) -> str | None:
    """Says why a clip that is too short for a track to be confirmed has none."""
    if done.tracks or done.frames >= n_init:
        return None
    return f"a track counts from phalp.n_init={n_init} frames on; phalp.n_init=1 takes any"


def _counted(
    final: Iterable[tuple[Frame, FrameRecord]], counter: TrackCounter
) -> Iterator[tuple[Frame, FrameRecord]]:
    for frame, record in final:
        yield frame, record
        counter.write(frame, record)
