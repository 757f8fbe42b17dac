"""A stretch of one track within one shot, and the camera that saw it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """T frames one after the other; those in which the person was missed are filled in."""

    track_id: int
    frame: IntArray
    """(T,) int64 rows of the camera path."""

    time_s: FloatArray
    """(T,) float64, increasing."""

    observed: BoolArray
    """(T,) False where nothing is known."""

    local: FloatArray
    """(T,24,3,3) rotations, the root's to the axes of that frame's (real) camera."""

    joints_px: FloatArray
    """(T,45,2) where PHALP's joints are seen, pixels of the frame."""

    error_m: FloatArray
    """(T,45) metres that a joint is expected to be off sideways; infinite: it is not seen."""

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The camera in T frames: ``X_camera = rotation @ (X_world - position)``."""

    rotation: FloatArray
    """(T,3,3)"""

    position: FloatArray
    """(T,3) metres"""

    focal_px: FloatArray
    """(T,)"""

    centre_px: FloatArray
    """(T,2)"""

    def to_camera(self, points: FloatArray) -> FloatArray:
        """(T,K,3) world -> camera axes."""
        apart = points - self.position[:, None]
        return np.asarray((self.rotation[:, None] @ apart[..., None])[..., 0])

    def rays(self, points: FloatArray) -> FloatArray:
        """(T,3) points -> unit directions from the camera to them, in the world's axes."""
        apart = points - self.position
        length = np.linalg.norm(apart, axis=1, keepdims=True)
        return np.asarray(apart / np.maximum(length, 1e-9))

    def rows(self, index: IntArray) -> View:
        """The frames picked by an index array."""
        return View(
            rotation=self.rotation[index],
            position=self.position[index],
            focal_px=self.focal_px[index],
            centre_px=self.centre_px[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A person's motion in the world over T frames."""

    local: FloatArray
    """(T,24,3,3) rotations, the root's to the world's axes."""

    pelvis: FloatArray
    """(T,3) metres"""
