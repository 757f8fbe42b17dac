"""The loop: frames in, final records out to the sinks."""

from __future__ import annotations

import contextlib
import itertools
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
        chunk: frames handed to ``observe`` at once; changes no result.
        window: holds n_init frames back for back-filling.
        between: called before each chunk, when all frames before it have been tracked and what is
            final of them has been yielded.

    Yields:
        Frames and their records, in order, as they become final.

    Raises:
        StageError, OutOfMemoryError: if a stage fails on a chunk; what was final has been yielded
            by then.
    """
    rest = iter(frames)
    while True:
        between(window)
        some = list(itertools.islice(rest, max(1, chunk)))
        if not some:
            break
        with _named("finding people failed", some):
            found = observe(some)
        for frame, people in zip(some, found, strict=True):
            with _named("tracking failed", [frame]):
                update = tracker.update(frame.index, people, is_shot_start=frame.is_shot_start)
            window.revise(people)
            yield from window.push(frame, update)
    yield from window.flush()


def feed(final: Iterable[tuple[Frame, FrameRecord]], sinks: Sequence[Sink]) -> None:
    """Give every final frame to every sink; each is closed whatever happens."""
    with contextlib.ExitStack() as stack:
        for sink in sinks:
            stack.enter_context(sink)
        for frame, record in final:
            for sink in sinks:
                sink.write(frame, record)


@contextlib.contextmanager
def _named(what: str, frames: Sequence[Frame]) -> Iterator[None]:
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
