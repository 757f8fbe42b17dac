"""A person as the bones of an avatar in Unity's axes.

Unity is left-handed: x right, y up, z ahead. A motion of ours has x right, y up, z towards the
viewer (``humantrack.motion.motion``), and a body at rest faces z with its left at +x. So -x is
taken for x: a rotation R becomes M R M with M = diag(-1, 1, 1), a quaternion (x, y, z, w) becomes
(x, -y, -z, w), and a body at rest is the T pose that faces +z with its left at -x, in which all
rotations of a normalised avatar are zero.

Source:
    Unity's manual, "Quaternion and euler rotations in Unity" (left-handed axes) and
    ``HumanBodyBones``; tpose.ja.md of VRM 1.0's specification (looks along +z, arms along x); the
    VMC protocol's marionette specification (local transforms), https://protocol.vmc.info/english.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from humantrack.body.kinematics import PARENTS
from humantrack.geometry.cameras import PaddedSquare
from humantrack.geometry.rotations import matrix_to_quaternion
from humantrack.motion.bones import BONES
from humantrack.motion.camera import camera_with_focal, ray_rotations, usual_focal_px
from humantrack.motion.motion import FARTHEST, Y_UP, cached_smpl
from humantrack.motion.skeleton import PELVIS_ROW, skeleton_of
from humantrack.types import Observation, TrackedPerson
from humantrack.types.arrays import FloatArray

MIRROR = np.array([-1.0, 1.0, 1.0])
"""From the motion's axes to Unity's, and back."""

JOINTS = tuple(range(22))
"""Those that are sent: SMPL's last two are where fingers begin, of which nothing is known."""

NAMES = tuple(BONES["unity"][joint] or "" for joint in JOINTS)
"""Unity's names for them."""


_smpl = cache(cached_smpl)
"""SMPL's model, read once, and only for bodies that are not the shipped one."""


@dataclass(frozen=True)
class Pose:
    """Local places and rotations of ``JOINTS``, as their parents see them."""

    places: FloatArray
    """(22,3) metres; the first, of the hips, as the root sees it."""

    quaternions: FloatArray
    """(22,4) x, y, z, w"""


def is_usable(seen: Observation) -> bool:
    """Whether all that a pose is made of are numbers, before the camera."""
    values = (seen.global_orient, seen.body_pose, seen.joints_3d, seen.cam_t, seen.betas)
    return all((np.abs(v) < FARTHEST).all() for v in values) and bool(seen.cam_t[2] > 0)


@dataclass
class Avatar:
    """One person from frame to frame. The root stands below where he was first, on the floor.

    The floor is as far down as the lowest joint of the first frame. The camera is taken for level.
    """

    _origin: FloatArray | None = field(default=None, init=False)

    def pose(self, seen: Observation) -> Pose:
        """The pose of a frame, of somebody who ``is_usable``."""
        local, joints, pelvis = _in_motion(seen)
        # Each frame has its own shape, as its joints do.
        rest = skeleton_of(local[None], joints[None], seen.betas[None], _smpl).rest
        if self._origin is None:
            self._origin = np.array([pelvis[0], float(joints[:-1, 1].min()), pelvis[2]])
        places = rest - rest[np.maximum(PARENTS, 0)]
        places[0] = pelvis - self._origin
        w, x, y, z = np.moveaxis(matrix_to_quaternion(local), -1, 0)
        return Pose(
            places[list(JOINTS)] * MIRROR,
            np.stack([x, -y, -z, w], axis=-1)[list(JOINTS)],
        )


def _in_motion(seen: Observation) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rotations (24,3,3), joints (45,3) and the pelvis (3,) in the motion's axes.

    As a usual lens sees him, as exports do; see ``motion.camera.through_lens``.
    """
    height, width = seen.image_size
    square = PaddedSquare(height, width)
    rest = np.asarray(seen.joints_3d[PELVIS_ROW], np.float64)
    usual_px = usual_focal_px(np.array([[height, width]]))
    from_px = np.array([square.focal_px])
    place = camera_with_focal((seen.cam_t + rest)[None], from_px, usual_px)[0]
    turn = ray_rotations(place[None])[0]
    local = np.concatenate([seen.global_orient, seen.body_pose]).astype(np.float64)
    local[0] = Y_UP[:, None] * (turn @ local[0])
    joints = (place + (seen.joints_3d - rest) @ turn.T) * Y_UP
    return local, joints, place * Y_UP


class Choice:
    """Whom an avatar follows: somebody by number, or whoever is ``longest`` or ``largest``.

    Args:
        whom: a track id; "longest": who has been there for longest, until he is gone; "largest":
            whose box is largest, by a margin.
    """

    MARGIN = 1.25
    """How much larger another's box must be, by area, for the avatar to change over."""

    def __init__(self, whom: str | int) -> None:
        self._whom = whom
        self._followed: int | None = None
        self._seen: dict[int, int] = {}

    def of(self, people: tuple[TrackedPerson, ...]) -> TrackedPerson | None:
        """The person of this frame, if he is seen in it."""
        self._seen = {p.track_id: self._seen.get(p.track_id, 0) + (p.missed == 0) for p in people}
        there = {p.track_id: p for p in people}
        if isinstance(self._whom, int):
            self._followed = self._whom
        elif self._whom == "largest":
            self._followed = self._largest(there)
        elif self._followed not in there:
            self._followed = max(there, key=lambda one: self._seen[one], default=None)
        person = there.get(self._followed) if self._followed is not None else None
        return person if person is not None and person.missed == 0 else None

    def _largest(self, there: dict[int, TrackedPerson]) -> int | None:
        sizes = {
            one: float(np.prod(person.observation.xyxy_px[2:] - person.observation.xyxy_px[:2]))
            for one, person in there.items()
            if person.missed == 0
        }
        if not sizes:
            return self._followed if self._followed in there else None
        most = max(sizes, key=lambda one: sizes[one])
        kept = self._followed
        if kept in there and sizes[most] < self.MARGIN * sizes.get(kept, 0.0):
            return kept
        return most
