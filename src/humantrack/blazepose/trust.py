"""How far each joint is to be trusted."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.fit import Seen
from humantrack.types import BodyBatch, JointTrust
from humantrack.types.arrays import IntArray


def joint_trust(seen: Seen, bodies: BodyBatch, guess: IntArray) -> JointTrust:
    """For N people of one frame; ``guess`` (N,) is a ``JointSource`` for each."""
    n = len(bodies)
    return JointTrust(
        confidence=np.ones((n, 45), np.float32),
        error_mm=np.zeros((n, 45, 2), np.float32),
        source=np.repeat(guess[:, None], 45, axis=1).astype(np.uint8),
    )
