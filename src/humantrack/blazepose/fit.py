"""Landmarks -> bodies: lift into space, solve for the rotations, place before the camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from humantrack.blazepose.camera import translation, weak_camera
from humantrack.blazepose.feet import lengthened
from humantrack.blazepose.foreshortening import steepened
from humantrack.blazepose.hidden import inside, straighten_hidden
from humantrack.blazepose.inverse_kinematics import InverseKinematics
from humantrack.blazepose.lift import LIMBS, at_joints, lift
from humantrack.blazepose.proportions import Spans, picture_scale, spans
from humantrack.blazepose.refine import LIMB_JOINTS, refine
from humantrack.body import Mannequin
from humantrack.body.shape import bone_lengths
from humantrack.geometry.cameras import PaddedSquare, full_to_crop, project_to_square
from humantrack.types import BodyBatch
from humantrack.types.arrays import FloatArray

_TALLEST_M = 4.0
"""Nobody is seen so small that his box would be this large: bounds the scale from below."""

_LEAST_WEIGHT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """N people of one frame, as the landmark network sees them."""

    xy_px: FloatArray
    """(N,33,2) landmarks in image pixels."""

    world: FloatArray
    """(N,33,3) world landmarks, metres, camera axes, corrected."""

    visibility: FloatArray
    """(N,33) 0..1."""

    padded_xyxy_px: FloatArray
    """(N,4) boxes of the networks' aspect that the crop cameras refer to."""

    height: int
    """Rows of the image."""

    width: int
    """Columns of the image."""

    @staticmethod
    def concatenate(parts: Sequence[Seen]) -> Seen:
        """All people of all parts, of which there must be one; frames of one size."""
        if len(parts) == 1:
            return parts[0]
        names = ("xy_px", "world", "visibility", "padded_xyxy_px")
        arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
        return Seen(**arrays, height=parts[0].height, width=parts[0].width)

    @property
    def least_scale(self) -> FloatArray:
        """(N,) px per metre: nobody is so small that his box would be larger than a giant."""
        boxes = np.asarray(self.padded_xyxy_px, np.float64)
        return np.asarray(np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1), 1.0) / _TALLEST_M)

    def spans(self) -> Spans:
        """How long the bones look."""
        return spans(
            at_joints(np.asarray(self.xy_px, np.float64)),
            at_joints(self.world)[..., 2],
            self.visibility,
        )


def fit_bodies(seen: Seen, betas: FloatArray, body: Mannequin) -> BodyBatch:
    """Bodies of N people of one frame, or of several of one size.

    Args:
        seen: their landmarks.
        betas: (N,10) their shapes.
        body: the body model.

    Returns:
        The bodies, float32; rotations are proper whatever the landmarks are (if finite).
    """
    if not len(seen.xy_px):
        return BodyBatch.empty()
    return place(fit_poses(seen, betas, body), betas, seen, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poses:
    """How N people hold themselves, and where their limbs are seen."""

    rotations: FloatArray
    """(N,24,3,3) relative to the parent."""

    xy_px: FloatArray
    """(N,12,2) where the limb joints are seen."""

    weight: FloatArray
    """(N,12) how surely."""


def fit_poses(seen: Seen, betas: FloatArray, body: Mannequin) -> Poses:
    """The poses of N > 0 people, whatever their girth and build; see :func:`fit_bodies`."""
    rest = body.rest_joints(betas)
    scale = picture_scale(seen.spans(), bone_lengths(rest), seen.least_scale)
    xy = at_joints(np.asarray(seen.xy_px, np.float64))
    lifted = lift(xy, at_joints(seen.world)[..., 2], scale)
    points = lengthened(steepened(lifted, rest))
    trust = inside(seen.xy_px, scale, seen.height, seen.width)
    points = straighten_hidden(points, trust, seen.visibility)
    weight = np.clip(seen.visibility * trust, _LEAST_WEIGHT, 1)[:, LIMBS]
    rotations = refine(_solver(body)(points), rest, points[:, LIMBS], weight)
    return Poses(rotations=rotations, xy_px=xy[:, LIMBS], weight=weight)


def place(poses: Poses, betas: FloatArray, seen: Seen, body: Mannequin) -> BodyBatch:
    """Bodies of known pose and shape, put where their limb joints are seen.

    Args:
        poses: of N people.
        betas: (N,10).
        seen: for the boxes and the size of the image.
        body: the body model.
    """
    square = PaddedSquare(seen.height, seen.width)
    orient, pose = poses.rotations[:, :1], poses.rotations[:, 1:]
    turned, joints = body.forward_kinematics(orient, pose, betas)
    joints_3d = body.phalp_joints(turned, joints, betas)
    share = (poses.weight / poses.weight.sum(axis=1, keepdims=True))[..., None]
    camera = weak_camera(joints[:, LIMB_JOINTS], poses.xy_px, share, seen.least_scale)
    cam_t = translation(*camera, square)
    f32 = np.float32
    return BodyBatch(
        global_orient=orient.astype(f32),
        body_pose=pose.astype(f32),
        betas=betas.astype(f32),
        cam_crop=full_to_crop(cam_t, np.asarray(seen.padded_xyxy_px, np.float64), square).astype(
            f32
        ),
        cam_t=cam_t.astype(f32),
        joints_3d=joints_3d,
        joints_2d=project_to_square(joints_3d, cam_t).astype(f32),
    )


@lru_cache(maxsize=4)
def _solver(body: Mannequin) -> InverseKinematics:
    """The solver for a body's mean adult: bone directions of the T pose are those of any shape."""
    return InverseKinematics(body.rest_joints())
