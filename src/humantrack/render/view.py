"""A look at the world from outside: where from, and where its points come to lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from humantrack.types.arrays import FloatArray
from humantrack.types.world import WorldFrame

_ASIDE, _ABOVE = np.deg2rad(35.0), np.deg2rad(24.0)
"""From where a shot is looked at: to the right of, and above, what its first camera looks along."""

_ROOM = 0.88
"""Part of the picture that holds everything."""

_NEAREST_M = 4.0
_NEAR_M = 0.05
_TALL_M = 1.9
_FARTHEST_M = 60.0
"""What is farther from the middle of all need not be in the picture: somebody lost far away."""

_MOST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A camera that watches the world; axes as all cameras have them (x right, y down, z away)."""

    rotation: FloatArray
    """(3,3) world to view."""

    position: FloatArray
    """(3,) metres."""

    focal_px: float
    centre_px: tuple[float, float]
    reach_m: float
    """From the view's aim to the farthest of what is to be seen."""

    aim: FloatArray
    """(3,) on the floor, the middle of what is to be seen."""

    def seen(self, points: FloatArray) -> FloatArray:
        """(N,3) world -> (N,3) the view's axes."""
        return np.asarray((points - self.position) @ self.rotation.T)

    def pixels(self, points: FloatArray) -> FloatArray:
        """(N,3) world -> (N,2) px; NaN of what is not before the view."""
        x, y, z = self.seen(points).T
        z = np.where(z > _NEAR_M, z, np.nan)
        centre = self.centre_px
        return np.stack([x / z * self.focal_px + centre[0], y / z * self.focal_px + centre[1]], 1)


class Bounds:
    """Gathers where people and camera are over a shot, in memory that does not grow."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float, float]] = []
        self._every = 1
        self._count = 0
        self._heading: FloatArray | None = None

    def add(self, frame: WorldFrame) -> None:
        """Take the next frame."""
        if self._heading is None:
            self._heading = frame.camera_rotation[2]
        self._count += 1
        if self._count % self._every:
            return
        self._points.append(tuple(frame.camera_position.tolist()))
        for person in frame.people:
            x, _, z = person.root_position.tolist()
            self._points += [(x, 0.0, z), (x, _TALL_M, z)]
        if len(self._points) > _MOST:
            self._points, self._every = self._points[:: 2 + _MOST % 2], 2 * self._every

    def view(self, width: int, height: int) -> View:
        """The view of a picture of this size that holds all of it, some of it left out if far."""
        points = np.array(self._points or [(0.0, 0.0, -3.0)])
        middle = np.median(points, axis=0)
        near = np.linalg.norm(points - middle, axis=1) < _FARTHEST_M
        points = points[near] if near.any() else middle[None]
        ahead = np.array([0.0, 0.0, -1.0]) if self._heading is None else self._heading
        rotation = _towards(ahead)
        focal_px = 1.1 * max(width, height)
        aim, distance = _fitted(points @ rotation.T, focal_px, width, height)
        on_floor = rotation.T @ aim
        return View(
            rotation=rotation,
            position=rotation.T @ (aim - [0, 0, distance]),
            focal_px=focal_px,
            centre_px=(width / 2, height / 2),
            reach_m=float(np.linalg.norm(points - on_floor, axis=1).max()),
            aim=on_floor * (1, 0, 1),
        )


def _towards(ahead: FloatArray) -> FloatArray:
    """(3,3) of a view that looks the same way as a camera, from above and from the side of it."""
    yaw = np.arctan2(ahead[0], -ahead[2]) - _ASIDE
    level = np.array([np.sin(yaw), 0.0, -np.cos(yaw)])
    away = level * np.cos(_ABOVE) - np.array([0, np.sin(_ABOVE), 0])
    right = np.cross(away, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(away, right), away])


def _fitted(points: FloatArray, focal_px: float, width: int, height: int) -> tuple[Any, float]:
    """The aim in the view's axes, and how far from it, so that (N,3) points fill the picture."""
    half = np.array([width, height]) / 2 * _ROOM / focal_px
    aim = (points.min(axis=0) + points.max(axis=0)) / 2
    distance = _NEAREST_M
    for _ in range(20):
        off = points - aim
        needed = np.abs(off[:, :2]) / half - off[:, 2:]
        distance = max(float(needed.max()), _NEAREST_M)
        at = off[:, :2] / (off[:, 2:] + distance)
        aim[:2] += (at.min(axis=0) + at.max(axis=0)) / 2 * distance
    return aim, distance
