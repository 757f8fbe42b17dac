"""The sink that gathers, in the same pass over the video, how the camera moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from humantrack.types import Frame, FrameRecord
from humantrack.world.camera.features import BackgroundTracker
from humantrack.world.camera.silhouettes import background
from humantrack.world.camera.writer import EvidenceWriter


class CameraSink:
    """Follows points of the background and writes where they are: a ``Sink``, ``Resumable``.

    What it writes depends on the frames and records alone; resumed it writes the same bytes.
    Memory does not grow with the number of frames.

    Args:
        path: of the evidence (``evidence_path``).
        state: go on from another one's ``state_dict``.
    """

    def __init__(self, path: Path, *, state: Mapping[str, Any] | None = None) -> None:
        self._tracker = BackgroundTracker()
        self._writer = EvidenceWriter(path, state=state and state["file"])
        if state:
            self._tracker.load_state_dict(state["tracker"])

    def __enter__(self) -> CameraSink:
        self._writer.open()
        return self

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Follow the background into one more frame."""
        picture = self._tracker.reduced(frame.rgb)
        mask = background(record, picture.shape)
        self._writer.append(self._tracker.follow(frame, picture, mask))

    def state_dict(self) -> Mapping[str, Any]:
        """All that the coming frames depend on; also after leaving."""
        return {"file": self._writer.state_dict(), "tracker": self._tracker.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; before entering."""
        self._tracker.load_state_dict(state["tracker"])
        self._writer = EvidenceWriter(self._writer.path, state=state["file"])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close(is_whole=kind is None)
