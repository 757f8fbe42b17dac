"""Points of the bodies that results hold: joints of any, vertices of SMPL's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.evaluation.joints import PELVIS_OF_45
from humantrack.evaluation.smpl import SmplFiles, SmplSurface
from humantrack.evaluation.worlds import Motion
from humantrack.motion.skeleton import Skeleton, skeleton_of
from humantrack.types.arrays import FloatArray

NOT_SMPL = "the results hold another body than SMPL's"
NO_MODEL = "the results' body is not the shipped one, and SMPL's neutral model is not there"


@dataclass(frozen=True, slots=True)
class BodyPoints:
    """T bodies."""

    joints: FloatArray
    """(T,24,3) metres, in their places."""

    vertices: FloatArray | None
    """(T,6890,3), if the body is SMPL's."""

    trans: FloatArray
    """(T,3) SMPL's ``trans``; the pelvis of another body."""


def points_of(motion: Motion, files: SmplFiles) -> tuple[BodyPoints, str | None]:
    """Joints and surface of a track, and why there is no surface, if there is none.

    SMPL's 24 joints are its regressor's on the posed surface, as published scripts take them;
    those of another body are its own 24.

    Args:
        motion: of one person, at least one frame.
        files: where SMPL's models are.
    """
    body = _skeleton(motion, files)
    if body.kind == "smpl" and body.smpl is not None:
        surface = files.surface("neutral")
        return of_smpl(surface, motion.rotations, motion.betas, motion.pelvis), None
    _, joints = forward_kinematics(motion.rotations, body.rest)
    placed = joints - joints[:, :1] + motion.pelvis[:, None]
    why = NOT_SMPL if body.kind == "embedded" or files.neutral() is not None else NO_MODEL
    return BodyPoints(placed, None, motion.pelvis), why


def of_smpl(
    surface: SmplSurface, rotations: FloatArray, betas: FloatArray, pelvis: FloatArray
) -> BodyPoints:
    """Points of SMPL bodies; arguments as ``SmplSurface.vertices``."""
    vertices = surface.vertices(rotations, betas, pelvis)
    return BodyPoints(surface.joints(vertices), vertices, pelvis - surface.rest_pelvis(betas))


def _skeleton(motion: Motion, files: SmplFiles) -> Skeleton:
    """Whose bones these are; the joints seen must be where the rotations put them."""
    joints = motion.joints - motion.joints[:, PELVIS_OF_45, None]

    def smpl() -> object:
        neutral = files.neutral()
        return None if neutral is None else neutral.arrays

    return skeleton_of(
        motion.rotations,
        joints,
        np.asarray(motion.betas),
        smpl,  # type: ignore[arg-type]
    )
