"""Joints of tracks in the world: as the world pass found them, or lifted by a known camera."""

from __future__ import annotations

from dataclasses import dataclass

from humantrack.evaluation.lifting import to_real_camera, to_world
from humantrack.evaluation.predictions import Predictions
from humantrack.types.arrays import FloatArray, IntArray

GIVEN = "given"
"""Lift by the camera given, whatever else there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldJoints:
    """P rows of people in the world."""

    frame: IntArray
    track_id: IntArray
    joints: FloatArray
    """(P,45,3) metres, PHALP's joints."""

    note: str
    """Where they are from."""

    def of(self, track: int) -> tuple[IntArray, FloatArray]:
        """Frames (F,) rising and joints (F,45,3) of a track."""
        rows = self.track_id == track
        return self.frame[rows], self.joints[rows]


def world_joints(
    found: Predictions,
    how: str | None,
    *,
    intrinsics: FloatArray,
    rotation: FloatArray,
    position: FloatArray,
) -> WorldJoints:
    """The people of results in the world.

    Args:
        found: the results.
        how: ``GIVEN``, or None to take the world file where there is one.
        intrinsics: (3,3) or (T,3,3) of the given camera, pixels.
        rotation: (T,3,3) world to camera.
        position: (T,3) of the camera, metres.
    """
    frame = found.frame
    k = intrinsics if intrinsics.ndim == 2 else intrinsics[frame]
    seen = to_real_camera(found.joints, found.cam_t, found.size, k)
    return WorldJoints(
        frame=frame,
        track_id=found.track_id,
        joints=to_world(seen, rotation[frame], position[frame]),
        note="motion in the world is lifted by the true camera",
    )
