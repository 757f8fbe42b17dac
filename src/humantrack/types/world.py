"""People and the camera in the world: metres, y up, the floor at y = 0.

Two frames of reference, both right-handed and in metres:

* camera: x right, y down, z away from the viewer. ``X_camera = rotation @ (X_world - position)``.
* world: y up, the floor at y = 0, origin at the foot point of a shot's first camera, whose
  heading is -z (so x is to its right).
"""

from __future__ import annotations

from dataclasses import dataclass

from humantrack.types.arrays import BoolArray, FloatArray, check_shape

CONTACTS = ("left_heel", "left_toe", "right_heel", "right_toe")
"""Order of the contacts of a person."""


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

    scale: float = 1.0
    """Size of the body, times that which ``betas`` give it; ``joints`` are at this size."""

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
