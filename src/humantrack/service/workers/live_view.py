"""Tells who watches a live job what it sees: lines of records, and a picture with the people."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import orjson

from humantrack.errors import HumantrackError
from humantrack.live import as_line
from humantrack.service import logs
from humantrack.service.jobs.live_lines import PICTURE, RECORDS, SCENE, LinesWriter, Watched
from humantrack.service.workers.live_scene import LiveScene
from humantrack.types import Frame, FrameRecord
from humantrack.video import LiveReader
from humantrack.video.live.box import Box

PICTURE_PX = 960
"""Longer side of the picture, at most."""

_PICTURE_S = 0.1
"""Least time between two pictures."""

_STILL_S = 5.0
"""How old the picture gets that nobody watches."""

_QUALITY = 80

Draw = Callable[[Frame, FrameRecord], Any]


class LiveView:
    """Writes for those who watch; a context manager. What fails here costs no recording.

    Args:
        folder: of the attempt's live files.
        live: what reads the source.
        draw: gives the picture (H,W,3) RGB of a frame with its people.
    """

    def __init__(self, folder: Path, live: LiveReader, draw: Draw) -> None:
        self._folder, self._live, self._draw = folder, live, draw
        self._records, self._lines = LinesWriter(folder, RECORDS), LinesWriter(folder, SCENE)
        self._scene, self._watched = LiveScene(), Watched(folder)
        self._drawn_s = float("-inf")
        self._box: Box[tuple[Frame, FrameRecord]] = Box(keeps_all=False)
        self._has_failed = False
        self._thread = threading.Thread(target=self._paint, name="live picture", daemon=True)

    def __enter__(self) -> LiveView:
        self._thread.start()
        return self

    def tell(self, state: str, frame: Frame, record: FrameRecord) -> None:
        """Tell of a frame, "provisional" or "final"; the picture and the page show the former."""
        if self._has_failed:
            return
        try:
            self._records.write(as_line(state, record, self._live))
            if state == "provisional":
                self._lines.write(orjson.dumps(self._as_shown(record)) + b"\n")
                self._offer(frame, record)
        except (OSError, HumantrackError, ValueError) as error:
            self._has_failed = True
            logs.error("a live job is not shown any more", error=str(error)[:200])

    def _offer(self, frame: Frame, record: FrameRecord) -> None:
        """Have a frame drawn if somebody watches, and now and then for who will."""
        now = time.monotonic()
        if self._watched.is_so() or now - self._drawn_s > _STILL_S:
            self._drawn_s = now
            self._box.put((frame, record))

    def _as_shown(self, record: FrameRecord) -> dict[str, Any]:
        now, captured = time.time(), self._live.started_unix_s + record.time_s
        return {
            **self._scene.frame(record),
            "captured_unix_s": round(captured, 3),
            "delay_ms": round(1000 * (now - captured), 1),
            "skipped": self._live.facts["skipped"],
        }

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._box.finish()
        self._thread.join(30)

    def _paint(self) -> None:
        """Draw the newest frame, in a thread of its own: the tracker does not wait for it."""
        while (item := self._box.take(lambda: False)) is not None:
            begun = time.monotonic()
            try:
                self._save(self._draw(*item))
            except Exception:  # noqa: BLE001 - a picture is worth no recording
                logs.error("no picture of a live job", trace=True)
                self._box.close()
                return
            time.sleep(max(0.0, _PICTURE_S - (time.monotonic() - begun)))

    def _save(self, rgb: Any) -> None:
        done, data = cv2.imencode(
            ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        if done:
            new = self._folder / f".{PICTURE}.tmp"
            new.write_bytes(data.tobytes())
            os.replace(new, self._folder / PICTURE)  # noqa: PTH105 - one call on every system
