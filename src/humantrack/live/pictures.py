"""Draws the newest frame in a thread of its own, when somebody looks."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from humantrack.detect.nanodet.watch import Watch
from humantrack.errors import HumantrackError, StageError
from humantrack.live.records import LiveRecord
from humantrack.render import FaceBlur
from humantrack.run.stages import Stages
from humantrack.types import Frame, FrameRecord

Draw = Callable[[Frame, FrameRecord], npt.NDArray[np.uint8]]
"""A frame and who is in it -> an RGB picture (H,W,3)."""

MOST_FPS = 30.0
QUALITY = 80
"""Of JPEG, 0 to 100."""

_NICE = 5
"""Steps by which drawing stands back behind tracking; only Linux has priorities of threads."""


class Pictures:
    """JPEG pictures of the newest frames. Implements ``RecordSink``.

    Whoever tells of frames is never held back: one that comes while another is drawn takes the
    place of the one that waits.

    Args:
        draw: draws a frame.
        wanted: whether anybody looks; nothing is drawn for nobody.
        show: takes each picture, in the thread that draws.
        most_fps: pictures a second at most; may be changed at any time.
    """

    def __init__(
        self,
        draw: Draw,
        *,
        wanted: Callable[[], bool],
        show: Callable[[bytes], Any],
        most_fps: float = MOST_FPS,
    ) -> None:
        self.most_fps = most_fps
        self.every = 1
        """Of so many frames one is drawn; may be changed at any time."""

        self.drawn = 0
        """Pictures so far."""
        self._draw, self._wanted, self._show = draw, wanted, show
        self._newest: LiveRecord | None = None
        self._count = 0
        self._changed = threading.Condition()
        self._is_over = False
        self._failure: HumantrackError | None = None
        self._thread = threading.Thread(target=self._run, name="live pictures", daemon=True)

    def __enter__(self) -> Pictures:
        self._thread.start()
        return self

    def tell(self, told: LiveRecord) -> None:
        """Take a frame, if it is the newest. Raises what drawing an earlier one has raised."""
        if self._failure is not None:
            raise self._failure
        if told.state != "provisional":
            return
        self._count += 1
        if self._count % self.every == 0:
            with self._changed:
                self._newest = told
                self._changed.notify()

    def look(self) -> None:
        """Say that somebody looks by now."""
        with self._changed:
            self._changed.notify()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()
        self._thread.join(10)
        if error is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        if sys.platform == "linux":
            os.nice(_NICE)
        done: LiveRecord | None = None
        try:
            while (told := self._next(done)) is not None:
                begun_s = time.monotonic()
                self._show(as_jpeg(self._draw(told.frame, told.record)))
                self.drawn += 1
                done = told
                self._rest(begun_s)
        except HumantrackError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - raised for who tells of the next frame
            said = f"{type(error).__name__}: {error}"
            self._failure = StageError("drawing failed", hint=said)

    def _next(self, done: LiveRecord | None) -> LiveRecord | None:
        with self._changed:
            while not self._is_over:
                if self._newest is not None and self._newest is not done and self._wanted():
                    return self._newest
                self._changed.wait()
        return None

    def _rest(self, begun_s: float) -> None:
        """Wait until the next picture may come."""
        end_s = begun_s + 1 / self.most_fps
        with self._changed:
            while not self._is_over and (left_s := end_s - time.monotonic()) > 0:
                self._changed.wait(left_s)


def drawing(stages: Stages, *, blur_faces: bool) -> Draw:
    """What draws the people of a frame as the overlay of a run does.

    Args:
        stages: with a visualizer.
        blur_faces: make faces unrecognisable first.
    """
    hide = FaceBlur(getattr(stages, "body", None), Watch()) if blur_faces else None

    def draw(frame: Frame, record: FrameRecord) -> npt.NDArray[np.uint8]:
        shown = frame if hide is None else hide.blurred(frame, record)
        picture: npt.NDArray[np.uint8] = stages.visualizer.draw(shown, record)
        return picture

    return draw


def as_jpeg(rgb: npt.NDArray[np.uint8]) -> bytes:
    """A picture (H,W,3) as a JPEG file."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(data)
