"""Finds the people of one part of a video, and writes them to the part's file."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from humantrack.claims import Claim, HeldError
from humantrack.errors import CheckpointError, EmptySourceError, OutputError
from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint
from humantrack.pipeline.loop import chunks, named
from humantrack.pipeline.stopping import Chunk, TakenOverError, check, confirm, until
from humantrack.run.settings import RunOptions, seed_everything
from humantrack.run.source import open_source
from humantrack.run.stages import Stages
from humantrack.split.files import ObservationWriter, partial_of
from humantrack.split.plan import Part, Plan, part_path, whole_part
from humantrack.types import Frame
from humantrack.video import FrameSource

_log = logging.getLogger(__name__)

_POLL_S = 0.5

ROUNDS = 2
"""How often parts are done that are not there when all workers have ended."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A part to do, and what is needed for it."""

    options: RunOptions
    stages: Stages
    plan: Plan
    part: Part
    folder: Path
    head: Mapping[str, Any]
    """What the file tells before its frames."""

    warm_up_s: Callable[[float], float]
    """Time at which a part begins -> seconds before it that the stages see first."""

    tell: Callable[[int], None] = lambda _: None
    """Told how many frames of the part are written, now and then."""

    @property
    def path(self) -> Path:
        """The part's file."""
        return part_path(self.folder, self.part.number)

    @property
    def checkpoint(self) -> Path:
        """Where it stands."""
        return self.path.with_suffix(".checkpoint")

    @property
    def claim(self) -> Path:
        """Held by who does it."""
        return claim_of(self.folder, self.part.number)

    @property
    def remembers_frames(self) -> bool:
        """Whatever looks for cuts remembers the frames before, so it must see them all."""
        return self.options.detect_shots or self.stages.has_own("get_list_of_shots")


def claim_of(folder: Path, number: int) -> Path:
    """The claim on a part."""
    return folder / f".part-{number:04d}.claim"


def stop_mark(folder: Path) -> Path:
    """A file that ends the work on all parts while it is there."""
    return folder / "stop"


class _DamagedError(Exception):
    """Frames after a seek may not be those of a run that reads on."""


class _TooLateError(Exception):
    """Where frames have uneven times, the warm-up was shorter than its count of frames said."""


def find_part(work: Work, stop: Event) -> None:
    """Do a part, or go on with it; one that is there is left alone.

    Args:
        work: what to do.
        stop: ends it after the current frame; the same call goes on later.

    Raises:
        HeldError: if another process is at it.
        CheckpointError: if the part of another configuration is there.
        InterruptedRunError: if ``stop`` was set.
        SourceError, StageError, OutputError: as for a run.
    """
    mark = stop_mark(work.folder)

    def watch() -> None:
        if mark.exists():
            stop.set()

    watch()
    check(stop, work.path)
    silence = work.options.lost_after_s
    with Claim(work.claim, lost_after_s=silence, watch=watch, on_lost=stop.set):
        if whole_part(work.folder, work.part, work.plan) is not None:
            return
        seed_everything(work.options.seed)
        state = _left_of(work)
        seeks = not work.remembers_frames and (state is None or bool(state["is_clean"]))
        for reach in (1, 4, 16, math.inf):
            try:
                try:
                    _find(work, stop, state, seeks=seeks, reach=reach)
                except _DamagedError:
                    _find(work, stop, None, seeks=False, reach=reach)
                break
            except _TooLateError:
                state = None
        with suppress(OSError):
            work.checkpoint.unlink(missing_ok=True)


def _left_of(work: Work) -> dict[str, Any] | None:
    """Where an earlier attempt stood; None: begin anew."""
    keys = work.options.checkpoint
    there = work.checkpoint.exists() and partial_of(work.path).exists()
    if not (keys.enable and keys.resume and there):
        return None
    try:
        state = read_checkpoint(work.checkpoint)
        if work.plan.why_other(state["head"]) is None and "known" in state:
            return state
    except (CheckpointError, LookupError, TypeError):
        _log.debug("%s is of no use", work.checkpoint)
    return None


def _find(
    work: Work,
    stop: Event,
    state: Mapping[str, Any] | None,
    *,
    seeks: bool,
    reach: float,
) -> None:
    try:
        writer = ObservationWriter(work.path, work.head, state and state["writer"])
    except CheckpointError:
        state, writer = None, ObservationWriter(work.path, work.head)
    part, given = work.part, work.options.source
    first = given.start_frame or 0
    begin = int(state["next"]) if state else (first if part.start is None else part.start)
    work.stages.reset_stages()
    if state:
        work.stages.load_state_dict(state["stages"])
    # Whatever looks for cuts looks some frames ahead, too.
    reads_on = part.stop is None or work.remembers_frames
    with closing(writer):
        look_from = begin if state else _warm_from(work, begin, first, reach)
        start_frame = look_from if seeks and look_from > first else given.start_frame
        options = replace(
            given, start_frame=start_frame, end_frame=given.end_frame if reads_on else part.stop
        )
        with open_source(options, work.stages.given_boxes) as source:
            marked = until(stop, work.stages.get_list_of_shots(source))
            wanted = _between(marked, look_from, part.stop)
            numbered: Iterator[Frame] = (replace(f, index=f.source_index - first) for f in wanted)
            known = state["known"] if state else None
            with suppress(EmptySourceError):  # a part may be: all of it can be damaged
                if not state and look_from > first:
                    numbered = _early_enough(work, numbered, begin)
                known = _observe(work, stop, source, numbered, writer, begin=begin, known=known)
            if known is None:
                known = work.stages.begin_part()
            if seeks and start_frame != given.start_frame and not source.is_clean:
                raise _DamagedError
            confirm(stop, work.path)
            writer.finish(
                decode_errors=source.decode_errors,
                messages=source.decode_messages,
                notes=source.warnings[: len(source.warnings) - bool(source.decode_errors)],
                known=(known, work.stages.known()),
            )


def _between(frames: Iterator[Frame], start: int, stop: int | None) -> Iterator[Frame]:
    """The frames of a part, by ``source_index``."""
    for frame in frames:
        if stop is not None and frame.source_index >= stop:
            return
        if frame.source_index >= start:
            yield frame


def _warm_from(work: Work, begin: int, first: int, reach: float) -> int:
    """First frame that the stages see: at the start of a chunk, or of the run."""
    rate = float(work.head["rate"])
    seconds = work.warm_up_s(begin / rate)
    if begin <= first or seconds <= 0:
        return begin
    frames = min(seconds * rate * reach, begin)
    chunk = work.plan.chunk
    return max(first, int(begin - frames) // chunk * chunk)


_LATE_S = 0.1


def _early_enough(work: Work, frames: Iterator[Frame], begin: int) -> Iterator[Frame]:
    """The same frames, of which the first must lie as long before the part as stages want."""
    start_s: float | None = None
    is_checked = False
    for frame in frames:
        start_s = frame.time_s if start_s is None else start_s
        if not is_checked and frame.source_index >= begin:
            is_checked = True
            if frame.time_s - work.warm_up_s(frame.time_s) + _LATE_S < start_s:
                raise _TooLateError
        yield frame


def _observe(
    work: Work,
    stop: Event,
    source: FrameSource,
    frames: Iterator[Frame],
    writer: ObservationWriter,
    *,
    begin: int,
    known: Sequence[Any] | None,
) -> Sequence[Any] | None:
    """Look at all frames, a chunk at a time, and write those that belong to the part.

    Gives who was known before the first of those; ``known``, if the part was begun before.
    """
    keys, last = work.options.checkpoint, time.monotonic()
    lasts = keys.enable and work.stages.why_no_checkpoint() is None
    now: dict[str, Any] = {}
    try:
        for some in chunks(frames, work.plan.chunk):
            if known is None and some[-1].source_index >= begin:
                known = work.stages.begin_part()
            with named("finding people failed", some):
                found = [list(seen) for seen in work.stages.observe(Chunk(some, stop))]
            wanted = [i for i, frame in enumerate(some) if frame.source_index >= begin]
            if not wanted:
                continue
            writer.append([some[i] for i in wanted], [found[i] for i in wanted])
            work.tell(writer.frames)
            if lasts:
                now = {"stages": dict(work.stages.state_dict()), "is_clean": source.is_clean}
                now["known"] = list(known or ())
                now["next"] = some[-1].source_index + 1
            if lasts and time.monotonic() - last >= keys.every_s:
                confirm(stop, work.path)
                _save(work, writer, now)
                last = time.monotonic()
    except Exception as error:
        if now and not isinstance(error, TakenOverError):
            with suppress(OutputError):
                _save(work, writer, now)
        raise
    return known


def _save(work: Work, writer: ObservationWriter, now: Mapping[str, Any]) -> None:
    """Write down where the part stands: what follows its newest chunk is still to be done."""
    state = {"head": dict(work.head), "writer": writer.state_dict(), **now}
    write_checkpoint(work.checkpoint, state)


def when_free(do: Callable[[], None], what: str, stop: Event) -> None:
    """Do something that only one process may do at a time, and wait for another that is at it.

    Raises:
        InterruptedRunError: if ``stop`` was set.
    """
    told = False
    while True:
        try:
            return do()
        except HeldError:
            if not told:
                _log.info("another process is at %s", what)
            told = True
            stop.wait(_POLL_S)
            check(stop, what)


def in_rounds(
    left: Callable[[], list[int]], launch: Callable[[list[int]], None], stop: Event, told: str
) -> None:
    """Launch what is left to do, and once more what of it was lost.

    Raises:
        InterruptedRunError: if ``stop`` was set.
    """
    for _ in range(ROUNDS):
        if numbers := left():
            launch(numbers)
            check(stop, told)
