"""How far a whole person is to be trusted, from what is known of the joints."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from humantrack.types.arrays import FloatArray, IntArray
from humantrack.types.people import JointSource
from humantrack.types.record import Observation

SOURCE_NAMES = tuple(source.name.lower() for source in JointSource)
"""How files name a ``JointSource``: seen, hidden, held, made_up."""

_BODY = np.array([row for row in range(25) if row != 8])
"""Rows of the 45 that tell of a person: OpenPose's BODY_25 without the middle of the hips, which is
the origin that errors are measured from."""


def person_confidence(joint_confidence: FloatArray) -> FloatArray:
    """(...,45) confidence of joints -> (...) of the person.

    It is the mean over the body's joints: the part of them to be expected within 100 mm.
    """
    return np.asarray(joint_confidence[..., _BODY].mean(axis=-1))


def pose_source(joint_source: IntArray) -> npt.NDArray[np.integer]:
    """(...,45) sources of joints -> (...) the best that any joint of the body has.

    So ``HELD`` and ``MADE_UP`` mean that nothing of the pose is of this frame.
    """
    return np.asarray(joint_source[..., _BODY].min(axis=-1))


def is_guessed(seen: Observation) -> bool:
    """Whether the pose as a whole is held or made up."""
    source = seen.joint_source
    if source is None or source[_BODY[0]] < JointSource.HELD:  # one that is not says it of all
        return False
    return int(pose_source(source)) >= JointSource.HELD
