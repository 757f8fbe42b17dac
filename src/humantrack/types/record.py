"""One person at one time, and what is stored of a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from humantrack.types.arrays import FloatArray, IntArray, check_shape
from humantrack.types.frame import FrameKey
from humantrack.types.people import CODE_SIZE, LOCATION_VECTOR_SIZE, POSE_VECTOR_SIZE


class RleMask(TypedDict):
    """A COCO run-length mask: ``size`` = [H, W], ``counts`` = compressed string."""

    size: list[int]
    counts: str


_SHAPES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("xyxy_px", (4,)),
    ("padded_xyxy_px", (4,)),
    ("global_orient", (1, 3, 3)),
    ("body_pose", (23, 3, 3)),
    ("betas", (10,)),
    ("cam_crop", (3,)),
    ("cam_t", (3,)),
    ("joints_3d", (45, 3)),
    ("joints_2d", (45, 2)),
    ("code", (CODE_SIZE,)),
    ("pose_vector", (POSE_VECTOR_SIZE,)),
    ("location_vector", (LOCATION_VECTOR_SIZE,)),
)
_OPTIONAL_SHAPES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("uv", (4, 256, 256)),
    ("joint_confidence", (45,)),
    ("joint_error_mm", (45, 2)),
    ("joint_source", (45,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One person as seen in one frame. Coordinates as in ``Detections`` and ``BodyBatch``.

    Raises:
        ValueError: if a shape is wrong.
    """

    frame_index: int
    """Index of the frame in which the person was seen (PHALP's ``time``)."""

    frame_key: FrameKey
    """Key of that frame."""

    image_size: tuple[int, int]
    """(H, W) of that frame."""

    xyxy_px: FloatArray
    """(4,) float32, the detector's box."""

    padded_xyxy_px: FloatArray
    """(4,) float32, the box grown to 3:4."""

    score: float
    class_id: int

    global_orient: FloatArray
    """(1,3,3) float32"""

    body_pose: FloatArray
    """(23,3,3) float32"""

    betas: FloatArray
    """(10,) float32"""

    cam_crop: FloatArray
    """(3,) float32 (s, tx, ty)"""

    cam_t: FloatArray
    """(3,) float32 metres"""

    joints_3d: FloatArray
    """(45,3) float32 metres"""

    joints_2d: FloatArray
    """(45,2) float32 in the padded square, 0..1"""

    code: FloatArray
    """(4096,) float32 appearance"""

    pose_vector: FloatArray
    """(229,) float32"""

    location_vector: FloatArray
    """(99,) float32"""

    uv: FloatArray | None = None
    """(4,256,256) float32 or None"""

    mask: RleMask | None = None

    gt_id: int | None = None
    annotation: Any = None
    """Whatever came with a given box; None or an empty list means nothing did."""

    joint_confidence: FloatArray | None = None
    """(45,) float32; this and the next two as in ``JointTrust``, None where nothing is known."""

    joint_error_mm: FloatArray | None = None
    """(45,2) float32"""

    joint_source: IntArray | None = None
    """(45,) uint8"""

    row: int = -1
    """Place among the people of its frame, before the tracker; -1: unknown. Not in results."""

    revises: tuple[Revised, ...] = ()
    """What is now known better of this person in earlier frames. Not in results."""

    evidence: Mapping[str, Any] | None = None
    """As in ``People``. Not in results."""

    extra: Any = None
    """What ``run_additional_models`` said of this detection."""

    def __post_init__(self) -> None:
        for name, shape in _SHAPES:
            # A function called for each takes a tenth of the time in which people are tracked.
            if getattr(getattr(self, name), "shape", None) != shape:
                check_shape("Observation", name, getattr(self, name), shape)
        for name, shape in _OPTIONAL_SHAPES:
            value = getattr(self, name)
            if value is not None and getattr(value, "shape", None) != shape:
                check_shape("Observation", name, value, shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revised:
    """New values for a person of an earlier frame."""

    frame_index: int
    row: int
    """``Observation.row`` of the person there."""

    values: Mapping[str, FloatArray]
    """By the names of an ``Observation``'s fields."""

    evidence: Mapping[str, Any] | None = None
    """As in ``People``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedPerson:
    """A track's entry in a frame."""

    track_id: int
    """From 1 in every run."""

    missed: int
    """0 = seen in this frame; k = last seen k frames ago, so the observation is that old."""

    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """What is stored of one frame once it is final."""

    index: int
    source_index: int
    key: FrameKey
    time_s: float
    is_shot_start: bool
    image_size: tuple[int, int]
    """(H, W)"""

    people: tuple[TrackedPerson, ...]
    """Confirmed tracks in the tracker's order, then those filled in afterwards."""

    others: tuple[Observation, ...] = ()
    """Who was seen and belonged to no confirmed track at the time. Not in results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFill:
    """A track confirmed only now was already there in an earlier frame."""

    frame_index: int
    person: TrackedPerson


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameUpdate:
    """What the tracker says after a frame."""

    people: tuple[TrackedPerson, ...]
    """Confirmed tracks, seen or missed, in the tracker's order."""

    back_fill: tuple[BackFill, ...] = ()
    """Entries for earlier frames of tracks that were confirmed in this one."""

    others: tuple[Observation, ...] = ()
    """Who else was seen; only from a tracker whose detections are no ``Observation``."""
