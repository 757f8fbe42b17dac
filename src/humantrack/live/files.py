"""Records as lines: to standard output, or to a file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from humantrack.atomic import cannot_write, replace
from humantrack.errors import OutputTakenError
from humantrack.live.records import LiveRecord
from humantrack.results import partial_path


class StreamOutput:
    """Writes every record at once; who reads slowly holds the tracker back.

    Implements ``RecordSink``. Raises ``BrokenPipeError`` when nobody reads any more.

    Args:
        stream: to write to; it is left open.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __enter__(self) -> StreamOutput:
        return self

    def tell(self, told: LiveRecord) -> None:
        """Write a line."""
        self._stream.write(told.line)
        self._stream.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing waits."""


class FileOutput:
    """Writes the final records; until the end the file is called ``NAME.partial.jsonl``.

    Implements ``RecordSink``.

    Args:
        path: of the file.
        overwrite: it may replace one that is there.

    Raises:
        OutputTakenError: if a file is there that may not be replaced.
        OutputError: if it cannot be written.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._path, self._partial = path, partial_path(path)
        if path.exists() and not overwrite:
            raise OutputTakenError(
                "a file is there already", where=path, hint="overwrite=true replaces it"
            )
        self._file: BinaryIO | None = None
        self._lines = 0

    def __enter__(self) -> FileOutput:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("wb")
        except OSError as error:
            raise cannot_write(self._path, error) from error
        return self

    def tell(self, told: LiveRecord) -> None:
        """Write a line, if it is final."""
        if told.state != "final" or self._file is None:
            return
        try:
            self._file.write(told.line)
            self._file.flush()
            self._lines += 1
        except OSError as error:
            self._close()
            raise cannot_write(
                self._path, error, f"what was written is in {self._partial}"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, if it is whole."""
        if self._file is None:
            return
        self._close()
        if error is not None:
            if self._lines == 0:
                self._partial.unlink(missing_ok=True)
            return
        try:
            replace(self._partial, self._path)
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # a full disk was told of by the write
                file.close()
