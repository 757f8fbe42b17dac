"""The loop: frames in, final records out to the sinks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from humantrack.errors import HumantrackError, StageError
from humantrack.memory import is_lack_of_memory, out_of_memory
from humantrack.pipeline.window import BackFillWindow
from humantrack.types import Frame, FrameRecord, Observation
from humantrack.types.stages import Sink, Tracker

Observe = Callable[[Sequence[Frame]], Sequence[Sequence[Observation]]]
"""Chunk of frames -> the observations in each."""


def walk(
    frames: Iterable[Frame],
    observe: Observe,
    tracker: Tracker,
    *,
    chunk: int,
    window: BackFillWindow,
    between: Callable[[BackFillWindow], None] = lambda _: None,
) -> Iterator[tuple[Frame, FrameRecord]]:
    """Run the pipeline once.

    Args:
        frames: in order.
        observe: detection and bodies, a chunk at a time.
        tracker: gives identities, a frame at a time.
        chunk: frames handed to ``observe`` at once; see :func:`chunks`.
        window: holds n_init frames back for back-filling.
        between: called before each chunk, when all frames before it have been tracked and what is
            final of them has been yielded.

    Yields:
        Frames and their records, in order, as they become final.

    Raises:
        StageError, OutOfMemoryError: if a stage fails on a chunk; what was final has been yielded
            by then.
    """
    rest = chunks(frames, chunk)
    while True:
        between(window)
        some = next(rest, None)
        if some is None:
            break
        with named("finding people failed", some):
            found = observe(some)
        for frame, people in zip(some, found, strict=True):
            with named("tracking failed", [frame]):
                update = tracker.update(frame.index, people, is_shot_start=frame.is_shot_start)
            window.revise(people)
            yield from window.push(frame, update, people)
    yield from window.flush()


def chunks(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    """Frames in groups of ``size``, cut where ``source_index`` is a multiple of it.

    Networks round differently for batches of other sizes. So a frame has the same neighbours in
    its chunk wherever a run, or a part of one, begins, and whether or not frames were lost before.
    """
    size = max(1, size)
    some: list[Frame] = []
    for frame in frames:
        if some and frame.source_index // size != some[0].source_index // size:
            yield some
            some = []
        some.append(frame)
        if frame.source_index % size == size - 1:
            yield some
            some = []
    if some:
        yield some


def feed(final: Iterable[tuple[Frame, FrameRecord]], sinks: Sequence[Sink]) -> None:
    """Give every final frame to every sink; each is closed whatever happens."""
    with contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.enter_context(sink)
        for frame, record in final:
            for sink in sinks:
                sink.write(frame, record)


@contextlib.contextmanager
def named(what: str, frames: Sequence[Frame]) -> Iterator[None]:
    """Say in which frames a stage failed; our own errors pass as they are."""
    try:
        yield
    except HumantrackError:
        raise
    except Exception as error:
        first, last = frames[0].source_index, frames[-1].source_index
        where = f"frame {first}" if first == last else f"frames {first} to {last}"
        if is_lack_of_memory(error):
            raise out_of_memory(error, where) from error
        raise StageError(
            what, where=where, hint=f"{type(error).__name__}: {error} (debug=true shows where)"
        ) from error
