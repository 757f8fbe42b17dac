"""The cameras of a window's frames, and how well they explain what was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.geometry.rotations import Array, slerp
from humantrack.types.arrays import BoolArray, IntArray
from humantrack.world.camera.adjust import Cameras, Motion, errors
from humantrack.world.camera.localise import by_owner
from humantrack.world.camera.window import Window

NEAR_PX = 2.0
"""Reduced pixels up to which an observation agrees."""

_ENOUGH = 40
_FEWEST = 6


@dataclass(frozen=True)
class Fitted:
    """T cameras of a window."""

    cameras: Cameras
    agreeing: IntArray
    """(T,) observations that agree."""

    seen: IntArray
    """(T,) observations of places that were found."""

    error_px: Array
    """(T,) median distance of those that agree, reduced pixels; NaN where there are none."""

    keyframes: int
    points: int
    is_solved: BoolArray
    """(T,) False where the camera was interpolated between its neighbours."""

    @property
    def confidence(self) -> Array:
        """(T,) 0..1."""
        share = self.agreeing / np.maximum(self.seen, 1)
        sharp = np.exp(-np.nan_to_num(self.error_px, nan=0.0) / NEAR_PX)
        return np.asarray(
            np.minimum(1, self.agreeing / _ENOUGH) * share * np.sqrt(sharp) * self.is_solved
        )


def fitted(
    window: Window, cameras: Cameras, points: Array, motion: Motion, keyframes: int
) -> Fitted:
    """Look at how cameras agree with the observations, and bridge those that have none.

    Args:
        window: the frames.
        cameras: T of them.
        points: (P,3), NaN where a place is not known.
        motion: what was free.
        keyframes: how many were used.
    """
    known = np.isfinite(points[:, 0])
    seen = window.sightings_of(np.arange(len(window)), known)
    error, depth = errors(cameras, np.nan_to_num(points), seen)
    off = np.linalg.norm(error, axis=1)
    good = (off < NEAR_PX) & (depth > 0)
    count = len(window)
    agreeing = by_owner(good.astype(float), seen.camera, count).astype(int)
    total = np.bincount(seen.camera, minlength=count)
    solved = agreeing >= (_FEWEST + 2 * motion.travels)
    median = np.full(count, np.nan)
    order = np.lexsort([off, ~good, seen.camera])  # those that agree first, the nearest first
    start = np.concatenate([[0], np.cumsum(total)[:-1]])
    median[solved] = off[order][(start + agreeing // 2)[solved]]
    if solved.any() and not solved.all():
        rows = np.flatnonzero(solved)
        cameras = spread(rows, cameras.at(rows), count)
    return Fitted(cameras, agreeing, total, median, keyframes, int(known.sum()), solved)


def spread(rows: IntArray, cameras: Cameras, count: int) -> Cameras:
    """Cameras at some rows -> at all ``count`` rows, on the shortest way between neighbours."""
    at = np.arange(count)
    after = np.clip(np.searchsorted(rows, at), 0, len(rows) - 1)
    before = np.clip(np.searchsorted(rows, at, side="right") - 1, 0, len(rows) - 1)
    span = rows[after] - rows[before]
    part = np.where(span > 0, (at - rows[before]) / np.where(span > 0, span, 1), 0.0)
    rotation = slerp(cameras.rotation[before], cameras.rotation[after], part)
    exact = span <= 0
    rotation[exact] = cameras.rotation[before][exact]
    mix = part[:, None]
    position = (1 - mix) * cameras.position[before] + mix * cameras.position[after]
    focal = (1 - part) * cameras.log_focal[before] + part * cameras.log_focal[after]
    return Cameras(rotation, position, focal)
