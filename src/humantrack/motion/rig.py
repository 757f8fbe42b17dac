"""A skeleton as another program wants it: its bones' names and axes, its rest pose, axes, unit.

With G_j the global rotation of joint j from the T pose in the motion's axes, a rig's own is
S G_j F_j: S turns the motion's axes into the file's, and the columns of F_j are the bone's axes as
the T pose has them in the body's. Offsets and local rotations follow: a bone begins at
F_p^T offset_j, seen from its parent p, and turns by F_p^T R_j F_j.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from humantrack.body.joints import SMPL_JOINTS, SMPL_PARENTS
from humantrack.body.kinematics import PARENTS, forward_kinematics
from humantrack.body.mannequin import load_mannequin
from humantrack.geometry.rotations import (
    matrix_to_quaternion,
    project_to_so3,
    quaternion_to_matrix,
)
from humantrack.motion.motion import Motion
from humantrack.motion.skeleton import Skeleton
from humantrack.types.arrays import FloatArray

JOINTS = len(SMPL_JOINTS)

UP = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
}
"""From the motion's axes to those with another one up: x stays, and z up has y away from the
viewer."""

UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
"""How many are a metre."""


def in_axes(part: Motion, up: str) -> Motion:
    """The motion in axes with another one up; the body's own axes stay, as SMPL has them."""
    if up == "y":
        return part
    turn = UP[up]
    quaternions = part.quaternions.copy()
    quaternions[:, 0] = matrix_to_quaternion(turn @ quaternion_to_matrix(quaternions[:, 0]))
    return replace(
        part,
        quaternions=quaternions,
        pelvis=part.pelvis @ turn.T,
        joints=part.joints @ turn.T,
    )


@cache
def rest_turns(rest: str) -> FloatArray:
    """(24,3,3) global rotations from the T pose to a rest pose: 't', or 'a'.

    'a' is the pose in which the shipped body's surface and skeleton were joined: arms half down
    and a little forward, legs apart. It costs the surface nothing.
    """
    if rest == "t":
        return np.tile(np.eye(3), (JOINTS, 1, 1))
    _, _, into_t = load_mannequin().bind(np.zeros(10))
    return project_to_so3(into_t.transpose(0, 2, 1))  # stored with a float32's digits


@dataclass(frozen=True, kw_only=True)
class Rig:
    """What a skeleton is called and how it stands."""

    names: tuple[str | None, ...] = SMPL_JOINTS
    """Of the 24 joints; None leaves one out, which must be the last of its chain."""

    rest: str = "t"
    """Pose of zero rotations: 't' or 'a'; bones with axes of their own have none."""

    axes: FloatArray | None = None
    """(24,3,3) axes of each bone in the T pose, in columns; None: the file's, as it rests."""

    up: str = "y"
    unit: str = "m"

    @property
    def scale(self) -> float:
        """The file's units in a metre."""
        return UNITS[self.unit]

    @property
    def joints(self) -> list[int]:
        """Numbers of the joints it has."""
        return [joint for joint, name in enumerate(self.names) if name is not None]

    @cached_property
    def frames(self) -> FloatArray:
        """(24,3,3) F of each joint."""
        if self.axes is not None:
            return self.axes
        return np.asarray(rest_turns(self.rest).transpose(0, 2, 1) @ UP[self.up].T)

    def offsets(self, skeleton: Skeleton) -> FloatArray:
        """(24,3) each joint as its parent sees it, in the file's unit; the root's is zero."""
        return self.seen_from_parents(skeleton.offsets)

    def seen_from_parents(self, offsets: FloatArray) -> FloatArray:
        """(24,3) metres in the body's axes, from each joint's parent -> in the parent's, scaled."""
        above = self.frames[np.maximum(PARENTS, 0)]
        return np.asarray((offsets[:, None] @ above)[:, 0] * self.scale)

    def seen_from(self, joint: int, offset: FloatArray) -> FloatArray:
        """(3,) metres in the body's axes, beyond a joint -> in the joint's own, scaled."""
        return np.asarray(offset @ self.frames[joint] * self.scale)

    def local(self, matrices: FloatArray) -> FloatArray:
        """(T,24,3,3) rotations from parents, as motion has them -> as the file has them."""
        frames = self.frames
        above = frames[np.maximum(PARENTS, 0)].transpose(0, 2, 1).copy()
        above[0] = UP[self.up]
        return np.asarray(above @ matrices @ frames)

    def at_rest(self) -> FloatArray:
        """(24,3,3) rotations from parents of the rest pose; without axes of bones, the identity."""
        turns = rest_turns(self.rest if self.axes is None else "t")
        above = turns[np.maximum(PARENTS, 0)].transpose(0, 2, 1).copy()
        above[0] = np.eye(3)
        return np.asarray(self.local((above @ turns)[None])[0])

    def place(self, points: FloatArray) -> FloatArray:
        """(...,3) metres in the motion's axes -> in the file's axes and unit."""
        return np.asarray(points @ UP[self.up].T * self.scale)


def rest_joints(skeleton: Skeleton, rest: str) -> FloatArray:
    """(24,3) metres, where a skeleton's joints are in a rest pose, in the body's axes."""
    turns = rest_turns(rest)
    local = turns.copy()
    local[1:] = turns[list(SMPL_PARENTS[1:])].transpose(0, 2, 1) @ turns[1:]
    return np.asarray(forward_kinematics(local[None], skeleton.rest)[1][0])
