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

from humantrack.types.arrays import BoolArray, FloatArray, IntArray, check_shape

KINDS = ("still", "turning", "free", "given")
"""How the camera moves: not at all, it turns in place, it travels, or the user said it."""

CONTACTS = ("left_heel", "left_toe", "right_heel", "right_toe")
"""Order of the contacts of a person."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldPerson:
    """One person in one frame of the world.

    Raises:
        ValueError: if a shape is wrong.
    """

    track_id: int

    is_observed: bool
    """False where a gap of the track was bridged."""

    root_position: FloatArray
    """(3,) metres, the pelvis."""

    root_rotation: FloatArray
    """(3,3) the body's own axes (y up, x to its left, z forward) to the world's."""

    body_pose: FloatArray
    """(23,3,3) refined rotations, relative to the parent joint."""

    betas: FloatArray
    """(10,) the same in all frames of a track."""

    joints: FloatArray
    """(45,3) metres, PHALP's 45 joints in the world."""

    contacts: BoolArray
    """(4,) whether heel and toe stand, in the order of ``CONTACTS``."""

    confidence: float
    """0..1: how far the pictures determine this person's place and pose here."""

    def __post_init__(self) -> None:
        for name, shape in (
            ("root_position", (3,)),
            ("root_rotation", (3, 3)),
            ("body_pose", (23, 3, 3)),
            ("betas", (10,)),
            ("joints", (45, 3)),
            ("contacts", (4,)),
        ):
            check_shape("WorldPerson", name, getattr(self, name), shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldFrame:
    """The world in one frame.

    Raises:
        ValueError: if a shape is wrong.
    """

    index: int
    """Number of the frame in the results."""

    time_s: float
    shot: int
    """Cuts before the frame; each shot has a world of its own."""

    camera_rotation: FloatArray
    """(3,3) world to camera."""

    camera_position: FloatArray
    """(3,) metres."""

    focal_px: float
    centre_px: FloatArray
    """(2,) principal point, pixels of the frame."""

    people: tuple[WorldPerson, ...]

    def __post_init__(self) -> None:
        check_shape("WorldFrame", "camera_rotation", self.camera_rotation, (3, 3))
        check_shape("WorldFrame", "camera_position", self.camera_position, (3,))
        check_shape("WorldFrame", "centre_px", self.centre_px, (2,))
