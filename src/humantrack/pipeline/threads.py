"""A sink in a thread of its own, behind a bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any

from humantrack.pipeline.stopping import TakenOverError
from humantrack.types import Frame, FrameRecord
from humantrack.types.stages import Sink

_State = Future[Mapping[str, Any]]
_Item = tuple[Frame, FrameRecord] | _State

_LAST_WAIT_S = 5.0
"""How long a sink that matters may take to close when the run is aborted."""


class ThreadedSink:
    """Passes frames to ``sink`` in order, from a thread; the caller waits when it lags behind.

    An error in the sink is raised by the next ``write`` or on leaving. All of the sink's methods
    run in that one thread. When the run is aborted (an error that is no ``Exception``, such as
    a second Ctrl-C), an optional sink gets nothing more of what waits.

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
        if self._optional and error is not None and not isinstance(error, Exception):
            with suppress(queue.Empty):
                while True:
                    self._queue.get_nowait()
        try:
            self._queue.put(None)
            self._thread.join()
        except KeyboardInterrupt:
            if not self._optional:
                self._thread.join(_LAST_WAIT_S)
            raise
        if self._failure is not None and error is None:
            raise self._failure

    def state_dict(self) -> Mapping[str, Any]:
        """The sink's, when all frames so far have been written; also after leaving.

        Raises:
            BaseException: what the sink raised, now or on an earlier frame.
        """
        if not self._thread.is_alive():
            if self._failure is not None:
                raise self._failure
            return self._state()
        answer: _State = Future()
        self._queue.put(answer)
        return answer.result()

    def _state(self) -> Mapping[str, Any]:
        state: Mapping[str, Any] = self._sink.state_dict()  # type: ignore[attr-defined]
        return state

    def _run(self) -> None:
        try:
            with self._sink:
                for item in self._items():
                    self._take(item)
                if self._stop_reason is not None:
                    is_ours = not isinstance(self._stop_reason, TakenOverError)
                    is_calm = is_ours and isinstance(self._stop_reason, Exception)
                    raise _StoppedEarlyError if is_calm else _BrokenOffError
        except (_StoppedEarlyError, _BrokenOffError):
            return
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._failure = error
            for item in self._items():  # keep the caller from waiting for ever
                if isinstance(item, Future):
                    item.set_exception(error)

    def _take(self, item: _Item) -> None:
        if not isinstance(item, Future):
            self._sink.write(*item)
            return
        try:
            item.set_result(self._state())
        except BaseException as error:
            item.set_exception(error)
            raise

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


class _BrokenOffError(BaseException):
    """... and that nobody waits for anything more."""
