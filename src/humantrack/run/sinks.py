"""The sinks of a run, and the description of it beside the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from humantrack import video
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.summary import TrackCounter
from humantrack.pipeline.threads import ThreadedSink
from humantrack.results import DecodeErrors, ResultsWriter, RunMeta
from humantrack.results import write_meta as save_meta
from humantrack.run.paths import OutputPaths
from humantrack.run.settings import RunOptions
from humantrack.run.world import camera_sinks
from humantrack.types import SourceInfo
from humantrack.types.stages import Sink


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
    progress: StartProgress | None = None,
    in_pieces: bool = False,
    states: Mapping[str, Mapping[str, Any]] | None = None,
    done: int = 0,
) -> Sinks:
    """The sinks that write and draw, and show how far a run is.

    Args:
        options: of the run.
        info: of the source.
        paths: where to write.
        visualizer: draws the overlay; None for no overlay.
        progress: shows how far the run is.
        in_pieces: write the overlay so that it can be gone on with after a kill.
        states: of an earlier run's lasting sinks, to go on from.
        done: frames that run has finished.
    """
    states = states or {}
    lasting: dict[str, ThreadedSink] = {}
    if visualizer is not None:
        state = states.get("overlay")
        overlay = _overlay_sink(options, info, paths, visualizer, in_pieces=in_pieces, state=state)
        lasting["overlay"] = ThreadedSink(overlay, optional=True)
    if options.world.enable:
        lasting |= camera_sinks(options.world, paths.results, states)
    results = ResultsWriter(paths.results, features=options.features, state=states.get("results"))
    lasting["results"] = ThreadedSink(results)
    every: list[Sink] = [*lasting.values()]
    if progress is not None:
        every.append(progress(info, done))
    return Sinks(every, results, lasting)


def _overlay_sink(
    options: RunOptions,
    info: SourceInfo,
    paths: OutputPaths,
    visualizer: Any,
    *,
    in_pieces: bool,
    state: Mapping[str, Any] | None,
) -> Sink:
    from humantrack.render import OverlaySink

    rate = options.overlay_fps
    fixed_rate = rate is not None
    fps = info.fps if rate is None else Fraction(rate).limit_denominator(1001)
    audio_from = info.path if info.has_audio and not fixed_rate else None
    streams = video.StreamChoice(info.stream, info.audio_stream)

    def writer(width: int, height: int, start_s: float) -> Any:
        same: dict[str, Any] = {
            **{"fps": fps, "width": width, "height": height},
            **{"audio_from": audio_from, "audio_streams": streams, "start_s": start_s},
        }
        if in_pieces:
            return video.PiecewiseWriter(paths.overlay, paths.pieces, state=pieces, **same)
        return video.VideoWriter(paths.overlay, **same)

    pieces = state if state and state["frames"] else None
    return OverlaySink(visualizer, writer, timed=not fixed_rate, state=pieces)


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
    )
    save_meta(paths.meta, meta)
