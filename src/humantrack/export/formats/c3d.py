"""C3D: markers over time, as biomechanics and motion capture programs read them.

ezc3d writes the header and the parameters, of a file of one frame; the frames are appended as they
come, as ezc3d holds all frames of a file in memory. Source of the layout: C3D.org, "The C3D file
format user guide".
"""

from __future__ import annotations

import struct
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from humantrack.errors import DependencyError
from humantrack.export.formats.base import MotionExporter
from humantrack.export.formats.trc import MARKER_SETS, MARKERS
from humantrack.export.rigs import rig_of
from humantrack.motion.motion import Motion
from humantrack.motion.rig import Rig
from humantrack.motion.spool import chunks
from humantrack.types import JointSource
from humantrack.types.arrays import FloatArray

MOST_FRAMES = 65535
"""Of one file: the header counts frames in 16 bits."""

UNIT = "mm"
_BLOCK = 512
_FIRST, _LAST, _DATA = 6, 8, 16
"""Places in the header: of the first and last frame, and of the block where frames begin."""


class C3d(MotionExporter):
    """A file per track: the markers of ``trc``; millimetres and y up, unless the options say else.

    A marker that is missing has the residual -1. Motions of more than 65,535 frames, the most that
    a file can hold, go on in further files.

    Raises:
        DependencyError: on ``begin``, if ezc3d is missing.
    """

    is_even = True

    def begin(self) -> None:
        """See that the library is there."""
        _ezc3d()
        super().begin()

    def write_motion(self, motion: Motion, rows: slice = slice(None)) -> None:
        """Write one track at even frames."""
        start, stop, _ = rows.indices(len(motion))
        for number, some in enumerate(chunks(start, stop, MOST_FRAMES), start=1):
            more = "" if number == 1 else f"_file{number}"
            if number == 2:
                warnings.warn(
                    f"track {motion.track_id} is longer than the {MOST_FRAMES} frames of a C3D "
                    "file: it goes on in further files",
                    stacklevel=2,
                )
            head = self._head(some.stop - some.start, motion, some.start)
            with self.outputs.open(f"_{motion.name}{more}{self.suffix}") as file:
                file.write(head)
                size = 0
                for part in motion.parts(some):
                    points = self._points(part)
                    size += file.write(points.astype("<f4").tobytes())
                file.write(b"\0" * (-size % _BLOCK))

    def _rig(self) -> Rig:
        return rig_of(replace(self.options, unit=self.options.unit or UNIT))

    def _markers(self) -> tuple[str, ...]:
        return MARKER_SETS[self.options.markers or "all"]

    def _points(self, part: Motion) -> FloatArray:
        """(T,M,4) places and the residual: 0, or -1 of a marker that is missing."""
        rows = [MARKERS[marker] for marker in self._markers()]
        points = np.zeros((len(part), len(rows), 4))
        points[..., :3] = self._rig().place(part.joints[:, rows])
        points[~part.is_present] = (0, 0, 0, -1)
        if self.options.made_up != "keep":
            points[part.joint_source[:, rows] == JointSource.MADE_UP] = (0, 0, 0, -1)
        return points

    def _head(self, count: int, motion: Motion, first: int) -> bytes:
        """Header and parameters of a file of so many frames, whose data follow."""
        rig, markers = self._rig(), self._markers()
        file = _ezc3d().c3d()
        points = file["parameters"]["POINT"]
        points["RATE"]["value"] = [float(motion.fps)]
        points["UNITS"]["value"] = [rig.unit]
        points["LABELS"]["value"] = list(markers)
        # Which axes the screen's are that shows x to the right and what is up upwards.
        file.add_parameter("POINT", "X_SCREEN", ["+X"])
        file.add_parameter("POINT", "Y_SCREEN", ["+" + rig.up.upper()])
        start_s = float(motion.time_s[0]) + first / motion.fps
        file.add_parameter("HUMANTRACK", "START_TIME_S", [start_s])
        file["data"]["points"] = np.zeros((4, len(markers), 1))
        with tempfile.TemporaryDirectory(prefix="humantrack-") as folder:
            path = Path(folder, "head.c3d")
            file.write(str(path))
            whole = bytearray(path.read_bytes())
        [block] = struct.unpack_from("<H", whole, _DATA)
        head = whole[: (block - 1) * _BLOCK]
        struct.pack_into("<HH", head, _FIRST, 1, count)
        struct.pack_into("<H", head, _frames_of(head), count)
        return bytes(head)


def _frames_of(head: bytearray) -> int:
    """Where the number of frames is among the parameters, behind its name, offset and type."""
    place = head.index(b"FRAMES", _BLOCK) + len(b"FRAMES")
    _, kind, dimensions = struct.unpack_from("<hbB", head, place)
    if (kind, dimensions) != (2, 0):
        raise ValueError("ezc3d writes the number of frames in another way than expected")
    return place + 4


def _ezc3d() -> Any:
    try:
        import ezc3d
    except ImportError as error:
        raise DependencyError(
            f"c3d needs ezc3d ({error})", hint="install it: pip install 'humantrack[c3d]'"
        ) from error
    return ezc3d
