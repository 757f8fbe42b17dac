"""The types that pass through the pipeline: frozen dataclasses over numpy, checked when built."""

from humantrack.types.frame import Frame, FrameKey, SourceInfo
from humantrack.types.people import (
    CODE_SIZE,
    LOCATION_VECTOR_SIZE,
    POSE_VECTOR_SIZE,
    Appearance,
    BodyBatch,
    Detections,
    JointSource,
    JointTrust,
    People,
    Revision,
    Settled,
)
from humantrack.types.record import (
    BackFill,
    FrameRecord,
    FrameUpdate,
    Observation,
    Revised,
    RleMask,
    TrackedPerson,
)
from humantrack.types.trust import SOURCE_NAMES, is_guessed, person_confidence, pose_source

__all__ = [
    "CODE_SIZE",
    "LOCATION_VECTOR_SIZE",
    "POSE_VECTOR_SIZE",
    "SOURCE_NAMES",
    "Appearance",
    "BackFill",
    "BodyBatch",
    "Detections",
    "Frame",
    "FrameKey",
    "FrameRecord",
    "FrameUpdate",
    "JointSource",
    "JointTrust",
    "Observation",
    "People",
    "Revised",
    "Revision",
    "RleMask",
    "Settled",
    "SourceInfo",
    "TrackedPerson",
    "is_guessed",
    "person_confidence",
    "pose_source",
]
