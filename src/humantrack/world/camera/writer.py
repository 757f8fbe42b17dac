"""Writes the evidence of the camera's motion, as frames become final."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from humantrack.atomic import cannot_write, crc_of_next, put_all, replace
from humantrack.errors import CheckpointError
from humantrack.results.writer import partial_path
from humantrack.world.camera.evidence import (
    BLOCK,
    HEAD_SIZE,
    MAGIC,
    FrameTracks,
    encode_block,
    end_mark,
    head_of,
)


def evidence_path(results: Path) -> Path:
    """Where the evidence lies of the run that wrote ``results``."""
    return results.with_suffix(".camera")


def check_evidence(path: Path, state: Mapping[str, Any]) -> None:
    """See that the file on disk begins as a writer's ``state_dict`` says.

    Args:
        path: the final name; without a partial file the final one is looked at.
        state: from ``EvidenceWriter.state_dict``.

    Raises:
        CheckpointError: if it does not.
    """
    partial = partial_path(path)
    file_path = partial if partial.exists() else path
    try:
        with file_path.open("rb") as file:
            magic = file.read(HEAD_SIZE)[: len(MAGIC)]
            crc = crc_of_next(file, int(state["position"]) - HEAD_SIZE)
    except OSError as error:
        raise CheckpointError("the camera evidence cannot be read", where=file_path) from error
    if magic != MAGIC or crc != state["crc"]:
        raise CheckpointError("the camera evidence is not as it was left", where=file_path)


class EvidenceWriter:
    """Appends frames, a block at a time; the file takes its name when all are in it.

    Args:
        path: the final name; an earlier file of that name is replaced at the end.
        source: fingerprint of the video; None: not known.
        state: resume the file another writer left, from where its ``state_dict`` says.
    """

    def __init__(
        self, path: Path, *, source: str | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        self.path, self.partial_path = path, partial_path(path)
        self.source = source
        self._start = state
        self._waiting: list[FrameTracks] = []
        self._position, self._crc = HEAD_SIZE, 0
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Begin, or go on.

        Raises:
            OutputError: if the file cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._start is None:
                self._file = self.partial_path.open("wb", buffering=0)
                self._put(head_of(self.source))
            else:
                self._go_on(self._start)
        except OSError as error:
            self._close()
            raise cannot_write(self.partial_path, error) from error

    def append(self, frame: FrameTracks) -> None:
        """Add one frame.

        Raises:
            OutputError: if the disk refuses; what was written before is kept.
        """
        self._waiting.append(frame)
        if len(self._waiting) == BLOCK:
            block = encode_block(self._waiting)
            try:
                self._put(block)
            except OSError as error:
                self._cut_back()
                raise cannot_write(self.partial_path, error) from error
            self._position += len(block)
            self._crc = zlib.crc32(block, self._crc)
            self._waiting = []

    def state_dict(self) -> dict[str, Any]:
        """Where the last whole block ends, once it is on the disk, and the frames after it.

        Raises:
            OutputError: if it cannot be brought there.
        """
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise cannot_write(self.partial_path, error) from error
        waiting = [_plain(frame) for frame in self._waiting]
        return {"position": self._position, "crc": self._crc, "waiting": waiting}

    def close(self, *, is_whole: bool) -> None:
        """End the file; one that is not whole keeps its partial name and has no end mark.

        Raises:
            OutputError: if the disk refuses.
        """
        if self._file is None:
            return
        try:
            block = encode_block(self._waiting) if self._waiting else b""
            self._put(block)
            if is_whole:
                self._put(end_mark(zlib.crc32(block, self._crc)))
                os.fsync(self._file.fileno())
            self._close()
            if is_whole:
                replace(self.partial_path, self.path)
            elif self._position == HEAD_SIZE and not block:
                self.partial_path.unlink(missing_ok=True)
        except OSError as error:
            self._cut_back()
            self._close()
            raise cannot_write(self.path, error) from error

    def _go_on(self, state: Mapping[str, Any]) -> None:
        if not self.partial_path.exists():  # stopped after all was written
            self.path.replace(self.partial_path)
        self._position, self._crc = int(state["position"]), int(state["crc"])
        self._waiting = [FrameTracks(**frame) for frame in state["waiting"]]
        self._file = self.partial_path.open("r+b", buffering=0)
        self._file.truncate(self._position)
        self._file.seek(self._position)

    def _put(self, data: bytes) -> None:
        if self._file is None:
            raise ValueError("the evidence file is not open")
        put_all(self._file, data)

    def _cut_back(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.truncate(self._position)
                self._file.seek(self._position)

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None


def _plain(frame: FrameTracks) -> dict[str, Any]:
    return {name: getattr(frame, name) for name in FrameTracks.__slots__}
