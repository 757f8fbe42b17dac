"""When heels and toes stand on the floor."""

from __future__ import annotations

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.world.smooth import smooth_values

ENTER_M_S, LEAVE_M_S = 0.40, 0.80
"""A standing foot is slower than the first at some moment, and than the second all the time."""

ENTER_M, LEAVE_M = 0.08, 0.13
"""The same for its height above the floor."""

HOLD_M_S = (ENTER_M_S + LEAVE_M_S) / 2
"""A point that is faster at the end of a contact lands or leaves, and is not held."""

DRIFT_M = 0.055
"""A standing point stays this near to where it is when it is slowest."""

SHORTEST_S = 0.07
"""What touches the floor for less does not stand."""

LONGEST_GAP_S = 0.05
"""A shorter moment in the air between two contacts is none."""

_CUTOFF_HZ = 6.0
_ALONG_RAY = 0.5
"""Part that speed towards the camera, which is known worst, counts."""


def find_contacts(
    points: FloatArray,
    sole: FloatArray,
    rays: FloatArray,
    time_s: FloatArray,
    *,
    has_floor: bool = True,
) -> BoolArray:
    """Which points stand, with hysteresis.

    Args:
        points: (T,4,3) heels and toes in the world.
        sole: (4,) how high they are when they stand.
        rays: (T,3) directions from the camera.
        time_s: (T,).
        has_floor: False looks at speeds alone.
    """
    count = len(points)
    if count < 3:
        return np.zeros((count, 4), bool)
    flat = smooth_values(points.reshape(count, -1), np.ones(count), time_s, _CUTOFF_HZ)
    smooth = flat.reshape(points.shape)
    speed = np.gradient(smooth, time_s, axis=0)
    along = (speed * rays[:, None]).sum(axis=-1, keepdims=True) * rays[:, None]
    pace = np.linalg.norm(speed - (1 - _ALONG_RAY) * along, axis=-1)
    height = smooth[..., 1] - sole if has_floor else np.zeros(pace.shape)
    sure = (pace < ENTER_M_S) & (height < ENTER_M)
    maybe = (pace < LEAVE_M_S) & (height < LEAVE_M)
    return _held(
        smooth - (1 - _ALONG_RAY) * _along(smooth, rays), pace, sure & maybe, maybe, time_s
    )


def _along(points: FloatArray, rays: FloatArray) -> FloatArray:
    return np.asarray((points * rays[:, None]).sum(axis=-1, keepdims=True) * rays[:, None])


def _held(
    points: FloatArray, pace: FloatArray, sure: BoolArray, maybe: BoolArray, time_s: FloatArray
) -> BoolArray:
    """From each slowest moment of a ``sure`` run as far as ``maybe`` and ``DRIFT_M`` reach.

    Without short gaps and short runs.
    """
    out = np.zeros(sure.shape, bool)
    for k in range(sure.shape[1]):
        merged: list[tuple[int, int]] = []
        for a, b in runs_of(sure[:, k]):
            seed = a + int(pace[a:b, k].argmin())
            near = maybe[:, k] & (np.linalg.norm(points[:, k] - points[seed, k], axis=1) < DRIFT_M)
            first = seed - int(np.argmin(np.append(near[seed::-1], False)))
            last = seed + int(np.argmin(np.append(near[seed:], False)))
            start, end = first + 1, last
            if merged and start <= merged[-1][1]:
                start = merged[-1][1]
                if end <= start:
                    continue
                gap = points[seed, k] - points[(merged[-1][0] + merged[-1][1] - 1) // 2, k]
                if np.linalg.norm(gap) < DRIFT_M:
                    merged[-1] = (merged[-1][0], end)
                    continue
                start += 1
            elif merged and time_s[start] - time_s[merged[-1][1] - 1] < LONGEST_GAP_S:
                merged[-1] = (merged[-1][0], end)
                continue
            merged.append((start, end))
        for a, b in merged:
            if b > a and time_s[b - 1] - time_s[a] >= SHORTEST_S:
                out[a:b, k] = True
    return out


def runs_of(mask: BoolArray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


MOST_HEEL_M = 0.04
"""How much higher than a bare foot's the heel (or the toe) may stand, beside the other."""


def landed(points: FloatArray, contacts: BoolArray, time_s: FloatArray) -> BoolArray:
    """The contacts without the moments in which a foot still lands, or leaves already.

    A foot that is held while it moves would stop dead, which shakes the whole leg.

    Args:
        points: (T,4,3) heels and toes in the world.
        contacts: (T,4) which stand, or nearly do.
        time_s: (T,).
    """
    out = contacts.copy()
    if len(points) < 3:
        return out
    slow = np.linalg.norm(np.gradient(points, time_s, axis=0), axis=-1) < HOLD_M_S
    for k in range(contacts.shape[1]):
        for a, b in runs_of(contacts[:, k]):
            still = np.flatnonzero(slow[a:b, k])
            if len(still):
                out[a : a + still[0], k] = False
                out[a + still[-1] + 1 : b, k] = False
            else:
                out[a:b, k] = False
    return out


def standing_heights(points: FloatArray, contacts: BoolArray, sole: FloatArray) -> FloatArray:
    """(4,) how high heels and toes are when they stand.

    Feet and shoes are not everybody's: a heel stands higher where the shoe has one, or where the
    ankle lies higher than the body's. Were it drawn down to a bare foot's height each time, it
    would stretch the leg. So heels may stand higher than that beside the toes, or toes beside the
    heels; the lower of them stay where a bare foot has them, since the floor tells how far somebody
    is. Left and right are alike.

    Args:
        points: (T,4,3) heels and toes in the world.
        contacts: (T,4) which stand.
        sole: (4,) how high a bare foot's are when they stand.
    """
    pairs = ([0, 2], [1, 3])
    over = [(points[:, pair, 1] - sole[pair])[contacts[:, pair]] for pair in pairs]
    out = np.array(sole, np.float64)
    if all(map(len, over)):
        heights = np.array([np.median(some) for some in over])
        more = np.clip(heights - heights.min(), 0.0, MOST_HEEL_M)
        for pair, height in zip(pairs, more, strict=True):
            out[pair] += height
    return out


def anchors(points: FloatArray, contacts: BoolArray, sole: FloatArray) -> FloatArray:
    """(T,4,3) where each standing point stands: the mean of its run, at the sole's height.

    Nothing where there is no contact.
    """
    out = np.zeros_like(points)
    for k in range(4):
        for a, b in runs_of(contacts[:, k]):
            out[a:b, k] = points[a:b, k].mean(axis=0)
            out[a:b, k, 1] = sole[k]
    return out
