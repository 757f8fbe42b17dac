"""Files of a table, written some rows at a time: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from humantrack.errors import DependencyError

Columns = dict[str, npt.NDArray[Any]]

ROW_GROUP_ROWS = 8192
"""Rows of Parquet in memory at a time: some 12 MB."""

_NUMBERS_IN_FULL = ("time_s",)
"""Columns that are not rounded."""


class Tabular(Protocol):
    """A file that takes rows."""

    def write(self, columns: Columns) -> None:
        """Append rows, always of the same columns."""

    def close(self, metadata: dict[str, Any]) -> None:
        """End the file; ``metadata`` by key, where the format has a place for it."""


class CsvFile:
    """Comma-separated UTF-8 with a line of names first; what is not finite is an empty cell.

    Args:
        file: to write to.
        names: of the columns.
        precision: digits after the point; None writes what reads back as the same number.
    """

    def __init__(self, file: BinaryIO, columns: Columns, precision: int | None = None) -> None:
        self._file, self._precision = file, precision
        self._append([list(columns)])

    def write(self, columns: Columns) -> None:
        """Append rows."""
        cells = [self._cells(name, column) for name, column in columns.items()]
        self._append(list(zip(*cells, strict=True)))

    def close(self, metadata: dict[str, Any]) -> None:
        """The last row is the end; there is no place for metadata."""

    def _cells(self, name: str, column: npt.NDArray[Any]) -> list[str]:
        """The texts of a column."""
        if column.dtype.kind in "OU":
            return ["" if value is None else str(value) for value in column]
        is_rounded = column.dtype.kind == "f" and name not in _NUMBERS_IN_FULL
        if is_rounded and self._precision is not None:
            column = np.round(column, self._precision)
        # orjson writes the shortest text that reads back as the same number, and writes it fast.
        data = np.ascontiguousarray(column)
        numbers = orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY).decode("ascii")[1:-1]
        return numbers.replace("null", "").split(",") if len(column) else []

    def _append(self, rows: list[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode("utf-8"))


class ParquetFile:
    """A Parquet file of row groups; what is not finite is null.

    Args:
        file: to write to.
        columns: no rows, which fix names and types.

    Raises:
        DependencyError: if pyarrow is missing or too old.
    """

    def __init__(self, file: BinaryIO, columns: Columns) -> None:
        self._arrow, parquet = _pyarrow()
        self._waiting: list[Any] = []
        empty = self._rows(columns)
        repeated = [name for name in empty.column_names if name in ("key", "state")]
        self._writer = parquet.ParquetWriter(
            _Sink(file), empty.schema, compression="zstd", use_dictionary=repeated
        )

    def write(self, columns: Columns) -> None:
        """Keep rows until they make a group."""
        self._waiting.append(self._rows(columns))
        if sum(len(rows) for rows in self._waiting) >= ROW_GROUP_ROWS:
            self._write_group()

    def close(self, metadata: dict[str, Any]) -> None:
        """Write the last group and the metadata: text as it is, all else as JSON."""
        self._write_group()
        known = {
            key: value if isinstance(value, str) else orjson.dumps(value)
            for key, value in metadata.items()
        }
        self._writer.add_key_value_metadata(known)
        self._writer.close()

    def _rows(self, columns: Columns) -> Any:
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
