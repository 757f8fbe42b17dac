"""A row per frame and track, as text; docs/python.md describes the columns."""

from __future__ import annotations

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import Exporter
from humantrack.export.formats.beside import Beside
from humantrack.export.formats.table import table_of
from humantrack.export.formats.tabular import Columns, CsvFile


class Csv(Exporter):
    """Comma-separated UTF-8 with a line of names first; what is not finite is an empty cell."""

    def begin(self) -> None:
        """Write the names."""
        file = self.outputs.open(self.suffix)
        self._rows = CsvFile(file, self._table(Batch([])), self.options.precision)
        self._beside = Beside(
            self, lambda file, empty: CsvFile(file, empty, self.options.precision)
        )

    def write(self, batch: Batch) -> None:
        """Append rows."""
        self._rows.write(self._table(batch))
        self._beside.write(batch)

    def finish(self) -> None:
        """Write the tables beside the rows."""
        self._beside.close({})

    def _table(self, batch: Batch) -> Columns:
        return table_of(batch, self.options, trust=self.source.is_rated, in_world=self.in_world)
