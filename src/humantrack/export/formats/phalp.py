"""A results file in exactly PHALP's schema, for programs that were written for its own."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import Exporter
from humantrack.results import TRUST_KEYS
from humantrack.results.encode import END, HEADER, encode_frame

_COMPRESS = 3
"""zlib's level, as PHALP has it."""

_OURS = {*TRUST_KEYS, "time_s"}
"""The keys that PHALP's frames do not have."""


class Phalp(Exporter):
    """``joblib.load`` reads it, with numpy 1 and 2."""

    def begin(self) -> None:
        """Begin the dictionary of frames."""
        self._file: BinaryIO = self.outputs.open(self.suffix)
        self._zlib = zlib.compressobj(_COMPRESS)
        self._put(HEADER)

    def write(self, batch: Batch) -> None:
        """Append frames.

        Raises:
            ResultsError: if one is malformed.
        """
        _ = batch.people  # looks at every frame
        for frame in batch.frames:
            kept = {key: value for key, value in frame.raw.items() if key not in _OURS}
            self._put(encode_frame(frame.key, kept))

    def finish(self) -> None:
        """End the dictionary."""
        self._put(END)
        self._file.write(self._zlib.flush())

    def _put(self, data: bytes) -> None:
        self._file.write(self._zlib.compress(data))
