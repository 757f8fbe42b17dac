"""The rows of csv, typed and compressed, with the document's header in the file's metadata."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson

from humantrack.clips.source import Batch
from humantrack.errors import DependencyError
from humantrack.export.formats.base import Exporter
from humantrack.export.formats.header import header_of
from humantrack.export.formats.table import table_of

ROW_GROUP_ROWS = 8192
"""Rows in memory at a time: some 12 MB."""

METADATA_KEY = "humantrack"


class Parquet(Exporter):
    """One Parquet file, written in row groups; what is not finite is null.

    The metadata's ``humantrack`` is the document's header as JSON.

    Raises:
        DependencyError: on ``begin``, if pyarrow is missing or too old.
    """

    def begin(self) -> None:
        """Fix the columns' types."""
        arrow, parquet = _pyarrow()
        self._arrow = arrow
        self._frames = self._non_finite = 0
        self._waiting: list[Any] = []
        empty = self._rows(Batch([]))
        sink = _Sink(self.outputs.open(self.suffix))
        self._writer = parquet.ParquetWriter(
            sink, empty.schema, compression="zstd", use_dictionary=["key", "state"]
        )

    def write(self, batch: Batch) -> None:
        """Keep rows until they make a group."""
        self._frames += len(batch.frames)
        self._non_finite += batch.people.non_finite()
        self._waiting.append(self._rows(batch))
        if sum(len(rows) for rows in self._waiting) >= ROW_GROUP_ROWS:
            self._write_group()

    def finish(self) -> None:
        """Write the last group and the metadata."""
        self._write_group()
        header = header_of(
            self.source,
            frames=self._frames,
            non_finite=self._non_finite,
            in_world=self.in_world,
        )
        self._writer.add_key_value_metadata({METADATA_KEY: orjson.dumps(header)})
        self._writer.close()

    def _rows(self, batch: Batch) -> Any:
        columns = table_of(batch, self.options, trust=self.source.is_rated, in_world=self.in_world)
        return self._arrow.table({name: self._column(c) for name, c in columns.items()})

    def _column(self, column: npt.NDArray[Any]) -> Any:
        if column.dtype.kind in "OU":
            return self._arrow.array(column.tolist(), self._arrow.string())
        return self._arrow.array(column, mask=np.isnan(column))

    def _write_group(self) -> None:
        count = sum(len(rows) for rows in self._waiting)
        if count:
            rows = self._arrow.concat_tables(self._waiting)
            self._writer.write_table(rows, row_group_size=count)
        self._waiting = []


class _Sink:
    """A file that may be closed early: an export was given up, but its writer still wants to end.

    Without it pyarrow writes to standard error, after the error that matters.
    """

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        """Write, or drop what comes too late."""
        return len(data) if self._file.closed else self._file.write(data)

    def flush(self) -> None:
        """Left to the file's owner."""

    def close(self) -> None:
        """Left to the file's owner."""


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyError(
            f"parquet needs pyarrow ({error})", hint="install it: pip install 'humantrack[parquet]'"
        ) from error
    return pyarrow, parquet
