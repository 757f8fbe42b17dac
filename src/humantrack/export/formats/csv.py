"""A row per frame and track, as text; docs/python.md describes the columns."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from humantrack.clips.source import Batch
from humantrack.export.formats.base import Exporter
from humantrack.export.formats.table import table_of


class Csv(Exporter):
    """Comma-separated UTF-8 with a line of names first; what is not finite is an empty cell."""

    def begin(self) -> None:
        """Write the names."""
        self._file = self.outputs.open(self.suffix)
        self._write([list(self._table(Batch([])))])

    def write(self, batch: Batch) -> None:
        """Append rows."""
        table = self._table(batch)
        cells = [self._cells(name, column) for name, column in table.items()]
        self._write(list(zip(*cells, strict=True)))

    def finish(self) -> None:
        """The last row is the end."""

    def _table(self, batch: Batch) -> dict[str, npt.NDArray[Any]]:
        return table_of(batch, self.options, trust=self.source.is_rated, in_world=self.in_world)

    def _cells(self, name: str, column: npt.NDArray[Any]) -> list[str]:
        """The texts of a column."""
        if column.dtype.kind in "OU":
            return ["" if value is None else str(value) for value in column]
        if column.dtype.kind == "f" and name != "time_s" and self.options.precision is not None:
            column = np.round(column, self.options.precision)
        # orjson writes the shortest text that reads back as the same number, and writes it fast.
        numbers = orjson.dumps(column, option=orjson.OPT_SERIALIZE_NUMPY).decode("ascii")[1:-1]
        return numbers.replace("null", "").split(",") if len(column) else []

    def _write(self, rows: list[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode("utf-8"))
