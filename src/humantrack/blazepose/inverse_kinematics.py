"""33 landmarks in space -> the rotations of 24 joints, in closed form.

The direction of every bone of trunk, arms and legs is met exactly. What a direction leaves open,
the twist, comes from the plane in which elbow or knee is bent, and fades to a default where the
limb is straight and that plane is noise.
"""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import (
    axis_angle_to_matrix,
    between,
    cross,
    dot,
    frame,
    limit_angle,
    matrix_to_axis_angle,
    norm,
    transpose,
    unit,
)
from humantrack.types.arrays import FloatArray

# Landmarks (MediaPipe's order; left is the person's).
NOSE = 0
EARS = (7, 8)
SHOULDERS = (11, 12)
PINKIES = (17, 18)
INDEXES = (19, 20)
HIPS = (23, 24)
HEELS = (29, 30)
TOES = (31, 32)

# The four limbs in the order left arm, right arm, left leg, right leg: landmarks of their joints
LIMB_ROOT = (11, 12, 23, 24)
LIMB_MIDDLE = (13, 14, 25, 26)
LIMB_END = (15, 16, 27, 28)
# ... and the joints of the body.
ROOT_JOINT = (16, 17, 1, 2)
MIDDLE_JOINT = (18, 19, 4, 5)
END_JOINT = (20, 21, 7, 8)
HAND_JOINT = (22, 23)
SPINE_JOINT = (3, 6, 9)
HEAD_JOINT = (12, 15)

_X, _Z = np.eye(3)[[0, 2]]
_EYE24 = np.tile(np.eye(3), (24, 1, 1))
_HINGE = np.array([[0.0, -1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 0]])
"""Axes about which elbows and knees bend, in the T pose."""
_STRAIGHT = np.array([[0.1], [0.1], [0.15], [0.15]])
"""Sine of the bend up to which the default hinge is taken whole,"""
_BENT = np.array([[0.35], [0.35], [0.45], [0.45]])
"""... and from which the measured one; mixed between."""
_WRONG_WAY = np.array([[-0.2], [-0.2], [-0.3], [-0.3]])
"""A measured hinge whose cosine with the default is lower is not believed, as no elbow or knee
bends that way,"""
_BELIEVE = np.array([[0.5], [0.5], [2.0], [2.0]])
"""... unless the share of the measured one is above this: an arm may well be twisted so far."""
_NOSE_LOW = np.deg2rad(15)
"""The nose lies this much lower than the ears, seen from the middle between them."""
_MAX_TURN = np.deg2rad([[180], [80], [70], [70], [60], [60]])
"""Largest turn of chest against pelvis, head against chest, hands and feet against their bones."""
_SHORTEST = 1e-4


def halfway(points: FloatArray, pair: tuple[int, int]) -> FloatArray:
    """(N,...) halfway between two of the landmarks (N,33,...)."""
    return np.asarray((points[:, pair[0]] + points[:, pair[1]]) / 2)


class InverseKinematics:
    """Landmarks -> rotations for a skeleton.

    Args:
        rest_joints: (24,3) joints of the T pose, body axes.
    """

    def __init__(self, rest_joints: FloatArray) -> None:
        rest = np.asarray(rest_joints, np.float64)
        up = rest[[16, 17]].mean(axis=0) - rest[[1, 2]].mean(axis=0)
        self._upper = rest[list(MIDDLE_JOINT)] - rest[list(ROOT_JOINT)]
        lower = rest[list(END_JOINT)] - rest[list(MIDDLE_JOINT)]
        hand = rest[list(HAND_JOINT)] - rest[list(END_JOINT[:2])]
        tip = np.concatenate([hand, [_Z, _Z]])
        # Inverses of the same frames that the landmarks give, in the T pose.
        self._pelvis = transpose(frame(_X, up))
        self._chest = transpose(frame(up, _X))
        self._upper_frame = transpose(frame(self._upper, _HINGE))
        self._lower_frame = transpose(frame(lower, _HINGE))
        self._tip_frame = transpose(frame(tip, np.array([_Z, _Z, _X, _X])))
        sine, cosine = np.sin(_NOSE_LOW), np.cos(_NOSE_LOW)
        self._face = np.array([[1, 0, 0], [0, -sine, cosine], [0, -cosine, -sine]])

    def __call__(self, points: FloatArray) -> FloatArray:
        """Rotations for N people.

        Args:
            points: (N,33,3) landmarks, x right, y down, z away, in any unit.

        Returns:
            (N,24,3,3) float64 relative to the parent; [:,0] turns the body into the camera's
            axes. Proper rotations whatever the points are, so long as they are finite.
        """
        p = np.asarray(points, np.float64)
        pelvis, chest = self._trunk(p)
        head = frame(p[:, EARS[0]] - p[:, EARS[1]], p[:, NOSE] - halfway(p, EARS))
        upper, lower = self._limbs(p, pelvis, chest)
        tip = self._tips(p, lower)

        parents = np.concatenate([pelvis[:, None], chest[:, None], lower], axis=1)
        children = np.concatenate([chest[:, None], (head @ self._face)[:, None], tip], axis=1)
        turn = limit_angle(matrix_to_axis_angle(transpose(parents) @ children), _MAX_TURN)
        turn[:, 0] /= len(SPINE_JOINT)
        turn[:, 1] /= len(HEAD_JOINT)
        turned = axis_angle_to_matrix(turn)

        out = np.repeat(_EYE24[None], len(p), axis=0)  # collars, toes and fingers stay so
        out[:, 0] = pelvis
        out[:, SPINE_JOINT] = turned[:, :1]
        out[:, HEAD_JOINT] = turned[:, 1:2]
        out[:, ROOT_JOINT] = transpose(np.stack([chest, chest, pelvis, pelvis], axis=1)) @ upper
        out[:, MIDDLE_JOINT] = transpose(upper) @ lower
        out[:, END_JOINT] = turned[:, 2:]
        return out

    def _trunk(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pelvis and chest (N,3,3): the one keeps the line of the hips, the other the spine."""
        up = halfway(p, SHOULDERS) - halfway(p, HIPS)
        hips = p[:, HIPS[0]] - p[:, HIPS[1]]
        shoulders = p[:, SHOULDERS[0]] - p[:, SHOULDERS[1]]
        return frame(hips, up) @ self._pelvis, frame(up, shoulders) @ self._chest

    def _limbs(
        self, p: FloatArray, pelvis: FloatArray, chest: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Upper and lower bones of the four limbs, each (N,4,3,3)."""
        upper = unit(p[:, LIMB_MIDDLE] - p[:, LIMB_ROOT])
        lower = unit(p[:, LIMB_END] - p[:, LIMB_MIDDLE])
        default = np.concatenate(
            [self._elbow_default(upper[:, :2], chest), _knee_default(p, lower[:, 2:], pelvis)],
            axis=1,
        )
        measured = cross(upper, lower)
        sine = norm(measured)
        measured = unit(measured)
        share = np.clip((sine - _STRAIGHT) / (_BENT - _STRAIGHT), 0, 1)
        believed = (dot(measured, default) > _WRONG_WAY) | (share > _BELIEVE)
        hinge = np.where(believed, unit(default * (1 - share) + measured * share), default)
        return (
            frame(upper, hinge) @ self._upper_frame,
            frame(lower, hinge) @ self._lower_frame,
        )

    def _elbow_default(self, upper: FloatArray, chest: FloatArray) -> FloatArray:
        """(N,2,3) axes of the elbows if the arm swings with the chest and does not twist."""
        chest = chest[:, None]
        hanging = (chest @ self._upper[:2, :, None])[..., 0]
        return np.asarray((between(hanging, upper) @ chest @ _HINGE[:2, :, None])[..., 0])

    def _tips(self, p: FloatArray, lower: FloatArray) -> FloatArray:
        """Hands and feet (N,4,3,3), before their turn is limited."""
        hand = (p[:, PINKIES] + p[:, INDEXES]) / 2 - p[:, LIMB_END[:2]]
        along = np.concatenate([hand, p[:, TOES] - p[:, HEELS]], axis=1)
        across = np.concatenate([p[:, INDEXES] - p[:, PINKIES], lower[:, 2:, :, 0]], axis=1)
        return np.where(
            norm(along)[..., None] > _SHORTEST, frame(along, across) @ self._tip_frame, lower
        )


def _knee_default(p: FloatArray, shin: FloatArray, pelvis: FloatArray) -> FloatArray:
    """(N,2,3) axes of the knees if they bend where pelvis and foot point."""
    side = pelvis[:, None, :, 0]
    foot = cross(p[:, TOES] - p[:, HEELS], shin)
    foot = np.where(norm(foot) > 10 * _SHORTEST, unit(foot), side)
    return np.asarray(np.where(dot(foot, side) > 0, unit(foot + side), side))
