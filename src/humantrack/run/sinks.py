"""From configuration keys to sinks and the description of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from omegaconf import OmegaConf
from rich.console import Console

from humantrack import video
from humantrack.pipeline.progress import ProgressSink
from humantrack.pipeline.summary import TrackCounter
from humantrack.pipeline.threads import ThreadedSink
from humantrack.results import DecodeErrors, ResultsWriter, RunMeta
from humantrack.results import write_meta as save_meta
from humantrack.run.paths import OutputPaths
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
    cfg: Any,
    info: SourceInfo,
    paths: OutputPaths,
    visualizer: Any | None,
    *,
    in_pieces: bool = False,
    states: Mapping[str, Mapping[str, Any]] | None = None,
    done: int = 0,
) -> Sinks:
    """The sinks that write and draw, and show how far a run is.

    Args:
        cfg: the configuration.
        info: of the source.
        paths: where to write.
        visualizer: draws the overlay; None for no overlay.
        in_pieces: write the overlay so that it can be gone on with after a kill.
        states: of an earlier run's lasting sinks, to go on from.
        done: frames that run has finished.
    """
    states = states or {}
    lasting: dict[str, ThreadedSink] = {}
    if visualizer is not None:
        state = states.get("overlay")
        overlay = _overlay_sink(cfg, info, paths, visualizer, in_pieces=in_pieces, state=state)
        lasting["overlay"] = ThreadedSink(overlay, optional=True)
    results = ResultsWriter(
        paths.results, features=cfg.results.features, state=states.get("results")
    )
    lasting["results"] = ThreadedSink(results)
    console = Console(stderr=True)
    is_live = console.is_terminal and not cfg.debug
    progress = ProgressSink(info.name, info.frame_count, console, bar=is_live, done=done)
    return Sinks([*lasting.values(), progress], results, lasting)


def _overlay_sink(
    cfg: Any,
    info: SourceInfo,
    paths: OutputPaths,
    visualizer: Any,
    *,
    in_pieces: bool,
    state: Mapping[str, Any] | None,
) -> Sink:
    from humantrack.render import OverlaySink

    fixed_rate = cfg.render.fps is not None
    fps = Fraction(cfg.render.fps).limit_denominator(1001) if fixed_rate else info.fps
    audio_from = info.path if info.has_audio and not fixed_rate else None

    def writer(width: int, height: int, start_s: float) -> Any:
        same: dict[str, Any] = {
            **{"fps": fps, "width": width, "height": height},
            **{"audio_from": audio_from, "start_s": start_s},
        }
        if in_pieces:
            return video.PiecewiseWriter(paths.overlay, paths.pieces, state=pieces, **same)
        return video.VideoWriter(paths.overlay, **same)

    pieces = state if state and state["frames"] else None
    return OverlaySink(visualizer, writer, timed=not fixed_rate, state=pieces)


def write_meta(
    cfg: Any,
    source: video.FrameSource,
    paths: OutputPaths,
    *,
    results: ResultsWriter,
    counter: TrackCounter,
    model: Mapping[str, Any],
    timings_s: Mapping[str, float],
    fingerprint: Mapping[str, str],
    resumed_from: int,
    error: BaseException | None,
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
        config=cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True)),
        timings_s={name: round(seconds, 3) for name, seconds in timings_s.items()},
        fingerprint=fingerprint,
        resumed_from=resumed_from,
        decode_errors=DecodeErrors(count=source.decode_errors, messages=source.decode_messages),
        warnings=source.warnings,
        error=None if error is None else str(error),
        people=counter.most_at_once,
    )
    save_meta(paths.meta, meta)
