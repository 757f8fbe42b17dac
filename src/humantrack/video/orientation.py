"""Orientation: how a decoded picture must be turned to be upright."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from humantrack.video.side_data import side_data


@dataclass(frozen=True, slots=True)
class Orientation:
    """Mirror left-right first, then turn clockwise by quarter turns."""

    quarter_turns: int = 0
    is_mirrored: bool = False

    @staticmethod
    def of(frame: av.VideoFrame) -> Orientation:
        """The orientation in a frame's display matrix; angles go to the nearest quarter turn.

        FFmpeg makes such a matrix of the orientation in a frame's EXIF, too.

        The matrix (a b u, c d v, x y w) maps a pixel (p, q) to (a p + c q, b p + d q), q down,
        as in the track header of ISO/IEC 14496-12.
        """
        try:
            matrix: Any = side_data(frame).get("DISPLAYMATRIX")
        except ValueError:  # side data PyAV does not know, in spite of our names
            return Orientation(round(-frame.rotation / 90) % 4)
        if matrix is None:
            return Orientation()
        a, b, _, c, d = (float(value) for value in np.frombuffer(bytes(matrix), "<i4")[:5])
        is_mirrored = a * d - b * c < 0
        if is_mirrored:
            a, b = -a, -b
        return Orientation(round(math.atan2(b, a) / (math.pi / 2)) % 4, is_mirrored)

    @property
    def swaps_sides(self) -> bool:
        """True if width becomes height."""
        return self.quarter_turns % 2 == 1

    def apply(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The picture upright, contiguous in memory."""
        if self.is_mirrored:
            rgb = rgb[:, ::-1]
        return np.ascontiguousarray(np.rot90(rgb, -self.quarter_turns))
