"""The sink that gathers, in the same pass over the video, how the camera moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from humantrack.types import Frame, FrameRecord
from humantrack.world.camera.features import BackgroundTracker
from humantrack.world.camera.lines import LineFinder
from humantrack.world.camera.silhouettes import background
from humantrack.world.camera.writer import EvidenceWriter


class CameraSink:
    """Follows points of the background and writes where they are: a ``Sink``, ``Resumable``.

    Now and then it also writes where straight edges are that may be vertical.

    What it writes depends on the frames and records alone; resumed it writes the same bytes.
    Memory does not grow with the number of frames.

    Args:
        path: of the evidence (``evidence_path``).
        source: fingerprint of the video; None: not known.
        state: go on from another one's ``state_dict``.
    """

    def __init__(
        self, path: Path, *, source: str | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self._tracker, self._lines = BackgroundTracker(), LineFinder()
        self._writer = EvidenceWriter(path, source=source, state=state and state["file"])
        if state:
            self._load(state)

    def __enter__(self) -> CameraSink:
        self._writer.open()
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Follow the background into one more frame."""
        picture = self._tracker.reduced(frame.rgb)
        mask = background(record, picture.shape)
        tracks = self._tracker.follow(frame, picture, mask)
        self._writer.append(replace(tracks, lines=self._lines.lines(tracks, picture, mask)))

    def state_dict(self) -> Mapping[str, Any]:
        """All that the coming frames depend on; also after leaving."""
        return {
            "file": self._writer.state_dict(),
            "tracker": self._tracker.state_dict(),
            "lines": self._lines.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; before entering."""
        self._load(state)
        before = self._writer
        self._writer = EvidenceWriter(before.path, source=before.source, state=state["file"])

    def _load(self, state: Mapping[str, Any]) -> None:
        self._tracker.load_state_dict(state["tracker"])
        self._lines.load_state_dict(state["lines"])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close(is_whole=kind is None)
