"""Tracks a source, and tells each record as soon as it is known."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from threading import Event
from typing import Protocol

from humantrack.live.records import State
from humantrack.pipeline.loop import walk
from humantrack.pipeline.window import BackFillWindow
from humantrack.run.live import LiveRun
from humantrack.run.settings import RunOptions, seed_everything
from humantrack.run.stages import Stages
from humantrack.types import Frame, FrameRecord
from humantrack.video import FrameSource

Tell = Callable[[State, Frame, FrameRecord], None]
"""``Records.tell``, or whatever else takes a record."""


class Thinned(Protocol):
    """Draws frames, or some of them."""

    every: int
    """Of so many frames one is drawn."""


def watch(
    stages: Stages,
    options: RunOptions,
    source: FrameSource,
    stop: Event,
    tell: Tell,
    *,
    pictures: Thinned | None = None,
) -> None:
    """Track the source, and tell each record as it becomes known.

    Args:
        stages: of the pipeline.
        options: of the run.
        source: opened.
        stop: ends it when it is set.
        tell: called with "provisional" or "final", a frame and its record. A frame's first comes
            before the next frame is waited for.
        pictures: what draws the frames, and is told to draw fewer where frames are late.
    """
    if source.live is not None:
        source.live.stop = stop
    seed_everything(options.seed)
    stages.reset_stages()
    live = None
    if source.live is not None:
        live = LiveRun(source.live, options, stages, draws=pictures is not None)

    def newest(window: BackFillWindow) -> None:
        if window.held:
            tell("provisional", *window.held[-1])
        if live is not None:
            live.note(window)
            if pictures is not None:
                pictures.every = live.overlay_every

    frames = itertools.takewhile(lambda _: not stop.is_set(), stages.get_list_of_shots(source))
    final = walk(
        frames,
        stages.observe,
        stages.tracker if live is None else live.tracker,
        chunk=1,
        window=BackFillWindow(options.n_init),
        between=newest,
    )
    with live or contextlib.nullcontext():
        for frame, record in final:
            tell("final", frame, record)
