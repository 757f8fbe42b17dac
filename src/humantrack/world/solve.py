"""Gauss-Newton over all frames of a stretch at once: pelvis, and the rotations of the limbs.

Per frame the unknowns are the pelvis' place and small turns of ``ACTIVE`` joints, each in the
joint's own axes. Derivatives couple a frame with the three before; the normal equations are a
band of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from humantrack.body.joints import SMPL_PARENTS
from humantrack.body.kinematics import forward_kinematics
from humantrack.geometry.rotations import (
    axis_angle_to_matrix,
    limit_angle,
    matrix_to_axis_angle,
    transpose,
)
from humantrack.motion.skeleton import SHOWN_JOINTS
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.world.bodies import CONTACT_PARENTS, POINT_ROWS, TrackBody
from humantrack.world.smooth import CALM, derivative, durations
from humantrack.world.stretch import Path, View

ACTIVE = np.array([0, 1, 2, 4, 5, 7, 8, 16, 17, 18, 19])
"""Joints that are turned: the root, legs and arms."""

SIZE = 3 + 3 * len(ACTIVE)
"""Unknowns of a frame."""

NOMINAL_S = 1 / 30
"""What a frame tells counts by the time that it stands for, relative to this."""


def _moves() -> BoolArray:
    """(18,11) whether a turn of an active joint moves a point."""
    out = np.zeros((len(POINT_ROWS), len(ACTIVE)), bool)
    places = [(int(j), False) for j in SHOWN_JOINTS] + [(int(j), True) for j in CONTACT_PARENTS]
    for i, (joint, rides) in enumerate(places):
        link = joint if rides else SMPL_PARENTS[joint]
        while link >= 0:
            out[i, link == ACTIVE] = True
            link = SMPL_PARENTS[link]
    return out


MOVES = _moves()


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How far each kind of knowledge reaches; standard deviations."""

    turn_rad: float = 0.08
    """Of an estimated rotation of a limb, in a frame."""

    root_rad: float = 0.06
    scale: float = 0.04
    """Of a person's apparent size, in a frame."""

    limb_hz: float = 4.0
    """Swings of limbs below half of this frequency are kept."""

    root_hz: float = 2.5
    move_m_s3: float = 40.0
    """Jerk of the pelvis across the line of sight."""

    approach_m_s3: float = 15.0
    """And along it."""

    move_m_s2: float = 6.0
    approach_m_s2: float = 3.0
    """Accelerations, which matter in gaps."""

    astray_m: float = 0.3
    """How far a person goes from the smooth path while nothing is seen."""

    still_m: float = 0.03
    floor_m: float = 0.015
    outlier: float = 3.0
    """Points farther off than so many times their error count less (Cauchy)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a stretch, besides the body; see ``Stretch``."""

    view: View
    time_s: FloatArray
    local: FloatArray
    """(T,24,3,3) estimated rotations, the root's to the world."""

    pelvis: FloatArray
    """(T,3) roughly where the pelvis is, smooth."""

    weight: FloatArray
    """(T,) how far a frame counts: 1, or 0 to bridge it."""

    points_px: FloatArray
    """(T,18,2)"""

    error_m: FloatArray
    """(T,18)"""


def solve(  # noqa: PLR0917
    path: Path,
    evidence: Evidence,
    body: TrackBody,
    contacts: BoolArray,
    anchors: FloatArray,
    trust: Trust,
    *,
    rounds: int,
) -> Path:
    """The motion that agrees best with everything.

    Args:
        path: where to begin.
        evidence: what was seen.
        body: of the track.
        contacts: (T,4) heels and toes that stand.
        anchors: (T,4,3) where.
        trust: weights.
        rounds: Gauss-Newton steps.
    """
    for _ in range(rounds):
        normal, right = _frames(path, evidence, body, contacts, anchors, trust)
        blocks = _blocks(normal)
        _add_motion(blocks, right, path, evidence, trust)
        step = solved(blocks, right)
        path = _moved(path, step)
    return path


def _frames(  # noqa: PLR0917
    path: Path,
    evidence: Evidence,
    body: TrackBody,
    contacts: BoolArray,
    anchors: FloatArray,
    trust: Trust,
) -> tuple[FloatArray, FloatArray]:
    """Normal equations (T,n,n), (T,n) of what concerns one frame alone."""
    count = len(path.pelvis)
    turned, joints = forward_kinematics(path.local, body.rest)
    joints = joints + path.pelvis[:, None]
    points = body.points(turned, joints)
    slopes = _slopes(turned, joints, points)
    share = durations(evidence.time_s) / NOMINAL_S
    normal, right = _reprojection(points, slopes, evidence, trust, share)
    # What was estimated.
    error = matrix_to_axis_angle(
        transpose(evidence.local[:, ACTIVE]) @ path.local[:, ACTIVE]
    ).reshape(count, -1)
    sigma = np.full(len(ACTIVE), trust.turn_rad)
    sigma[0] = trust.root_rad
    # One joint that is far off, as by a flip, counts less.
    far = np.linalg.norm(error.reshape(count, -1, 3), axis=-1) / (trust.outlier * sigma)
    weight = (1 / sigma**2) / (1 + far**2)
    weight = np.repeat(weight, 3, axis=1) * (share * np.maximum(evidence.weight, 1e-3))[:, None]
    inner = np.arange(3, SIZE)
    normal[:, inner, inner] += weight
    right[:, 3:] -= weight * error
    loose = share * trust.astray_m**-2.0 * (evidence.weight <= 0)
    normal[:, :3, :3] += loose[:, None, None] * np.eye(3)
    right[:, :3] += loose[:, None] * (evidence.pelvis - path.pelvis)
    # Feet that stand.
    gap = anchors - points[:, -4:]
    tight = np.array([trust.still_m, trust.floor_m, trust.still_m]) ** -2.0
    strength = contacts[:, :, None] * tight * share[:, None, None]
    feet = slopes[:, -4:].reshape(count, 12, SIZE)
    strength = strength.reshape(count, 12)
    normal += transpose(feet * strength[:, :, None]) @ feet
    right += (transpose(feet) @ (strength * gap.reshape(count, 12))[..., None])[..., 0]
    return normal, right


def _slopes(turned: FloatArray, joints: FloatArray, points: FloatArray) -> FloatArray:
    """(T,18,3,n) how points move with the unknowns."""
    count = len(points)
    out = np.zeros((count, len(POINT_ROWS), 3, SIZE))
    out[..., :3] = np.eye(3)
    for k, joint in enumerate(ACTIVE.tolist()):
        some = np.flatnonzero(MOVES[:, k])
        arm = points[:, some] - joints[:, joint, None]
        axes = turned[:, joint]
        # column c is axis c across the arm
        a, r = axes[:, None], arm[..., None]
        out[:, some, :, 3 + 3 * k : 6 + 3 * k] = np.stack(
            [
                a[..., 1, :] * r[..., 2, :] - a[..., 2, :] * r[..., 1, :],
                a[..., 2, :] * r[..., 0, :] - a[..., 0, :] * r[..., 2, :],
                a[..., 0, :] * r[..., 1, :] - a[..., 1, :] * r[..., 0, :],
            ],
            axis=2,
        )
    return out


def _reprojection(
    points: FloatArray, slopes: FloatArray, evidence: Evidence, trust: Trust, share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Of where the points are seen, in metres at the person's distance.

    An apparent size that is wrong moves all points away from their middle; that is taken out as
    an unknown of its own, known to ``trust.scale`` (Schur complement).
    """
    count = len(points)
    view = evidence.view
    seen = view.to_camera(points)
    depth = np.maximum(seen[..., 2], 0.2)
    ratio = seen[..., :2] / depth[..., None]
    per_px = depth / view.focal_px[:, None]
    observed = (evidence.points_px - view.centre_px[:, None]) / view.focal_px[:, None, None]
    gap = (observed - ratio) * depth[..., None]
    turned = view.rotation[:, None] @ slopes  # (T,18,3,n)
    rows = turned[:, :, :2] - ratio[..., None] * turned[:, :, 2:]
    error = np.maximum(evidence.error_m, per_px)
    far = (gap**2).sum(axis=-1) / (trust.outlier * error) ** 2
    weight = np.where(np.isfinite(error), 1 / error**2, 0) / (1 + far)
    believed = np.minimum(4 * evidence.weight, 1)  # less than a quarter of the usual belief
    weight = weight * (share * believed * (seen[..., 2] > 0.2).all(axis=1))[:, None]
    total = np.maximum(weight.sum(axis=1), 1e-9)[:, None, None]
    spread = ratio - (weight[..., None] * ratio).sum(axis=1, keepdims=True) / total
    spread = (spread * depth[..., None]).reshape(count, -1)
    weight = np.repeat(weight, 2, axis=1)
    rows = rows.reshape(count, -1, SIZE)
    gap = gap.reshape(count, -1)
    weighted = rows * weight[..., None]
    normal = transpose(weighted) @ rows
    right = (transpose(weighted) @ gap[..., None])[..., 0]
    pull = (transpose(weighted) @ spread[..., None])[..., 0]
    stiff = (weight * spread**2).sum(axis=1) + share / trust.scale**2
    off = (weight * spread * gap).sum(axis=1)
    normal -= pull[:, :, None] * (pull / stiff[:, None])[:, None, :]
    right -= pull * (off / stiff)[:, None]
    return normal, right


def _blocks(normal: FloatArray) -> FloatArray:
    """(T,n,n) of the frames alone -> (4,T,n,n): block d, t couples frame t + d with frame t."""
    blocks = np.zeros((4, *normal.shape))
    blocks[0] = normal
    return blocks


def _add_motion(
    blocks: FloatArray, right: FloatArray, path: Path, evidence: Evidence, trust: Trust
) -> None:
    """Add the penalties on jerks and accelerations of the pelvis and of each joint's rotation."""
    local = path.local[:, ACTIVE]
    step = matrix_to_axis_angle(transpose(local[:-1]) @ local[1:]).reshape(
        len(local) - 1, 3 * len(ACTIVE)
    )
    cutoff = np.full(len(ACTIVE), trust.limb_hz)
    cutoff[0] = trust.root_hz
    sigma = np.full(len(ACTIVE), trust.turn_rad)
    sigma[0] = trust.root_rad
    omega = 2 * np.pi * cutoff
    for order, across, along, factor in (
        (3, trust.move_m_s3, trust.approach_m_s3, 1.0),
        (2, trust.move_m_s2, trust.approach_m_s2, CALM),
    ):
        if len(local) <= order:
            continue
        stiff = np.repeat(factor / (sigma * omega**order) ** 2, 3)
        _add_derivative(blocks, right, path, step, evidence, order, (across, along), stiff)


def _add_derivative(  # noqa: PLR0917
    blocks: FloatArray,
    right: FloatArray,
    path: Path,
    step: FloatArray,
    evidence: Evidence,
    order: int,
    spread: tuple[float, float],
    stiff: FloatArray,
) -> None:
    """Add the penalty on one derivative."""
    factors, span = derivative(evidence.time_s, order)
    count = len(factors)
    share = span / NOMINAL_S
    rays = evidence.view.rays(path.pelvis)[order // 2 : order // 2 + count]
    across, along = spread[0] ** -2.0, spread[1] ** -2.0
    tight = across * np.eye(3) + (along - across) * rays[:, :, None] * rays[:, None, :]
    tight = tight * share[:, None, None]
    moving = sum(factors[:, i, None] * path.pelvis[i : count + i] for i in range(order + 1))
    pulled = (tight @ np.asarray(moving)[..., None])[..., 0]
    # Rotations: values are the turns since the first of the frames, whose sum of factors is 0.
    turned = np.zeros((count, step.shape[1]))
    since = np.zeros_like(turned)
    for i in range(1, order + 1):
        since = since + step[i - 1 : count + i - 1]
        turned += factors[:, i, None] * since
    stiff = stiff * share[:, None]
    turns = np.arange(3, SIZE)
    twisted = stiff * turned
    for i in range(order + 1):
        rows = slice(i, count + i)
        right[rows, :3] -= factors[:, i, None] * pulled
        right[rows, 3:] -= factors[:, i, None] * twisted
        for j in range(i + 1):
            product = factors[:, i] * factors[:, j]
            columns = slice(j, count + j)
            block = blocks[i - j, columns]
            block[:, turns, turns] += product[:, None] * stiff
            block[:, :3, :3] += product[:, None, None] * tight


def solved(blocks: FloatArray, right: FloatArray) -> FloatArray:
    """(T,n) the solution of normal equations in which a frame is coupled with the three after it.

    Blocks are eliminated frame by frame (Cholesky), of what is left only the upper half is kept.
    LAPACK's banded solver does the same, but with OpenBLAS on several threads it takes twenty times
    the processor's time for a band this narrow.

    Args:
        blocks: (4,T,n,n), block d, t couples frame t + d with frame t; positive definite.
        right: (T,n)
    """
    reach, count, size = len(blocks) - 1, *right.shape
    right = right.copy()
    inverses = np.empty((count, size, size))  # of Cholesky's factors
    across = np.empty((count, size, reach * size))
    # What is left of frames t to t + reach, and of the next.
    front, after = np.zeros((2, (reach + 1) * size, (reach + 1) * size))
    for place in range(min(reach, count)):
        _enter(front, blocks, 0, place)
    own = np.arange(size)
    for t in range(count):
        if t + reach < count:
            _enter(front, blocks, t, reach)
        front[own, own] += _LEAST
        root, failed = dpotrf(front[:size, :size].T, lower=1, clean=1)
        if failed:
            raise np.linalg.LinAlgError("normal equations that are not positive definite")
        inverse, _ = dtrtri(root, lower=1)
        inverses[t] = inverse
        beside = np.matmul(inverse, front[:size, size:], out=across[t])
        for i in range(0, reach * size, size):  # row by row, too little work for BLAS's threads
            taken = beside[:, i : i + size].T @ beside[:, i:]
            np.subtract(
                front[size + i : 2 * size + i, size + i :], taken, out=after[i : i + size, i:-size]
            )
        right[t] = inverse @ right[t]
        later = right[t + 1 : t + 1 + reach]
        later -= (right[t] @ beside).reshape(reach, size)[: len(later)]
        front, after = after, front
        front[:, -size:] = 0
    out = np.zeros((count + reach, size))
    for t in range(count - 1, -1, -1):
        coming = out[t + 1 : t + 1 + reach].ravel()
        out[t] = (right[t] - across[t] @ coming) @ inverses[t]
    return out[:count]


def _enter(front: FloatArray, blocks: FloatArray, first: int, place: int) -> None:
    """Enter what frame ``first + place`` shares with those before into a front that begins there.

    Args:
        front: (m,m) of which only the upper half counts; its columns of that frame are written.
        blocks: as of :func:`solved`.
        first: the first frame of the front.
        place: of the frame in the front.
    """
    size = blocks.shape[-1]
    columns = slice(place * size, (place + 1) * size)
    for row in range(place + 1):
        front[row * size : (row + 1) * size, columns] = blocks[place - row, first + row].T


_LEAST = 0.01
"""Added to the diagonal, so that what nothing is known of stays; data weigh a thousand and more."""

LARGEST_RAD, LARGEST_M = 0.5, 0.5
"""Of one step."""


def _moved(path: Path, step: FloatArray) -> Path:
    move = limit_angle(step[:, :3], LARGEST_M)
    turn = limit_angle(step[:, 3:].reshape(len(step), -1, 3), LARGEST_RAD)
    local = path.local.copy()
    local[:, ACTIVE] = local[:, ACTIVE] @ axis_angle_to_matrix(turn)
    return Path(local=local, pelvis=path.pelvis + move)
