"""From the axes of a shot's camera path to the world's: y up, the floor at 0, metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.types.arrays import FloatArray, IntArray
from humantrack.world.ground import Ground
from humantrack.world.stretch import View
from humantrack.world.types import CameraPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """How a shot's world lies in its camera path."""

    rotation: FloatArray
    """(3,3) the path's axes to the world's."""

    shift: FloatArray
    """(3,) metres, added after turning."""

    unit_m: float

    def view(self, path: CameraPath, rows: IntArray, lens: float = 1.0) -> View:
        """The camera in some rows of its path."""
        place = path.position[rows] * self.unit_m @ self.rotation.T + self.shift
        return View(
            rotation=path.rotation[rows] @ self.rotation.T,
            position=place,
            focal_px=lens * path.focal_px[rows],
            centre_px=path.centre_px[rows],
        )


def world_axes(ground: Ground, rotation: FloatArray, position: FloatArray) -> Axes:
    """The world of a shot.

    Args:
        ground: its gravity, floor and scale.
        rotation: (3,3) of the first camera.
        position: (3,) of the first camera, in the path's unit.
    """
    up = unit(ground.up)
    ahead = rotation[2]
    if np.linalg.norm(ahead - (ahead @ up) * up) < 1e-3:  # it looks straight up or down
        ahead = -rotation[1] * np.sign(-(ahead @ up) or 1.0)
    back = -unit(ahead - (ahead @ up) * up)
    turn = np.stack([np.cross(up, back), up, back])
    place = turn @ position * ground.unit_m
    shift = np.array([-place[0], -ground.height, -place[2]])
    return Axes(rotation=turn, shift=shift, unit_m=ground.unit_m)
