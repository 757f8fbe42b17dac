"""The pair of keyframes to begin with, and a camera against known places."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.types.arrays import IntArray
from humantrack.world.camera.adjust import Cameras, Motion, Sightings, errors
from humantrack.world.camera.localise import localise
from humantrack.world.camera.pairs import travel_between
from humantrack.world.camera.triangulate import triangulate
from humantrack.world.camera.window import Window

_FEWEST = 12
_SHARED = 40
_STARTS = 8
_GOOD_DEG = 3.0
_NEAR_PX = 3.0
_AGREE = 0.4

FirstPair = tuple[int, int, Array, Array]
"""Two keyframes, the second's rotation against the first, and the direction it moved in:
``d_second = rotation @ d_first + direction``."""


def first_pairs(window: Window, rows: IntArray, log_focal: float, count: int) -> list[FirstPair]:
    """The pairs that see most places at a good angle, best first.

    Args:
        window: the frames.
        rows: the keyframes.
        log_focal: of all of them.
        count: so many pairs at most.
    """
    focal = float(np.exp(log_focal))
    found: list[tuple[float, FirstPair]] = []
    for first in np.unique(np.linspace(0, len(rows) - 2, _STARTS).astype(int)):
        for second in _partners(window, rows, int(first)):
            _, a, b = window.common(int(rows[first]), int(rows[second]))
            rotation, direction, agrees = travel_between(a, b, focal)
            if agrees.sum() < _FEWEST:
                continue
            score = _score(a[agrees], b[agrees], rotation, direction, log_focal)
            if score > 0:
                found.append((score, (int(first), second, rotation, direction)))
    found.sort(key=lambda item: -item[0])
    return [pair for _, pair in found[:count]]


def _partners(window: Window, rows: IntArray, first: int) -> list[int]:
    """Later keyframes, near and far, that share enough with this one."""
    shares = []
    for second in range(first + 1, len(rows)):
        common = len(window.common(int(rows[first]), int(rows[second]))[0])
        if common < _SHARED:
            break
        shares.append(second)
    picks = {len(shares) - 1, 2 * len(shares) // 3, len(shares) // 3}
    return [shares[pick] for pick in sorted(picks) if 0 <= pick < len(shares)]


def _score(a: Array, b: Array, rotation: Array, direction: Array, log_focal: float) -> float:
    count = len(a)
    pair = Cameras(
        np.stack([np.eye(3), rotation]),
        np.stack([np.zeros(3), -rotation.T @ direction]),
        np.full(2, log_focal),
    )
    seen = Sightings(np.repeat([0, 1], count), np.tile(np.arange(count), 2), np.concatenate([a, b]))
    _, good, angle = triangulate(pair, seen, count, near_px=1.5)
    if good.sum() < _FEWEST:
        return 0.0
    return float(good.sum() * min(1.0, np.median(angle[good]) / _GOOD_DEG))


def resected(points: Array, xy: Array, near: Cameras) -> Cameras | None:
    """The camera that sees known places where they were seen, or None.

    Args:
        points: (N,3).
        xy: (N,2) from the picture's middle.
        near: one camera not far from it.
    """
    if len(points) < _FEWEST:
        return None
    seen = Sightings(np.zeros(len(points), int), np.arange(len(points)), xy)
    best, most = None, 0
    for start in (near, _drawn(points, xy, near)):
        if start is None:
            continue
        found = localise(start, points, seen, Motion(travels=True))
        error, depth = errors(found, points, seen)
        agree = int(((np.linalg.norm(error, axis=1) < _NEAR_PX) & (depth > 0)).sum())
        if agree > most:
            best, most = found, agree
        if agree > 0.8 * len(points):
            break
    return best if most >= max(_FEWEST, _AGREE * len(points)) else None


def _drawn(points: Array, xy: Array, near: Cameras) -> Cameras | None:
    """By drawing a few places at a time."""
    cv2.setRNGSeed(0)
    focal = float(np.exp(near.log_focal[0]))
    try:
        solve: Any = cv2.solvePnPRansac
        ok, turn, shift, _ = solve(
            *(points.reshape(-1, 1, 3), xy.reshape(-1, 1, 2), np.diag([focal, focal, 1.0]), None),
            **{"iterationsCount": 200, "reprojectionError": 4.0, "confidence": 0.999},
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error:
        return None
    if not ok or not np.isfinite(turn).all():
        return None
    rotation = cv2.Rodrigues(turn)[0]
    return Cameras(rotation[None], -(rotation.T @ shift).reshape(1, 3), near.log_focal)
