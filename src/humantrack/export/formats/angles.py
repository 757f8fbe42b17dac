"""Joint angles of each person over time as a table; docs/angles.md defines them."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, ClassVar, cast

import numpy as np
import orjson

from humantrack.body.joints import PHALP_JOINTS
from humantrack.clips.frames import Batch
from humantrack.export.formats.base import MotionExporter
from humantrack.export.formats.header import header_of
from humantrack.export.formats.parquet import metadata_of
from humantrack.export.formats.tabular import Columns, CsvFile, ParquetFile, Tabular
from humantrack.motion.angles import NAMES, joint_angles, trust_of
from humantrack.motion.gait import gait_of
from humantrack.motion.motion import Motion
from humantrack.types import SOURCE_NAMES
from humantrack.types.arrays import BoolArray

_READABLE = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_DATACLASS

_ANKLES = [PHALP_JOINTS.index(f"{side}_ankle") for side in ("left", "right")]

DIGITS = 4
"""After the point, in text: a ten-thousandth of a degree."""


class Angles(MotionExporter):
    """A row per track and frame, as CSV: when it is, whether the person was seen, 33 angles.

    If the results say how far joints are to be trusted, each joint has its confidence and source.
    In the world, where it is known when feet stand, a file ``.gait.json`` beside it has the steps.
    """

    gait_suffix: ClassVar[str] = ".gait.json"
    """Each kind's own, so that both can be exported into one folder."""

    def begin(self) -> None:
        """Write the names."""
        super().begin()
        self._frames = 0
        self._steps: list[dict[str, Any]] = []
        self._rows = self._begun(self._table(None))

    def write(self, batch: Batch) -> None:
        """Gather the people."""
        super().write(batch)
        self._frames += len(batch.selected.frames)

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Append one track."""
        for part in motion.parts(rows):
            self._rows.write(self._table(part))
        if motion.contacts is not None:
            self._steps += steps_of(motion, rows)

    def finish(self) -> None:
        """Write the tracks, and what is known of all rows."""
        super().finish()
        if self._steps and not self.outputs.is_stream:
            about = {"unit": "m, s", "people": self._steps}
            self.outputs.open_beside(self.gait_suffix).write(orjson.dumps(about, option=_READABLE))
        header = header_of(self.source, frames=self._frames, non_finite=0, in_world=self.in_world)
        self._rows.close({**metadata_of(header), "unit": "degrees"})

    def _begun(self, columns: Columns) -> Tabular:
        file, digits = self.outputs.open(self.suffix), self.options.precision
        return CsvFile(file, columns, DIGITS if digits is None else digits)

    def _table(self, part: Motion | None) -> Columns:
        """The columns of a stretch; None has no rows."""
        count = 0 if part is None else len(part)
        kinds = {"frame": "i8", "time_s": "f8", "shot": "i8", "observed": "?"}
        columns: Columns = {
            "track_id": np.full(count, 0 if part is None else part.track_id, np.int64),
            "part": np.full(count, 1 if part is None else part.part or 1, np.int64),
            **{n: np.zeros(0, k) if part is None else getattr(part, n) for n, k in kinds.items()},
        }
        local = np.zeros((0, 24, 3, 3)) if part is None else part.matrices
        columns |= zip(NAMES, joint_angles(local).astype(np.float32).T, strict=True)
        if self.source.is_rated:
            source = np.zeros((0, 45), np.int8) if part is None else part.joint_source
            confidence = np.zeros((0, 45), np.float32) if part is None else part.joint_confidence
            for joint, (worst, least) in trust_of(source, confidence).items():
                columns[f"{joint}_confidence"] = np.asarray(least, np.float32)
                names = [None if i < 0 else SOURCE_NAMES[i] for i in worst.tolist()]
                columns[f"{joint}_source"] = np.array(names, object)
        return columns


class AnglesParquet(Angles):
    """The same table as Parquet.

    Raises:
        DependencyError: on ``begin``, if pyarrow is missing or too old.
    """

    gait_suffix = ".parquet.gait.json"

    def _begun(self, columns: Columns) -> Tabular:
        return ParquetFile(self.outputs.open(self.suffix), columns)


def steps_of(motion: Motion, rows: slice) -> list[dict[str, Any]]:
    """The steps in these rows of a motion, shot by shot; each shot has a world of its own."""
    shot = motion.shot[rows]
    cuts = [0, *(np.flatnonzero(np.diff(shot)) + 1).tolist(), len(shot)]
    contacts = cast("BoolArray", motion.contacts)[rows].astype(bool)
    feet = np.concatenate([part.joints[:, _ANKLES] for part in motion.parts(rows)])
    out = []
    for a, b in itertools.pairwise(cuts):
        gait = gait_of(motion.time_s[rows][a:b], contacts[a:b], feet[a:b])
        about = {"track_id": motion.track_id, "part": motion.part or 1, "shot": int(shot[a])}
        out.append({**about, **dataclasses.asdict(gait)})
    return out
