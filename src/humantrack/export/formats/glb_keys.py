"""When people appear in a scene, and its colours, as glTF wants them."""

from __future__ import annotations

import numpy as np

from humantrack.motion.motion import Motion
from humantrack.types.arrays import FloatArray


def switch(motion: Motion, clip_s: FloatArray, end_s: float) -> tuple[FloatArray, FloatArray]:
    """(K,) times and 0 or 1: when the person appears, and is gone, between 0 and ``end_s``."""
    times, on = [max(float(motion.time_s[0]), 0.0)], [1.0]
    if times[0] > 0:
        times, on = [0.0, *times], [0.0, *on]
    later = clip_s[(clip_s > motion.time_s[-1]) & (clip_s <= end_s)]
    if len(later):
        times, on = [*times, float(later.min())], [*on, 0.0]
    seconds = np.array(times, np.float32)
    rows = np.flatnonzero(np.diff(seconds, prepend=-1) > 0)
    return seconds[rows], np.array(on, np.float32)[rows]


def linear(srgb: FloatArray) -> FloatArray:
    """Colours 0..1 as screens take them -> as light adds up (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
