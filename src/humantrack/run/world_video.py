"""The world video of a run, drawn from its source once more when the world is there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Event

from humantrack import video
from humantrack.errors import HumantrackError, InterruptedRunError
from humantrack.memory import is_lack_of_memory
from humantrack.pipeline.stopping import check
from humantrack.run.settings import BoxesOptions, SourceOptions
from humantrack.run.source import load_boxes, open_source
from humantrack.run.world import WorldOutcome

_log = logging.getLogger(__name__)


def draw_world(
    source: SourceOptions,
    boxes: BoxesOptions | None,
    world: Path,
    target: Path,
    *,
    faces_from: Path | None = None,
    fixed_fps: float | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Read the source once more, and draw the clip beside its world.

    Args:
        source: what the results were made from.
        boxes: given ones, whose file may be the source.
        world: the world file.
        target: the video to write.
        faces_from: results that say whose faces are blurred; None shows them.
        fixed_fps: rate of the video; None keeps the source's times.
        advance: told of each frame that is done.

    Raises:
        SourceError: if the source is not there, or not the one of the results.
        ResultsError: if the world file is damaged.
        OutputError: if the video cannot be written.
    """
    from humantrack.world.video import draw_world_video

    with open_source(source, load_boxes(boxes)) as frames:
        info = frames.info
        fps = info.fps if fixed_fps is None else Fraction(fixed_fps).limit_denominator(1001)
        draw_world_video(
            frames,
            world,
            target,
            faces_from=faces_from,
            fps=fps,
            timed=fixed_fps is None,
            audio_from=info.path if info.has_audio and fixed_fps is None else None,
            streams=video.StreamChoice(info.stream, info.audio_stream),
            advance=advance,
        )


def world_video_of_run(
    source: SourceOptions,
    boxes: BoxesOptions | None,
    outcome: WorldOutcome,
    target: Path,
    *,
    faces_from: Path | None = None,
    fixed_fps: float | None,
    stop: Event | None,
) -> WorldOutcome:
    """Draw the video of a run's world; what goes wrong is told, and costs nothing else.

    Raises:
        InterruptedRunError: if ``stop`` is set.
    """
    if outcome.path is None:
        note = "there is no world video, as there is no world"
        return replace(outcome, notes=(*outcome.notes, note))

    def advance(_: int) -> None:
        check(stop, f"{outcome.path} is whole; humantrack-world draws it with render.world=true")

    try:
        draw_world(
            source,
            boxes,
            outcome.path,
            target,
            faces_from=faces_from,
            fixed_fps=fixed_fps,
            advance=advance,
        )
    except InterruptedRunError:
        target.unlink(missing_ok=True)
        raise
    except Exception as error:  # noqa: BLE001 - told, and the run is finished all the same
        target.unlink(missing_ok=True)
        _log.debug("the world video could not be drawn", exc_info=error)
        said = "not enough memory" if is_lack_of_memory(error) else str(error)
        if not isinstance(error, HumantrackError) and not is_lack_of_memory(error):
            said = f"internal error: {type(error).__name__}: {error}"
        return replace(outcome, notes=(*outcome.notes, f"no world video: {said}"))
    return replace(outcome, video=target)
