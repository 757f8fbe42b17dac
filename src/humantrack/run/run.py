"""One run, from the opened source to the closed sinks."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from humantrack import video
from humantrack.errors import OutputError
from humantrack.memory import check_room, collecting_new_only
from humantrack.pipeline.loop import feed, walk
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.stopping import Chunk, Stop, TakenOverError, confirm, until
from humantrack.pipeline.summary import RunSummary, Stopwatch, TrackCounter
from humantrack.pipeline.window import BackFillWindow
from humantrack.run import resume
from humantrack.run.found import Found, needs_pictures
from humantrack.run.lifecycle import Lifecycle
from humantrack.run.live import LiveRun
from humantrack.run.naming import Identity, Names
from humantrack.run.paths import OutputPaths
from humantrack.run.segments import Segments
from humantrack.run.settings import (
    RunOptions,
    chunk_size,
    frames_waiting,
    seed_everything,
    without_return,
)
from humantrack.run.source import frames_of, open_source
from humantrack.run.stages import Stages
from humantrack.types import Frame, FrameRecord, Observation
from humantrack.types.stages import Sink

LONG_EMPTY_S = 3.0
"""From this length on, a stretch in which nobody is found is told."""

_MOST_TOLD = 10
"""Tracks named in a note."""


class Run:
    """Owns the source, the paths, resuming and the sinks of one run.

    Args:
        options: what to read, where to write, and how.
        stages: find people in frames and give them identities.
        progress: shows how far the run is; None shows nothing.
        found: what has been found in the source before; None = find it. Results are the same.
        instead: makes what takes the final frames in place of the overlay, which is drawn later.
    """

    def __init__(
        self,
        options: RunOptions,
        stages: Stages,
        *,
        progress: StartProgress | None = None,
        found: Found | None = None,
        instead: Callable[[], Sink] | None = None,
    ) -> None:
        self._options, self._stages, self._progress = options, stages, progress
        self._found, self._instead = found, instead
        self._live: LiveRun | None = None
        self._seen_frames = 0

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
        with self._open() as source, self._live_run(source, stop), collecting_new_only():
            if self._stages.device != "cpu":
                source.read_further_ahead(frames_waiting(source.info, self._stages.device))
            is_picture = source.info.kind == "images" and source.info.frame_count == 1
            content = None if self._found is None else self._found.content
            about = resume.describe(self._options, source, type(self._stages), content=content)
            names = names_of(self._options, source.info.name, about, is_picture=is_picture)
            if not self._options.overwrite and (done := names.finished(resume.is_finished)):
                return done.summary_of_finished(source.info.name)
            with names.held(stop) as paths:
                if not self._options.overwrite and names.finished(resume.is_finished):
                    return paths.summary_of_finished(source.info.name)
                return self._track(source, paths, about, stop, names)

    @contextlib.contextmanager
    def _live_run(self, source: video.FrameSource, stop: Event) -> Iterator[None]:
        """Suit the run to a source that is live, if it is."""
        if source.live is None:
            yield
            return
        source.live.stop = stop
        self._options = without_return(self._options)
        draws = self._stages.visualizer is not None
        with LiveRun(source.live, self._options, self._stages, draws=draws) as self._live:
            yield

    def _open(self) -> video.FrameSource:
        visualizer = None if self._instead else self._stages.visualizer
        if self._found is None or needs_pictures(self._options, visualizer):
            return open_source(self._options.source, self._stages.given_boxes)
        return self._found.open()

    def _track(
        self,
        source: video.FrameSource,
        paths: OutputPaths,
        about: Mapping[str, Any],
        stop: Event,
        names: Names,
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
        given: Any = (self._options, source, paths, self._stages)
        same: dict[str, Any] = {
            **{"about": about, "start": start, "progress": self._progress},
            "confirm": lambda: _confirm(names, paths, stop),
        }
        if self._live is not None:
            same["around_overlay"] = self._live.around_overlay
        in_segments = self._live is not None and self._options.segment_s is not None
        run = (
            Segments(*given, **same)
            if in_segments
            else Lifecycle(*given, **same, instead=self._instead)
        )
        try:
            feed(self._final(source, start, run, stop), run.sinks)
        except BaseException as error:
            # What ended the run is more to the user than why it could not be described.
            with contextlib.suppress(OutputError):
                run.break_off(error)
            raise
        done = run.finish(stop if source.live is None else None)
        note = (
            _why_nobody(done, self._options.n_init, self._seen_frames)
            or self._nobody_found(run.counter)
            or self._nobody_drawn(run.counter)
        )
        return dataclasses.replace(done, note=note)

    def _nobody_drawn(self, counter: TrackCounter) -> str | None:
        """Says that the one person whom the overlay is to show is not there."""
        asked = getattr(self._stages.visualizer, "only_track", None)
        if asked is None or asked in counter.track_ids:
            return None
        some = ", ".join(map(str, sorted(counter.track_ids)[:_MOST_TOLD]))
        return f"the overlay shows nobody: there is no track {asked} (render.type), but {some}"

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
        found = self._found
        marked = self._stages.get_list_of_shots if found is None else found.with_shots
        if source.live is not None:  # a stop is its end
            return marked(frames)
        return until(stop, marked(frames))

    @property
    def _remembers_frames(self) -> bool:
        """Whatever looks for cuts remembers the frames before, so it must see them all again."""
        if self._found is not None:
            return False
        return self._options.detect_shots or self._stages.has_own("get_list_of_shots")

    def _final(
        self,
        source: video.FrameSource,
        start: resume.Beginning,
        run: Lifecycle | Segments,
        stop: Event,
    ) -> Iterator[tuple[Frame, FrameRecord]]:
        """The frames with their records, counted, as they become final."""
        live = self._live
        # A chunk that is aborted is processed again on resuming, if that happens.
        breaks_off = stop if start.is_lasting else None
        final = walk(
            start.frames,
            lambda some: self._observe(Chunk(some, breaks_off), run.watch),
            self._stages.tracker if live is None else live.tracker,
            chunk=self._chunk(source),
            window=start.window,
            between=run.between if live is None else lambda window: _both(run, live, window),
        )
        return _counted(_ours(final, run.confirm), run.counter)

    def _chunk(self, source: video.FrameSource) -> int:
        if source.live is not None and self._options.batch_frames is None:
            return 1  # none waits for others
        return chunk_size(self._options.batch_frames, source.info, self._stages.device)

    def _observe(self, frames: Sequence[Frame], watch: Stopwatch) -> list[list[Observation]]:
        if self._found is not None:
            seen = self._found.observe(frames)
        else:
            with watch.measure("finding people"):
                seen = self._stages.observe(frames)
        self._seen_frames += sum(map(bool, seen))
        return seen


def names_of(
    options: RunOptions, name: str, about: Mapping[str, Any], *, is_picture: bool
) -> Names:
    """The names that a run of the source writes under.

    Args:
        options: of the run.
        name: of the source.
        about: from ``resume.describe``.
        is_picture: the source is a single picture.
    """
    return Names(
        lambda name: OutputPaths.of(options, name, is_picture=is_picture),
        name,
        Identity(about["fingerprint"]["source"], about["place"]),
        lost_after_s=options.lost_after_s,
    )


def _confirm(names: Names, paths: OutputPaths, stop: Event) -> None:
    """Raise if another process writes under these names by now, or has the run."""
    confirm(stop, paths.results)
    if not names.is_held():
        stop.set()
        raise TakenOverError("another run has taken its place", where=paths.results)


def _ours(
    final: Iterable[tuple[Frame, FrameRecord]], confirm: Callable[[], None]
) -> Iterator[tuple[Frame, FrameRecord]]:
    """The same, but what ends them is that another process has the run, if it has."""
    try:
        yield from final
    except Exception:
        confirm()
        raise


def _both(run: Lifecycle | Segments, live: LiveRun, window: BackFillWindow) -> None:
    """Tell who wants a live frame at once, and then see how late it was."""
    run.between(window)
    live.note(window)


def _why_nobody(done: RunSummary, n_init: int, seen: int) -> str | None:
    """Says why there is no track where people were seen in some frames, or there are too few."""
    if done.tracks or (done.frames >= n_init and not seen):
        return None
    counts = f"a track counts from phalp.n_init={n_init} frames on; phalp.n_init=1 takes any"
    if done.frames < n_init:
        return counts
    return (
        f"people were seen in {seen} of {done.frames} frames, but not in enough in a row: {counts}"
    )


def _counted(
    final: Iterable[tuple[Frame, FrameRecord]], counter: TrackCounter
) -> Iterator[tuple[Frame, FrameRecord]]:
    for frame, record in final:
        yield frame, record
        counter.write(frame, record)
