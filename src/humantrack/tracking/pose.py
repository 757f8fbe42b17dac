"""Pose forecasts of tracks."""

from __future__ import annotations

from typing import Protocol

from humantrack.types.arrays import FloatArray, IntArray


class PoseForecaster(Protocol):
    """Forecasts the poses of all tracks of a frame at once; keeps no state."""

    def forecast(self, poses: FloatArray, times: IntArray, missed: IntArray) -> FloatArray:
        """Pose vectors for the next frame.

        Args:
            poses: (N,n,229) a track's last pose vectors, oldest first.
            times: (N,n) their frame numbers.
            missed: (N,) frames since the last one.

        Returns:
            (N,229)
        """
