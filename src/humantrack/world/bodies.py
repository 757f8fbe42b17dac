"""The one body of a track: bones, PHALP's 45 joints on them, heels and toes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.body.mannequin import load_mannequin
from humantrack.body.shape import LIMIT, SIZE
from humantrack.body.smpl_file import SmplArrays
from humantrack.geometry.rotations import transpose
from humantrack.motion.skeleton import PELVIS_ROW, SHOWN_JOINTS, SHOWN_ROWS, skeleton_of
from humantrack.types.arrays import FloatArray

PARENT_OF_45 = np.array(
    # OpenPose's 25
    [
        *(15, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 15, 15, 15, 15),
        *(10, 10, 7, 11, 11, 8),
        *(8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15, 0, 9, 6, 15, 15),  # the 19
        0,
    ]
)
"""The joint of the skeleton that carries each of PHALP's 45."""

CONTACT_ROWS = np.array([21, 19, 24, 22])
"""Rows of the 45 that are heels and big toes, in the order of ``types.CONTACTS``."""

CONTACT_PARENTS = PARENT_OF_45[CONTACT_ROWS]

POINT_ROWS = np.concatenate([SHOWN_ROWS, CONTACT_ROWS])
"""Rows of the 45 that refinement looks at: joints of the skeleton, then heels and toes."""

SOLE_M = 0.02
"""How far inside a shoe the surface's heel and toe lie, where the body does not say."""


_SAME_SIZE = 2e-3
"""Relative difference that no one sees."""

_CROWN_M = 0.2
"""From the head joint to the crown of an adult."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackBody:
    """A body that does not change over its track."""

    betas: FloatArray
    """(10,)"""

    rest: FloatArray
    """(24,3) metres, pelvis at the origin, at ``scale``."""

    offsets: FloatArray
    """(45,3) PHALP's joints in the axes of their parents, from them, at ``scale``."""

    sole: FloatArray
    """(4,) how high heel and toe are above the floor when they stand on it, metres."""

    height_m: float
    """From sole to crown when standing straight, at ``scale``."""

    origin: FloatArray
    """(3,) the body's origin from its pelvis, in the pelvis' axes."""

    is_shipped: bool
    """True for the shipped body, whose 45 joints are known exactly."""

    scale: float = 1.0
    """Times the body of these betas."""

    def scaled(self, factor: float) -> TrackBody:
        """The same person, larger.

        The shipped body's shape number for size takes what it can, so that the body of the betas
        is the one whose joints are given; ``scale`` is what is left, as of children.
        """
        if self.is_shipped and factor != 1.0:
            betas = _larger(self.betas, factor)
            body = _shipped(betas, self.offsets)
            return body._times(factor * self.height_m / body.height_m)
        return self._times(factor)

    def _times(self, factor: float) -> TrackBody:
        if abs(factor - 1) < _SAME_SIZE:
            return self
        return replace(
            self,
            rest=self.rest * factor,
            offsets=self.offsets * factor,
            sole=self.sole * factor,
            height_m=self.height_m * factor,
            origin=self.origin * factor,
            scale=self.scale * factor,
        )

    def points(self, turned: FloatArray, joints: FloatArray) -> FloatArray:
        """(T,24,3,3), (T,24,3) -> (T,18,3) the points that refinement looks at."""
        contact = turned[:, CONTACT_PARENTS] @ self.offsets[CONTACT_ROWS, :, None]
        contact = joints[:, CONTACT_PARENTS] + contact[..., 0]
        return np.concatenate([joints[:, SHOWN_JOINTS], contact], axis=1)

    def joints45(self, turned: FloatArray, joints: FloatArray) -> FloatArray:
        """(T,24,3,3), (T,24,3) -> (T,45,3) PHALP's joints."""
        if self.is_shipped:
            betas = np.repeat(self.betas[None], len(turned), axis=0)
            pelvis = joints[:, :1]
            own = load_mannequin().phalp_joints(turned, (joints - pelvis) / self.scale, betas)
            out = own * self.scale + pelvis
            out[:, 44] = pelvis[:, 0]
            return np.asarray(out, np.float64)
        moved = turned[:, PARENT_OF_45] @ self.offsets[:, :, None]
        return np.asarray(joints[:, PARENT_OF_45] + moved[..., 0])


def track_body(
    local: FloatArray,
    joints: FloatArray,
    betas: FloatArray,
    smpl: Callable[[], SmplArrays | None] = lambda: None,
) -> TrackBody:
    """One body for a track, from some of its frames.

    Args:
        local: (T,24,3,3) rotations.
        joints: (T,45,3) PHALP's joints in the axes that the root's rotation leads to.
        betas: (T,10) shapes.
        smpl: gives SMPL's model, if it is there.
    """
    shape = np.median(betas, axis=0).astype(np.float32)
    skeleton = skeleton_of(local, joints, betas, smpl)
    shipped = skeleton.kind == "embedded"
    rest = skeleton.rest
    if shipped:
        rest = _shipped_rest(shape)
    turned, bones = forward_kinematics(local, rest)
    seen = joints - joints[:, PELVIS_ROW, None]
    apart = seen - bones[:, PARENT_OF_45]
    offsets = np.median((transpose(turned[:, PARENT_OF_45]) @ apart[..., None])[..., 0], axis=0)
    if shipped:
        return _shipped(shape, offsets)
    heels_and_toes = rest[CONTACT_PARENTS, 1] + offsets[CONTACT_ROWS, 1]
    low = heels_and_toes.min() - SOLE_M
    return TrackBody(
        betas=shape,
        rest=rest,
        offsets=offsets,
        sole=heels_and_toes - low,
        height_m=float(rest[15, 1] + _CROWN_M - low),
        origin=offsets[44],
        is_shipped=False,
    )


def _shipped_rest(betas: FloatArray) -> FloatArray:
    rest = load_mannequin().rest_joints(betas[None])[0]
    return np.asarray(rest - rest[0])


def _shipped(betas: FloatArray, offsets: FloatArray) -> TrackBody:
    """The shipped body; ``offsets`` (45,3) are roughly those of its joints."""
    rest = _shipped_rest(betas)
    eye = np.tile(np.eye(3), (1, 24, 1, 1))
    every = load_mannequin().phalp_joints(eye, rest[None], betas[None])[0].astype(np.float64)
    every[44] = offsets[44]
    offsets = every - rest[PARENT_OF_45]
    low, high = _shipped_extent(betas)
    return TrackBody(
        betas=betas,
        rest=rest,
        offsets=offsets,
        sole=every[CONTACT_ROWS, 1] - low,
        height_m=float(high - low),
        origin=offsets[44],
        is_shipped=True,
    )


def _larger(betas: FloatArray, factor: float) -> FloatArray:
    """Shape numbers of a body so many times as tall, as far as they may go."""
    out = betas.copy()
    low, high = _shipped_extent(betas)
    wanted = (high - low) * factor
    more = betas.copy()
    more[SIZE] += 1
    one = np.diff(_shipped_extent(more))[0] - (high - low)
    for _ in range(2):
        low, high = _shipped_extent(out)
        out[SIZE] = np.clip(out[SIZE] + (wanted - (high - low)) / one, -LIMIT, LIMIT)
    return out


def _shipped_extent(betas: FloatArray) -> tuple[float, float]:
    """The lowest and highest point of the shipped body's surface in the T pose, from the pelvis."""
    from humantrack.types import BodyBatch

    eye = np.eye(3, dtype=np.float32)
    zeros = np.zeros
    body = load_mannequin()
    one = BodyBatch(
        global_orient=eye[None, None],
        body_pose=np.repeat(eye[None], 23, axis=0)[None],
        betas=betas[None].astype(np.float32),
        cam_crop=zeros((1, 3), np.float32),
        cam_t=zeros((1, 3), np.float32),
        joints_3d=zeros((1, 45, 3), np.float32),
        joints_2d=zeros((1, 45, 2), np.float32),
    )
    y = body.vertices(one)[0, :, 1] - body.rest_joints(betas[None])[0, 0, 1]
    return float(y.min()), float(y.max())
