"""OpenSim's storage of joint angles: coordinates of a model over time.

Names and signs are those of Rajagopal et al.'s full-body model (IEEE Trans. Biomed. Eng. 63, 2016),
the model that comes with OpenSim. Source of the layout: OpenSim's documentation, "Storage (.sto)
files" and "Motion (.mot) files".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from humantrack.export.formats.base import MotionExporter
from humantrack.export.formats.bvh import continuous_euler
from humantrack.motion.angles import ISB, JOINTS, TRUNK, turn_of
from humantrack.motion.motion import Motion
from humantrack.types.arrays import FloatArray

DIGITS = 6

_PELVIS = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
_TRUNK = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
_SIDE: dict[str, tuple[str, ...]] = {
    "hip": ("hip_flexion", "hip_adduction", "hip_rotation"),
    "knee": ("knee_angle",),
    "ankle": ("ankle_angle", "subtalar_angle"),
    "shoulder": ("arm_flex", "arm_add", "arm_rot"),
    "elbow": ("elbow_flex",),
}
"""The coordinates of a side, in the order of turns about z, x, y; of some only the first are. The
zero of the model's forearm is another, so that its pronation is left out."""

_BACKWARDS = ("knee_angle",)
"""Bent legs are positive there, although they turn backwards."""

COORDINATES = (
    *_PELVIS,
    *(f"{name}_{side}" for side in "rl" for names in _SIDE.values() for name in names),
    *_TRUNK,
)


class Coordinates(MotionExporter):
    """A file per track at even frames: degrees, metres, y up.

    The pelvis moves in the axes of ``motion.motion``; time is that of the source. Angles do not
    jump: of the triples that are one rotation the one nearest to the frame before is taken.
    """

    is_even = True

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write one track."""
        digits = DIGITS if self.options.precision is None else self.options.precision
        start, stop, _ = rows.indices(len(motion))
        head = [
            "Coordinates",
            "version=1",
            f"nRows={stop - start}",
            f"nColumns={len(COORDINATES) + 1}",
            "inDegrees=yes",
            "",
            "Units are S.I. units (second, meters, Newtons, ...)",
            "Angles are in degrees.",
            "",
            "endheader",
            "\t".join(["time", *COORDINATES]),
        ]
        time_s = motion.time_s[0] + np.arange(len(motion)) / motion.fps
        with self.open_track(motion) as file:
            file.write("".join(f"{line}\n" for line in head).encode("ascii"))
            row = 0
            # Angles go on from frame to frame, so what comes before the rows is looked at too.
            for table in _tables(motion.parts(slice(0, stop))):
                for at, values in enumerate(np.round(table, digits) + 0.0, start=row):
                    if at >= start:
                        cells = "\t".join(f"{value:.{digits}f}" for value in values.tolist())
                        file.write(f"{time_s[at]:.6f}\t{cells}\n".encode("ascii"))
                row += len(table)


def _tables(parts: Iterable[Motion]) -> Iterator[FloatArray]:
    """(T,C) coordinates of each stretch, in the order of ``COORDINATES``."""
    before: FloatArray | None = None
    for part in parts:
        local = part.matrices
        pelvis = local[:, 0] @ ISB.T
        turns = [pelvis, *(turn_of(local, side, j) for side in ("right_", "left_") for j in JOINTS)]
        turns.append(turn_of(local, "", TRUNK))
        angles = continuous_euler(np.stack(turns, axis=1), "ZXY", before)
        before = angles[-1]
        columns = [angles[:, 0], part.pelvis]
        for k, joint in enumerate((*JOINTS, *JOINTS), start=1):
            for axis, name in enumerate(_SIDE[joint.name]):
                sign = -1 if name in _BACKWARDS else 1
                columns.append(sign * angles[:, k, axis, None])
        columns.append(angles[:, -1])
        yield np.concatenate(columns, axis=1)
