"""Lifecycle of one run: what it has done, its checkpoints, and its end, good or bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from humantrack import video
from humantrack.atomic import remove_leftovers
from humantrack.errors import HumantrackError
from humantrack.pipeline.checkpoint import Checkpoints
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.stopping import TakenOverError
from humantrack.pipeline.summary import RunSummary, Stopwatch, TrackCounter
from humantrack.pipeline.window import BackFillWindow
from humantrack.run.early import EarlySinks
from humantrack.run.paths import OutputPaths
from humantrack.run.resume import Beginning
from humantrack.run.settings import RunOptions, SourceOptions, frames_waiting
from humantrack.run.sinks import make_sinks, write_meta
from humantrack.run.stages import Stages, told_of
from humantrack.run.world import world_of_run
from humantrack.run.world_video import world_video_of_run
from humantrack.types import SourceInfo
from humantrack.types.stages import Sink
from humantrack.url import is_address


class Lifecycle:
    """One run from its beginning to its end.

    Args:
        options: of the run.
        source: opened.
        paths: where to write.
        stages: of the pipeline.
        about: from ``resume.describe``.
        start: from ``resume.begin``.
        progress: shows how far the run is.
        confirm: raises if the run is another process's by now; asked before anything is written
            where others look.
        around_overlay: a sink that takes the place of what draws the overlay.
        instead: makes what takes the final frames in place of the overlay.
    """

    def __init__(
        self,
        options: RunOptions,
        source: video.FrameSource,
        paths: OutputPaths,
        stages: Stages,
        *,
        about: Mapping[str, Any],
        start: Beginning,
        progress: StartProgress | None = None,
        confirm: Callable[[], None] = lambda: None,
        around_overlay: Callable[[Sink], Sink] = lambda sink: sink,
        instead: Callable[[], Sink] | None = None,
    ) -> None:
        self.confirm = confirm
        self._options, self._source, self._paths = options, source, paths
        self._stages, self._about, self._start = stages, about, start
        state = start.state
        self.counter = TrackCounter.of(state["counter"]) if state else TrackCounter()
        self.watch = Stopwatch(state.get("seconds"))
        self._sinks = make_sinks(
            options,
            source.info,
            paths,
            stages.visualizer,
            body=getattr(stages, "body", None),
            progress=progress,
            in_pieces=start.is_lasting,
            states=state.get("sinks"),
            done=self.counter.frames,
            waiting=frames_waiting(source.info, stages.device),
            fingerprint=about["fingerprint"]["source"],
            confirm=confirm,
            around_overlay=around_overlay,
            instead=instead,
        )
        self._early = EarlySinks(self._sinks.every, source, stages)
        self._checkpoints = Checkpoints(
            paths.checkpoint,
            about=about,
            progress=self._progress,
            sinks=self._sinks.lasting,
            every_s=options.checkpoint.every_s,
            confirm=confirm,
        )

    @property
    def sinks(self) -> list[Sink]:
        """Everything that takes the final frames."""
        return self._sinks.every

    def between(self, window: BackFillWindow) -> None:
        """To be called between two chunks of frames."""
        self._early.between(window)
        if self._start.is_lasting:
            self._checkpoints.between(window)

    def break_off(self, error: BaseException) -> None:
        """Keep what can be kept once the sinks are closed, and add to the error where it lies.

        Raises:
            OutputError: if the run cannot be described.
        """
        try:
            self.confirm()
        except TakenOverError:
            return  # what lies there now is another process's
        if isinstance(error, Exception):
            self._checkpoints.save()
        if not self._sinks.results.frame_count and not self._sinks.results.partial_path.exists():
            self._checkpoints.remove()  # of nothing; it would only be in the way
        if isinstance(error, HumantrackError):
            self._say_what_is_kept(error)
        self._write_meta(error)

    def finish(self, stop: Event | None = None) -> RunSummary:
        """Make the world, describe the run, and remove what another would have needed to go on.

        Args:
            stop: ends it when it is set; the same command then goes on here.

        Raises:
            OutputError: if it cannot be described.
            InterruptedRunError: if ``stop`` was set; the results are whole.
        """
        self.confirm()
        self._write_meta(None)
        with self.watch.measure("world"):
            world = world_of_run(
                self._options.world,
                self._paths.results,
                [Path(path) for path in self._source.paths],
                stop=stop,
            )
        if self._options.world_video:
            with self.watch.measure("world video"):
                world = world_video_of_run(
                    _as_fetched(self._options.source, self._source),
                    self._options.boxes,
                    world,
                    self._paths.world_video,
                    faces_from=self._paths.results if self._options.blur_faces else None,
                    fixed_fps=self._options.overlay_fps,
                    stop=stop,
                )
        self.confirm()
        self._write_meta(None, world.facts)
        remove_leftovers(self._paths.meta)
        # In this order: without pieces a checkpoint would be of no use.
        self._checkpoints.remove()
        video.remove_pieces(self._paths.pieces)
        info: SourceInfo = self._source.info
        return self._paths.summary(
            info.name,
            self.counter,
            seconds=self.watch.total_s,
            decode_errors=self._source.decode_errors,
            warnings=self._source.warnings,
            resumed_from=self._start.resumed_from,
            world=world,
        )

    def _progress(self) -> dict[str, Any]:
        return {
            "frames": self.counter.frames,
            "counter": self.counter.state_dict(),
            "seconds": self.watch.seconds(),
            "is_clean": self._source.is_clean,
            "stages": self._stages.state_dict(),
        }

    def _write_meta(
        self, error: BaseException | None, world: Mapping[str, Any] | None = None
    ) -> None:
        write_meta(
            self._options.settings,
            self._source,
            self._paths,
            results=self._sinks.results,
            counter=self.counter,
            model=told_of(self._stages),
            timings_s=self.watch.seconds(),
            fingerprint=self._about["fingerprint"],
            place=self._about["place"],
            resumed_from=self._start.resumed_from,
            error=error,
            world=world,
        )

    def _say_what_is_kept(self, failure: HumantrackError) -> None:
        results = self._sinks.results
        partial = results.partial_path.exists()
        path = results.partial_path if partial else results.path
        told = [failure.hint] if failure.hint else []
        if results.frame_count and path.name not in (failure.hint or ""):
            kept = f"{results.frame_count} finished frames are kept in {path}"
            told.append(kept if partial else f"the results are whole, in {path}")
        if self._paths.checkpoint.exists():
            told.append("the same command goes on from there")
        failure.hint = "; ".join(told) or None


def _as_fetched(options: SourceOptions, source: video.FrameSource) -> SourceOptions:
    """What is behind an address has been fetched by now."""
    return replace(options, path=str(source.info.path)) if is_address(options.path) else options
