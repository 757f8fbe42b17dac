"""Key frames of a scene: rotations, places, and when people are there."""

from __future__ import annotations

import numpy as np

from humantrack.body.joints import SMPL_PARENTS
from humantrack.geometry.rotations import matrix_to_quaternion
from humantrack.motion.motion import Motion
from humantrack.motion.rig import Rig
from humantrack.motion.spool import Spool, Spooled, chunks
from humantrack.motion.stages import continuous
from humantrack.types.arrays import FloatArray


def key_frames(rig: Rig, motion: Motion, shown: slice) -> tuple[Spooled, FloatArray]:
    """(T,24,4) rotations, w last, and (T,3) places of the pelvis; float32, of the rows shown."""
    start, stop, _ = shown.indices(len(motion))
    spool = Spool([("turns", "f4", (len(SMPL_PARENTS), 4))])
    numbers, places = [], []
    is_turned = not np.array_equal(rig.frames, np.tile(np.eye(3), (len(rig.frames), 1, 1)))
    before: FloatArray | None = None
    row = 0
    for part in motion.parts(slice(0, stop)):
        local = matrix_to_quaternion(rig.local(part.matrices)) if is_turned else part.quaternions
        quaternions = continuous(local, before)
        before = quaternions[-1]
        here = max(start - row, 0)
        numbers.append(spool.append(turns=xyzw(quaternions[here:])))
        places.append(part.pelvis[here:].astype(np.float32))
        row += len(part)
    return Spooled(spool, "turns", np.concatenate(numbers)), np.concatenate(places)


def of_joint(turns: Spooled, joint: int) -> FloatArray:
    """(T,4) one joint's of the rotations (T,24,4)."""
    return np.concatenate([turns[some, joint] for some in chunks(0, len(turns))])


def xyzw(quaternions: FloatArray) -> FloatArray:
    """(...,4) w first -> w last, float32."""
    return quaternions[..., [1, 2, 3, 0]].astype(np.float32)


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
