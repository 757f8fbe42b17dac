"""The rows of csv, typed and compressed, with what is known of them in the file's metadata."""

from __future__ import annotations

from typing import Any

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import Exporter
from humantrack.export.formats.beside import Beside
from humantrack.export.formats.header import header_of
from humantrack.export.formats.table import table_of
from humantrack.export.formats.tabular import Columns, ParquetFile

METADATA_KEY = "humantrack"


class Parquet(Exporter):
    """One Parquet file, written in row groups; what is not finite is null.

    The metadata's ``humantrack`` is the document's header as JSON; ``fps``, ``focal_length_px``,
    ``unit``, ``space`` and ``model`` are what programs ask for first, each under its own key.

    Raises:
        DependencyError: on ``begin``, if pyarrow is missing or too old.
    """

    def begin(self) -> None:
        """Fix the columns' types."""
        self._frames = self._non_finite = 0
        self._rows = ParquetFile(self.outputs.open(self.suffix), self._table(Batch([])))
        self._beside = Beside(self, ParquetFile)

    def write(self, batch: Batch) -> None:
        """Append rows."""
        self._frames += len(batch.frames)
        self._non_finite += batch.people.non_finite()
        self._rows.write(self._table(batch))
        self._beside.write(batch)

    def finish(self) -> None:
        """Write the last group and the metadata."""
        header = header_of(
            self.source,
            frames=self._frames,
            non_finite=self._non_finite,
            in_world=self.in_world,
        )
        metadata = metadata_of(header)
        self._rows.close(metadata)
        self._beside.close(metadata)

    def _table(self, batch: Batch) -> Columns:
        return table_of(batch, self.options, trust=self.source.is_rated, in_world=self.in_world)


def metadata_of(header: dict[str, Any]) -> dict[str, Any]:
    """Metadata of a Parquet file, by key, from the document's header."""
    coordinates = header["coordinates"]
    known = {
        "fps": header["source"]["fps"],
        "focal_length_px": coordinates["focal_length_px"],
        "unit": "m",
        "space": coordinates.get("space", "camera"),
        "model": header["model"],
    }
    return {METADATA_KEY: header, **known}
