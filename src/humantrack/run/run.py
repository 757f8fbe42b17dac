"""One run's books: what it has done, where it writes, how another run could go on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from humantrack import video
from humantrack.atomic import remove_leftovers
from humantrack.errors import HumantrackError
from humantrack.pipeline.checkpoint import Checkpoints
from humantrack.pipeline.summary import RunSummary, Stopwatch, TrackCounter
from humantrack.pipeline.window import BackFillWindow
from humantrack.run.paths import OutputPaths
from humantrack.run.resume import Beginning, Stages
from humantrack.run.sinks import make_sinks, write_meta
from humantrack.types import SourceInfo
from humantrack.types.stages import Sink


class Run:
    """A run from its beginning to its end, good or bad.

    Args:
        cfg: the configuration.
        source: opened.
        paths: where to write.
        visualizer: draws the overlay; None for no overlay.
        stages: of the street.
        about: from ``resume.describe``.
        start: from ``resume.begin``.
        model: which models are used, for the meta file.
    """

    def __init__(
        self,
        cfg: Any,
        source: video.FrameSource,
        paths: OutputPaths,
        visualizer: Any | None,
        stages: Stages,
        *,
        about: Mapping[str, Any],
        start: Beginning,
        model: Mapping[str, Any],
    ) -> None:
        self._cfg, self._source, self._paths, self._stages = cfg, source, paths, stages
        self._about, self._start, self._model = about, start, model
        state = start.state
        self.counter = TrackCounter.of(state["counter"]) if state else TrackCounter()
        self.watch = Stopwatch(state.get("seconds"))
        self._sinks = make_sinks(
            cfg,
            source.info,
            paths,
            visualizer,
            in_pieces=start.is_lasting,
            states=state.get("sinks"),
            done=self.counter.frames,
        )
        self._checkpoints = Checkpoints(
            paths.checkpoint,
            about=about,
            progress=self._progress,
            sinks=self._sinks.lasting,
            every_s=cfg.checkpoint.every_s,
        )

    @property
    def sinks(self) -> list[Sink]:
        """Everything that takes the final frames."""
        return self._sinks.every

    def between(self, window: BackFillWindow) -> None:
        """To be called between two chunks of frames."""
        if self._start.is_lasting:
            self._checkpoints.between(window)

    def break_off(self, error: BaseException) -> None:
        """Keep what can be kept once the sinks are closed, and add to the error where it lies.

        Raises:
            OutputError: if the run cannot be described.
        """
        if isinstance(error, Exception):
            self._checkpoints.save()
        if not self._sinks.results.frame_count and not self._sinks.results.partial_path.exists():
            self._checkpoints.remove()  # of nothing; it would only be in the way
        if isinstance(error, HumantrackError):
            self._say_what_is_kept(error)
        self._write_meta(error)

    def finish(self) -> RunSummary:
        """Describe the run, and remove what another one would have needed to go on.

        Raises:
            OutputError: if it cannot be described.
        """
        self._write_meta(None)
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
            resumed_from=self._start.resumed_from,
        )

    def _progress(self) -> dict[str, Any]:
        return {
            "frames": self.counter.frames,
            "counter": self.counter.state_dict(),
            "seconds": self.watch.seconds(),
            "is_clean": self._source.is_clean,
            "stages": self._stages.state_dict(),
        }

    def _write_meta(self, error: BaseException | None) -> None:
        write_meta(
            self._cfg,
            self._source,
            self._paths,
            results=self._sinks.results,
            counter=self.counter,
            model=self._model,
            timings_s=self.watch.seconds(),
            fingerprint=self._about["fingerprint"],
            place=self._about["place"],
            resumed_from=self._start.resumed_from,
            error=error,
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
