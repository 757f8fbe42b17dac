"""MOTChallenge's text: one box a line.

Frames and pixels are numbered from 1 there: the box of the top left pixel begins at 1, 1.
Source: the format as motchallenge.net and motmetrics' reader have it.
"""

from __future__ import annotations

import numpy as np
import orjson

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import Exporter


class Mot(Exporter):
    """``frame,id,left,top,width,height,conf,-1,-1,-1``: people seen, without the ghosts of others.

    The frame is its number in the results plus 1, whichever are selected. A box that is not
    finite is left out, a score that is not finite is -1.
    """

    def begin(self) -> None:
        """There is no header."""
        self._file = self.outputs.open(self.suffix)

    def write(self, batch: Batch) -> None:
        """Append the boxes of each frame."""
        people, digits = batch.people, self.options.precision
        numbers = [frame.index + 1 for frame in batch.frames]
        values = np.column_stack([people.xywh_px, people.score])
        values[:, :2] += 1
        values[~np.isfinite(values[:, 4]), 4] = -1
        seen = np.flatnonzero((people.missed == 0) & np.isfinite(values).all(axis=1))
        if digits is not None:
            values = np.round(values, digits)
        lines = []
        for row in seen:
            text = orjson.dumps(values[row], option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()
            frame = numbers[people.frame_row[row]]
            lines.append(f"{frame},{people.track_id[row]},{text},-1,-1,-1\n")
        self._file.write("".join(lines).encode("ascii"))

    def finish(self) -> None:
        """The last line is the end."""
