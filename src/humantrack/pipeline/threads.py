"""A sink in a thread of its own, behind a bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType

from humantrack.pipeline.stages import Sink
from humantrack.types import Frame, FrameRecord

_Item = tuple[Frame, FrameRecord]


class ThreadedSink:
    """Passes frames to ``sink`` in order, from a thread; the caller waits when it lags behind.

    An error in the sink is raised by the next ``write`` or on leaving. All of the sink's methods
    run in that one thread.

    Args:
        sink: the sink to feed.
        depth: frames that may wait.
        optional: an error is raised only on leaving, so that the other sinks get every frame.
    """

    def __init__(self, sink: Sink, depth: int = 8, *, optional: bool = False) -> None:
        self._sink, self._optional = sink, optional
        self._queue: queue.Queue[_Item | None] = queue.Queue(depth)
        self._thread = threading.Thread(target=self._run, name=type(sink).__name__, daemon=True)
        self._failure: BaseException | None = None
        self._stop_reason: BaseException | None = None
        self._ended = False

    def __enter__(self) -> ThreadedSink:
        self._thread.start()
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Queue one frame. Raises what the sink raised on an earlier one."""
        if self._failure is None:
            self._queue.put((frame, record))
        elif not self._optional:
            raise self._failure

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_reason = error
        self._queue.put(None)
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        try:
            with self._sink:
                for item in self._items():
                    self._sink.write(*item)
                if self._stop_reason is not None:
                    raise _StoppedEarlyError
        except _StoppedEarlyError:
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._failure = error
            for _ in self._items():  # keep the caller from waiting for ever
                pass

    def _items(self) -> Iterator[_Item]:
        """What is queued, until the caller leaves."""
        while not self._ended:
            item = self._queue.get()
            if item is None:
                self._ended = True
            else:
                yield item


class _StoppedEarlyError(Exception):
    """Tells the sink that the run did not get to its end."""
