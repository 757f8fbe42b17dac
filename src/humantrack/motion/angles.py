"""Joint angles in clinical conventions, of a body's rotations.

Axes of a segment are those of the body in its T pose, as the ISB has them: x forward, y up, z to
the right. Legs and trunk are at zero in that pose; arms are at zero hanging at the sides, thumbs
forward, from which the T pose is an abduction by 90 degrees. Of the left side the mirror image is
taken, so that the same movement has the same sign on both sides.

Sources: Grood and Suntay, J. Biomech. Eng. 105 (1983) for the knee; Wu et al., J. Biomech. 35
(2002) for ankle, hip and spine; Wu et al., J. Biomech. 38 (2005) for shoulder (humerus relative to
the thorax) and elbow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.body.joints import PHALP_JOINTS, SMPL_JOINTS
from humantrack.geometry.rotations import matrix_to_euler
from humantrack.types.arrays import FloatArray, IntArray

ISB = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""The body's own axes (x to its left, y up, z forward) to the ISB's."""

MIRROR = np.array([1.0, 1.0, -1.0])
"""What the sagittal plane does to the ISB's axes."""

HANGING = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""The right arm at zero -> in the T pose: an abduction by 90 degrees, about x."""

SIDES = "left", "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A joint of a side, or of the trunk."""

    name: str
    chain: tuple[str, ...]
    """Joints of SMPL, without their side, that lead from the one segment to the other."""

    angles: tuple[str, str, str]
    order: str = "ZXY"
    """Axes about which the three angles turn, one after the other."""

    signs: tuple[int, int, int] = (1, 1, 1)
    is_arm: bool = False
    """True if zero is not the T pose, but the arm hanging."""

    shown_by: tuple[str, ...]
    """Those of PHALP's joints that tell of these angles, without their side."""


JOINTS = (
    Joint(
        name="hip",
        chain=("hip",),
        angles=("flexion", "adduction", "rotation"),
        shown_by=("hip", "knee"),
    ),
    Joint(
        name="knee",
        chain=("knee",),
        angles=("flexion", "adduction", "rotation"),
        signs=(-1, 1, 1),
        shown_by=("hip", "knee", "ankle"),
    ),
    Joint(
        name="ankle",
        chain=("ankle",),
        angles=("dorsiflexion", "inversion", "rotation"),
        shown_by=("knee", "ankle", "big_toe", "heel"),
    ),
    Joint(
        name="shoulder",
        chain=("collar", "shoulder"),
        angles=("plane", "elevation", "rotation"),
        order="YXY",
        is_arm=True,
        shown_by=("shoulder", "elbow"),
    ),
    Joint(
        name="elbow",
        chain=("elbow",),
        angles=("flexion", "carrying", "pronation"),
        is_arm=True,
        shown_by=("shoulder", "elbow", "wrist"),
    ),
)

TRUNK = Joint(
    name="trunk",
    chain=("spine1", "spine2", "spine3"),
    angles=("flexion", "bending", "rotation"),
    signs=(-1, 1, 1),
    shown_by=("mid_hip", "neck"),
)

PLACES = (("", TRUNK), *((f"{side}_", joint) for side in SIDES for joint in JOINTS))
"""Every joint with what its names begin with."""

NAMES = tuple(f"{side}{joint.name}_{angle}" for side, joint in PLACES for angle in joint.angles)
"""Of the angles, in the order of ``joint_angles``."""


def joint_angles(local: FloatArray) -> FloatArray:
    """(T,24,3,3) SMPL's rotations to their parents -> (T,33) degrees, in the order of ``NAMES``.

    Each is within 180 degrees of zero, elevation from 0 to 180. A frame does not depend on others.
    """
    angles = [_turns(turn_of(local, side, joint), joint) for side, joint in PLACES]
    return np.asarray(np.concatenate(angles, axis=1))


def turn_of(local: FloatArray, side: str, joint: Joint) -> FloatArray:
    """(T,24,3,3) -> (T,3,3) a joint's rotation in the ISB's axes, as if it were a right one.

    Args:
        local: rotations to the parents.
        side: ``left_``, ``right_`` or nothing.
        joint: see ``JOINTS``.
    """
    turn = np.eye(3)
    for name in joint.chain:
        turn = turn @ local[:, SMPL_JOINTS.index(f"{side}{name}")]
    turn = ISB @ turn @ ISB.T
    if side == "left_":
        turn = MIRROR[:, None] * turn * MIRROR
    if not joint.is_arm:
        return np.asarray(turn)
    # The shoulder's parent is the thorax, whose zero is that of the T pose; the elbow's an arm.
    turn = turn @ HANGING
    return np.asarray(turn if "shoulder" in joint.chain else HANGING.T @ turn)


def _turns(turn: FloatArray, joint: Joint) -> FloatArray:
    if joint.order == "YXY":
        return _plane_elevation_rotation(turn)
    angles: FloatArray = matrix_to_euler(turn, joint.order, degrees=True)
    return np.asarray(angles * np.array(joint.signs))


def _plane_elevation_rotation(turn: FloatArray) -> FloatArray:
    """(T,3,3) -> (T,3) degrees: plane of elevation, elevation, axial rotation.

    ``turn = Ry(plane) @ Rx(-elevation) @ Ry(rotation)``. Where elevation is 0 or 180 degrees only
    plane and rotation together are known, and the plane is 0.
    """
    sine = np.hypot(turn[:, 0, 1], turn[:, 2, 1])
    is_lost = sine < 1e-9
    plane = np.where(is_lost, 0.0, np.arctan2(-turn[:, 0, 1], -turn[:, 2, 1]))
    rotation = np.where(
        is_lost,
        np.arctan2(turn[:, 0, 2], turn[:, 0, 0]),
        np.arctan2(-turn[:, 1, 0], turn[:, 1, 2]),
    )
    elevation = np.arctan2(sine, turn[:, 1, 1])
    return np.asarray(np.degrees(np.stack([plane, elevation, rotation], axis=1)))


def trust_of(source: IntArray, confidence: FloatArray) -> dict[str, tuple[IntArray, FloatArray]]:
    """How far each joint's angles are to be trusted: as the worst of the joints that show them.

    Args:
        source: (T,45) of ``JointSource``, -1 where nothing is known.
        confidence: (T,45), NaN where nothing is known.

    Returns:
        (T,) source and (T,) confidence by the joint's name, with its side.
    """
    out: dict[str, tuple[IntArray, FloatArray]] = {}
    for side, joint in PLACES:
        names = (n if n in PHALP_JOINTS else f"{side}{n}" for n in joint.shown_by)
        rows = [PHALP_JOINTS.index(name) for name in names]
        some = source[:, rows]
        worst = np.where(some.min(axis=1) < 0, -1, some.max(axis=1)).astype(np.int8)
        out[f"{side}{joint.name}"] = worst, np.asarray(confidence[:, rows].min(axis=1))
    return out
