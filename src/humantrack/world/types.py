"""What the world pass knows of a clip: the camera's path, the floor, and each person in metres.

Two frames of reference, both right-handed and in metres:

* camera: x right, y down, z away from the viewer. ``X_camera = rotation @ (X_world - position)``.
* world: y up, the floor at y = 0, origin at the foot point of a shot's first camera, whose
  heading is -z (so x is to its right).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from humantrack.types.arrays import FloatArray, IntArray, check_shape
from humantrack.types.world import CONTACTS, WorldFrame, WorldPerson

__all__ = ["CONTACTS", "KINDS", "CameraPath", "WorldFrame", "WorldPerson"]

KINDS = ("still", "turning", "free", "given")
"""How the camera moves: not at all, it turns in place, it travels, or the user said it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPath:
    """The camera in each of T frames, before gravity and scale are known.

    Each shot has axes of its own: those of its first frame (its rotation is the identity, its
    position zero), unless the path was given.

    Raises:
        ValueError: if a shape is wrong.
    """

    index: IntArray
    """(T,) int64 numbers of the frames in the results."""

    shot: IntArray
    """(T,) int64 cuts before the frame."""

    rotation: FloatArray
    """(T,3,3) float64 of ``X_camera = rotation @ (X - position)``."""

    position: FloatArray
    """(T,3) float64 in the unit of ``is_metric``; zero where the camera only turns."""

    focal_px: FloatArray
    """(T,) float64 pixels of the frame."""

    centre_px: FloatArray
    """(T,2) float64 principal point, pixels of the frame."""

    kinds: tuple[str, ...]
    """One of ``KINDS`` for each shot."""

    is_metric: bool
    """True if positions are in metres; else each shot has a unit of its own."""

    has_up: bool
    """True if y of the axes that rotations lead from is known to be straight up."""

    confidence: FloatArray
    """(T,) float64, 0..1: how far the pictures determined the motion to this frame."""

    notes: tuple[str, ...] = ()
    """What could not be known, a sentence each; told in the summary."""

    evidence: Mapping[str, Any]
    """How it was found, for the ``.meta.json``: plain values (residuals in px, inliers, ...)."""

    def __post_init__(self) -> None:
        count = len(self.index)
        for name, shape in (
            ("shot", (count,)),
            ("rotation", (count, 3, 3)),
            ("position", (count, 3)),
            ("focal_px", (count,)),
            ("centre_px", (count, 2)),
            ("confidence", (count,)),
        ):
            check_shape("CameraPath", name, getattr(self, name), shape)
