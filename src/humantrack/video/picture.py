"""Writes the overlay of a single picture: a picture."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2

from humantrack.atomic import atomic_write
from humantrack.types.arrays import ByteArray


class PictureWriter:
    """A PNG, in place of a video of one frame. A context manager.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)

    def __enter__(self) -> PictureWriter:
        return self

    def write(self, rgb: ByteArray, time_s: float | None = None) -> None:
        """Write it, (H,W,3) uint8; it has its name when this returns.

        Raises:
            OutputError: if it cannot be written.
        """
        write_png(self._path, rgb)

    def state_dict(self) -> dict[str, Any]:
        """That of a video without frames: a run that goes on draws the picture again."""
        return {"frames": 0}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left to do."""


def write_png(path: Path, rgb: ByteArray) -> None:
    """Write a picture (H,W,3) uint8 whole or not at all.

    Raises:
        OutputError: if it cannot be written.
    """
    _, data = cv2.imencode(".png", rgb[..., ::-1])
    with atomic_write(path) as file:
        file.write(data.tobytes())
