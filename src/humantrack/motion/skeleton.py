"""The rest pose of the body that a motion belongs to: the shipped one, SMPL, or an estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from humantrack.body.joints import OPENPOSE_OF_45, SMPL_PARENTS
from humantrack.body.kinematics import forward_kinematics
from humantrack.body.mannequin import load_mannequin
from humantrack.body.smpl_file import SmplArrays
from humantrack.types.arrays import FloatArray, IntArray

FITS_M = 0.001
"""A body is the right one if it puts the joints this close, on average, to where they are."""

_SHOWN = [(row, joint) for row, joint in enumerate(OPENPOSE_OF_45) if joint < 24]
SHOWN_ROWS, SHOWN_JOINTS = (np.array(part) for part in zip(*_SHOWN, strict=True))
"""The 15 of PHALP's 45 joints that are joints of the skeleton, and which."""

PELVIS_ROW = 8
"""The pelvis among PHALP's 45 (OpenPose's mid hip, SMPL's root)."""

_SAMPLES = 60
_PRIOR = 0.001
"""Weight of the shipped body's proportions against a frame's joints, where a bone is not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """Bones of one person; the T pose in the body's own axes: y up, x to its left, z forward."""

    kind: str
    """'embedded' (the shipped body), 'smpl', or 'estimated' from the joints."""

    rest: FloatArray
    """(24,3) metres, the pelvis at the origin."""

    error_m: float
    """Mean distance between its joints and those of the motion."""

    smpl: SmplArrays | None = None
    """The model file behind 'smpl'."""

    scale: float = 1.0
    """Size of the body, times that of its shape; people in the world may be so scaled."""

    @property
    def offsets(self) -> FloatArray:
        """(24,3) each joint as its parent sees it in the T pose; the root's is zero."""
        out = self.rest.copy()
        out[1:] -= self.rest[list(SMPL_PARENTS[1:])]
        return out

    def joints(self, local: FloatArray, pelvis: FloatArray) -> FloatArray:
        """(T,24,3) where rotations (T,24,3,3) and the root's place (T,3) put the joints."""
        _, joints = forward_kinematics(local, self.rest)
        return joints + pelvis[:, None]


def sample_of(count: int) -> IntArray:
    """Which of so many frames show a body's bones well enough."""
    return np.linspace(0, count - 1, min(_SAMPLES, count)).astype(int)


def skeleton_of(
    local: FloatArray,
    joints: FloatArray,
    betas: FloatArray,
    smpl: Callable[[], SmplArrays | None] = lambda: None,
    mean_betas: FloatArray | None = None,
) -> Skeleton:
    """The body whose rotations put the joints where they are.

    Args:
        local: (T,24,3,3) rotations of one person ; ``sample_of`` says of which frames at most.
        joints: (T,45,3) PHALP's joints in the axes that the root's rotation leads to.
        betas: (T,10) shapes.
        smpl: gives SMPL's model, and is asked if the shipped body does not fit.
        mean_betas: (10,) the shape that the skeleton has; None takes the mean of ``betas``.

    Returns:
        The first that fits within a millimetre, each frame with its own shape: the shipped body,
        SMPL, either perhaps of another size; else bones estimated from the joints themselves.
        Bones that no joint shows (collars, spine, feet, hands) are then those of the shipped body,
        scaled.
    """
    if mean_betas is None:
        mean_betas = betas.mean(axis=0)
    some = sample_of(len(local))
    sample = _Sample(local[some], joints[some][:, SHOWN_ROWS] - joints[some, PELVIS_ROW, None])
    shapes = np.concatenate([betas[some], mean_betas[None]]).astype(np.float64)
    shipped = load_mannequin().rest_joints(shapes)
    if scale := _fitting_scale(shipped[:-1], sample):
        return _measured("embedded", shipped[-1], sample, scale=scale)
    model = smpl()
    if model is not None:
        rest = _smpl_rest(model, shapes)
        if scale := _fitting_scale(rest[:-1], sample):
            return _measured("smpl", rest[-1], sample, model, scale)
    return _measured("estimated", _estimate(sample, shipped[-1]), sample)


def _smpl_rest(smpl: SmplArrays, betas: FloatArray) -> FloatArray:
    """(N,10) -> (N,24,3) SMPL's joints in the T pose."""
    regressor = smpl.j_regressor.astype(np.float64)
    moves = np.einsum("jv,vck->jck", regressor, smpl.shapedirs, optimize=True)
    return np.asarray(regressor @ smpl.v_template + np.einsum("jck,nk->njc", moves, betas))


@dataclass(frozen=True)
class _Sample:
    """Some frames: rotations (T,24,3,3), and the 15 joints (T,15,3) seen from the pelvis."""

    local: FloatArray
    there: FloatArray


def _error_m(rest: FloatArray, sample: _Sample) -> float:
    """Mean distance from where rest joints (T,24,3) or (24,3), turned, come to lie."""
    _, joints = forward_kinematics(sample.local, rest)
    there = joints[:, SHOWN_JOINTS] - joints[:, :1]
    return float(np.linalg.norm(there - sample.there, axis=-1).mean())


def _fitting_scale(rest: FloatArray, sample: _Sample) -> float | None:
    """The size at which rest joints (T,24,3), turned, come to lie where joints are; None: at none.

    1 if they do as they are, else that of least squares.
    """
    if _error_m(rest, sample) < FITS_M:
        return 1.0
    _, joints = forward_kinematics(sample.local, rest)
    there = joints[:, SHOWN_JOINTS] - joints[:, :1]
    with np.errstate(all="ignore"):
        scale = float((there * sample.there).sum() / (there * there).sum())
    return scale if scale > 0 and _error_m(rest * scale, sample) < FITS_M else None


def _measured(
    kind: str,
    rest: FloatArray,
    sample: _Sample,
    smpl: SmplArrays | None = None,
    scale: float = 1.0,
) -> Skeleton:
    rest = (rest - rest[0]) * scale
    return Skeleton(kind=kind, rest=rest, error_m=_error_m(rest, sample), smpl=smpl, scale=scale)


def _estimate(sample: _Sample, shipped: FloatArray) -> FloatArray:
    """(24,3) the T pose whose joints come nearest to those seen, in the least-squares sense.

    A joint is the pelvis plus the sum of its chain's offsets, each turned by its parent's
    rotation: linear in the offsets.
    """
    turned, _ = forward_kinematics(sample.local, shipped)
    rows = np.zeros((len(turned), len(SHOWN_JOINTS), 3, 23, 3))
    for i, joint in enumerate(SHOWN_JOINTS.tolist()):
        link = joint
        while link > 0:
            rows[:, i, :, link - 1] = turned[:, SMPL_PARENTS[link]]
            link = SMPL_PARENTS[link]
    prior = (shipped - shipped[list(np.maximum(SMPL_PARENTS, 0))])[1:].ravel()
    a, b = rows.reshape(-1, 69), sample.there.ravel()
    guess = a @ prior
    scale = float(guess @ b) / max(float(guess @ guess), 1e-12)
    weight = np.sqrt(_PRIOR * len(turned))
    a = np.concatenate([a, weight * np.eye(69)])
    b = np.concatenate([b, weight * max(scale, 0.1) * prior])
    offsets = np.linalg.lstsq(a, b, rcond=None)[0].reshape(23, 3)
    rest = np.zeros((24, 3))
    for joint in range(1, 24):
        rest[joint] = rest[SMPL_PARENTS[joint]] + offsets[joint - 1]
    return rest
