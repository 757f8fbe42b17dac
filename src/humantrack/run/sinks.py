"""The sinks of a run, and the description of it beside the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any

from humantrack import video
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import TrackCounter
from humantrack.pipeline.threads import ThreadedSink
from humantrack.results import DecodeErrors, ResultsWriter, RunMeta
from humantrack.results import write_meta as save_meta
from humantrack.run.paths import OutputPaths
from humantrack.run.settings import WAITING, RunOptions
from humantrack.run.world import camera_sinks
from humantrack.types import Frame, FrameRecord, SourceInfo
from humantrack.types.stages import Sink

if TYPE_CHECKING:  # drawing is imported by those who draw
    from humantrack.render.sink import Prepare


@dataclass(frozen=True)
class Sinks:
    """All sinks of a run."""

    every: list[Sink]
    """The overlay comes first and so is left last: its failure cannot spoil results that are
    whole."""

    results: ResultsWriter
    lasting: Mapping[str, ThreadedSink]
    """Those that belong to a checkpoint, by name."""


def make_sinks(
    options: RunOptions,
    info: SourceInfo,
    paths: OutputPaths,
    visualizer: Any | None,
    *,
    body: Any = None,
    progress: StartProgress | None = None,
    in_pieces: bool = False,
    states: Mapping[str, Mapping[str, Any]] | None = None,
    done: int = 0,
    waiting: int = WAITING,
    fingerprint: str | None = None,
    confirm: Callable[[], None] = lambda: None,
    hide: Prepare | None = None,
    around_overlay: Callable[[Sink], Sink] = lambda sink: sink,
    instead: Callable[[], Sink] | None = None,
) -> Sinks:
    """The sinks that write and draw, and show how far a run is.

    Args:
        options: of the run.
        info: of the source.
        paths: where to write.
        visualizer: draws the overlay; None for no overlay.
        body: the model of the bodies in the records, where one is known.
        progress: shows how far the run is.
        in_pieces: write the overlay so that it can be gone on with after a kill.
        states: of an earlier run's lasting sinks, to go on from.
        done: frames that run has finished.
        waiting: frames that may wait for each sink that has a thread of its own.
        fingerprint: of the source.
        confirm: raises before results take their names if the run is another process's by now.
        hide: blurs faces in the overlay, if it remembers those of earlier frames; None makes one.
        around_overlay: a sink that takes the place of what draws the overlay.
        instead: makes what takes frames in place of the overlay; it belongs to no checkpoint.
    """
    states = states or {}
    lasting: dict[str, ThreadedSink] = {}
    if visualizer is not None and instead is None:
        more: dict[str, Any] = {"in_pieces": in_pieces, "confirm": confirm, "hide": hide}
        state = states.get("overlay")
        overlay = _overlay_sink(options, info, paths, visualizer, body, state=state, **more)
        lasting["overlay"] = ThreadedSink(around_overlay(overlay), waiting, optional=True)
    if options.world.enable:
        lasting |= camera_sinks(
            options.world, paths.results, states, waiting=waiting, source=fingerprint
        )
    results = _results_sink(options, paths, states.get("results"), confirm)
    lasting["results"] = ThreadedSink(results, waiting)
    others = [ThreadedSink(instead(), waiting, optional=True)] if instead else []
    every = _gated([*others, *lasting.values()], confirm)
    if progress is not None:
        every.append(progress(info, done))
    return Sinks(every, results, lasting)


def _results_sink(
    options: RunOptions,
    paths: OutputPaths,
    state: Mapping[str, Any] | None,
    confirm: Callable[[], None],
) -> ResultsWriter:
    return ResultsWriter(
        paths.results,
        features=options.features,
        others=options.blur_faces,
        state=state,
        confirm=confirm,
    )


def _gated(sinks: Iterable[Sink], confirm: Callable[[], None]) -> list[Sink]:
    """The sinks, which are left in the other order, each after it was confirmed."""
    return [part for sink in sinks for part in (sink, _Gate(confirm))]


class _Gate:
    """A sink that is passed on the way out only if the run is still this process's."""

    def __init__(self, confirm: Callable[[], None]) -> None:
        self._confirm = confirm

    def __enter__(self) -> _Gate:
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Nothing is done with frames."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._confirm()


def _overlay_sink(
    options: RunOptions,
    info: SourceInfo,
    paths: OutputPaths,
    visualizer: Any,
    body: Any,
    *,
    in_pieces: bool,
    state: Mapping[str, Any] | None,
    confirm: Callable[[], None],
    hide: Prepare | None,
) -> Sink:
    from humantrack.detect.nanodet.watch import Watch
    from humantrack.render import FaceBlur, OverlaySink

    fixed_rate = options.overlay_fps is not None

    def writer(width: int, height: int, start_s: float) -> Any:
        same: dict[str, Any] = {
            **overlay_arguments(options, info),
            **{"width": width, "height": height, "start_s": start_s, "confirm": confirm},
        }
        if paths.is_picture:
            return video.PictureWriter(paths.overlay)
        if in_pieces:
            return video.PiecewiseWriter(paths.overlay, paths.pieces, state=pieces, **same)
        return video.VideoWriter(paths.overlay, **same)

    pieces = state if state and state["frames"] else None
    if hide is None and options.blur_faces:
        hide = FaceBlur(body, Watch())
    return OverlaySink(visualizer, writer, timed=not fixed_rate, prepare=hide, state=pieces)


def overlay_arguments(options: RunOptions, info: SourceInfo) -> dict[str, Any]:
    """Arguments of the overlay's writer that do not depend on its pictures: rate and sound."""
    rate = options.overlay_fps
    return {
        "fps": info.fps if rate is None else Fraction(rate).limit_denominator(1001),
        "audio_from": info.path if info.has_audio and rate is None else None,
        "audio_streams": video.StreamChoice(info.stream, info.audio_stream),
    }


def write_meta(
    settings: Mapping[str, Any],
    source: video.FrameSource,
    paths: OutputPaths,
    *,
    results: ResultsWriter,
    counter: TrackCounter,
    model: Mapping[str, Any],
    timings_s: Mapping[str, float],
    fingerprint: Mapping[str, str],
    place: str,
    resumed_from: int,
    error: BaseException | None,
    world: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
) -> None:
    """Write the .meta.json beside the results, whole or partial.

    Raises:
        OutputError: if it cannot be written.
    """
    partial = results.partial_path.exists()
    meta = RunMeta(
        status="partial" if partial else "complete",
        source=source.info,
        frame_count=results.frame_count,
        track_count=len(counter.track_ids),
        results=(results.partial_path if partial else results.path).name,
        model=model,
        config=settings,
        timings_s={name: round(seconds, 3) for name, seconds in timings_s.items()},
        fingerprint=fingerprint,
        place=place,
        resumed_from=resumed_from,
        decode_errors=DecodeErrors(count=source.decode_errors, messages=source.decode_messages),
        warnings=source.warnings,
        error=None if error is None else str(error),
        people=counter.most_at_once,
        world=world,
        live=None if source.live is None else {**source.live.facts, **(live or {})},
    )
    save_meta(paths.meta, meta)
