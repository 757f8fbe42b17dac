"""A live run in segments: results and overlay of some minutes each, of which the newest stay.

A segment ends at the first frame whose time has reached the next multiple of its length. What a
segment has left to do then (the end of its overlay, its description) is done in a thread of its
own, so that the frames that come meanwhile need not wait.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event, Thread
from types import TracebackType
from typing import Any

from humantrack import video
from humantrack.errors import HumantrackError
from humantrack.pipeline.progress import StartProgress
from humantrack.pipeline.stopping import TakenOverError
from humantrack.pipeline.summary import RunSummary, Stopwatch, TrackCounter
from humantrack.pipeline.window import BackFillWindow
from humantrack.run.paths import OutputPaths
from humantrack.run.resume import Beginning
from humantrack.run.settings import RunOptions, frames_waiting
from humantrack.run.sinks import Sinks, make_sinks, write_meta
from humantrack.run.stages import Stages, told_of
from humantrack.run.world import WorldOutcome
from humantrack.types import Frame, FrameRecord
from humantrack.types.stages import Sink

_log = logging.getLogger(__name__)


class Segments:
    """The sinks of a live run, one set after the other; takes the place of ``Lifecycle``.

    A pipeline sink itself.

    Args:
        options: of the run, with ``segment_s``.
        source: a live one.
        paths: of the recording; those of a segment have its number at the end of their names.
        stages: of the pipeline.
        about: from ``resume.describe``.
        start: from ``resume.begin``.
        progress: shows how far the recording is.
        confirm: raises if the run is another process's by now.
        around_overlay: a sink that takes the place of what draws the overlay.
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
    ) -> None:
        del start  # nothing of a live source is gone on with
        self._options, self._source, self._paths, self._stages = options, source, paths, stages
        self._about, self.confirm, self._around_overlay = about, confirm, around_overlay
        self.counter, self.watch = TrackCounter(), Stopwatch()
        shown = [] if progress is None else [progress(source.info, 0)]
        self.sinks: list[Sink] = [self, *shown]
        """Everything that takes the final frames."""

        self._hide = _face_blur(options, stages)
        self._current: _Segment | None = None
        self._ending: _Ending | None = None
        self._whole: deque[OutputPaths] = deque()
        """Segments that are kept, oldest first."""

        self._count = 0
        if options.world.enable:
            _log.info("segments get no world at their end: humantrack-world RESULTS.pkl makes it")

    def between(self, window: BackFillWindow) -> None:
        """To be called between two chunks of frames; there are no checkpoints."""

    def __enter__(self) -> Segments:
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Give a frame to the segment it belongs to."""
        if self._current is None or record.time_s >= self._current.end_s:
            before, self._current = self._current, None
            self._end(before)
            self._current = self._begin(record, before)
        self._current.write(frame, record)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._end(self._current)
            self._wait()
            return
        if self._current is not None:
            self._current.leave(kind, error, trace)
        if isinstance(error, Exception):
            with contextlib.suppress(Exception):  # what ended the run is more to the user
                self._wait()

    def break_off(self, error: BaseException) -> None:
        """Describe a segment that was begun, and add to the error what is kept.

        Raises:
            OutputError: if it cannot be described.
        """
        try:
            self.confirm()
        except TakenOverError:
            return
        if isinstance(error, HumantrackError) and self._whole:
            kept = f"{len(self._whole)} whole segments are kept, the last in"
            told = [error.hint] if error.hint else []
            error.hint = "; ".join([*told, f"{kept} {self._whole[-1].results}"])
        current = self._current
        if current is not None and current.sinks.results.partial_path.exists():
            self._describe(current, error)

    def finish(self, stop: Event | None = None) -> RunSummary:
        """The summary of the recording; its results are those of the last segment."""
        self.confirm()
        return replace(
            self._whole[-1].summary(
                self._source.info.name,
                self.counter,
                seconds=self.watch.total_s,
                decode_errors=self._source.decode_errors,
                warnings=self._source.warnings,
                resumed_from=0,
                world=WorldOutcome(),
            ),
            segments=self._count,
            segments_kept=len(self._whole),
        )

    # -- one segment after the other --------------------------------------------------------------

    def _begin(self, record: FrameRecord, before: _Segment | None) -> _Segment:
        self._count += 1
        paths = self._paths.numbered(self._count)
        told = f"{self._about['fingerprint']['source']}/{self._count}"
        content = hashlib.sha256(told.encode()).hexdigest()[:16]
        turn = _Turn(None if before is None else before.turn.is_over)
        sinks = make_sinks(
            self._options,
            self._source.info,
            paths,
            self._stages.visualizer,
            waiting=frames_waiting(self._source.info, self._stages.device),
            fingerprint=content,
            confirm=self.confirm,
            hide=self._hide,
            around_overlay=lambda sink: turn.of(self._around_overlay(sink)),
        )
        length_s = self._options.segment_s or math.inf
        end_s = (math.floor(record.time_s / length_s) + 1) * length_s
        return _Segment(self._count, paths, sinks, turn, content, end_s)

    def _end(self, segment: _Segment | None) -> None:
        """Have a segment ended; one at a time, so that what waits is bounded."""
        self._wait()
        if segment is not None:
            self._ending = _Ending(lambda: self._made_whole(segment))

    def _wait(self) -> None:
        ending, self._ending = self._ending, None
        if ending is not None:
            ending.wait()

    def _made_whole(self, segment: _Segment) -> None:
        segment.leave(None, None, None)
        self.confirm()
        self._describe(segment, None)
        self._whole.append(segment.paths)
        _log.info("segment %d is whole: %s", segment.number, segment.paths.results)
        most = self._options.keep_segments
        while most and len(self._whole) > most:
            if not _removed(self._whole[0]):
                break  # somebody has it open; it goes with the next
            self._whole.popleft()

    def _describe(self, segment: _Segment, error: BaseException | None) -> None:
        write_meta(
            self._options.settings,
            self._source,
            segment.paths,
            results=segment.sinks.results,
            counter=segment.counter,
            model=told_of(self._stages),
            timings_s=segment.watch.seconds(),
            fingerprint={**self._about["fingerprint"], "source": segment.content},
            place=self._about["place"],
            resumed_from=0,
            error=error,
            live={"segment": segment.facts(self._source.info.name)},
        )


class _Segment:
    """A segment that is being written."""

    def __init__(  # noqa: PLR0917
        self,
        number: int,
        paths: OutputPaths,
        sinks: Sinks,
        turn: _Turn,
        content: str,
        end_s: float,
    ) -> None:
        self.number, self.paths, self.sinks, self.turn = number, paths, sinks, turn
        self.content, self.end_s = content, end_s
        self.counter, self.watch = TrackCounter(), Stopwatch()
        self._first: FrameRecord | None = None
        self._last: FrameRecord | None = None
        self._open = contextlib.ExitStack()
        try:
            for sink in sinks.every:
                self._open.enter_context(sink)
        except BaseException as error:
            self._open.__exit__(type(error), error, error.__traceback__)
            raise

    def write(self, frame: Frame, record: FrameRecord) -> None:
        for sink in self.sinks.every:
            sink.write(frame, record)
        self.counter.write(frame, record)
        self._first, self._last = self._first or record, record

    def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def facts(self, recording: str) -> dict[str, Any]:
        """What the meta file says of it."""
        first, last = self._first, self._last
        return {
            "recording": recording,
            "number": self.number,
            "first_frame": None if first is None else first.source_index,
            "last_frame": None if last is None else last.source_index,
            "from_s": None if first is None else round(first.time_s, 6),
            "to_s": None if last is None else round(last.time_s, 6),
        }


class _Turn:
    """Overlays of two segments are drawn one after the other: what draws them is the same.

    Args:
        before: set when the segment before is drawn.
    """

    def __init__(self, before: Event | None) -> None:
        self._before, self.is_over = before, Event()

    def of(self, sink: Sink) -> Sink:
        """The sink, which waits for its turn."""
        self._sink = sink
        return self

    def __enter__(self) -> _Turn:
        self._sink.__enter__()
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        if self._before is not None:
            self._before.wait()
        self._sink.write(frame, record)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_over.set()
        self._sink.__exit__(kind, error, trace)


class _Ending:
    """Work in a thread; waiting for it raises what it raised."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="end of a segment", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised by who waits
            self._error = error


def _face_blur(options: RunOptions, stages: Stages) -> Any | None:
    """One for all segments: it remembers where heads were."""
    if not options.blur_faces or stages.visualizer is None:
        return None
    from humantrack.detect.nanodet.watch import Watch
    from humantrack.render import FaceBlur

    return FaceBlur(getattr(stages, "body", None), Watch())


def _removed(paths: OutputPaths) -> bool:
    """Remove a segment and what belongs to it, its description last; False if that is refused."""
    from humantrack.world.make import remove_world

    try:
        paths.results.unlink(missing_ok=True)  # from here on it looks like no results
        paths.overlay.unlink(missing_ok=True)
        remove_world(paths.results)
        paths.world_video.unlink(missing_ok=True)
        paths.meta.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s cannot be removed yet (%s)", paths.results, error.strerror)
        return False
    shutil.rmtree(paths.pieces, ignore_errors=True)
    return True
