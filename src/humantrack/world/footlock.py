"""Feet that stand, held exactly: the body is lowered or lifted, and each leg bent for the rest."""

from __future__ import annotations

import numpy as np

from humantrack.body.kinematics import forward_kinematics
from humantrack.geometry.rotations import (
    axis_angle_to_matrix,
    between,
    limit_angle,
    matrix_to_axis_angle,
    transpose,
)
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.world.bodies import TrackBody
from humantrack.world.contacts import runs_of
from humantrack.world.smooth import smooth_values
from humantrack.world.stretch import Path

LEGS = ((1, 4, 7), (2, 5, 8))
"""Hip, knee and ankle, left and right."""

EASE_S = 0.2
"""Time in which a correction fades in before a foot stands and out after."""

_REACH = 0.999
"""Of a leg's length that it may stretch to."""

_BODY_HZ = 1.5
"""Cutoff of the way up and down that the whole body takes, so that it is not shaken."""

_MOST_M = 0.15
"""A foot that is farther from where it stands is left where it is."""

_MOST_RAD = 0.6
"""Of the turn that lays a foot where its heel and toe stand."""


def lock_feet(
    path: Path, body: TrackBody, contacts: BoolArray, anchors: FloatArray, time_s: FloatArray
) -> Path:
    """The path with each ankle moved so that standing heels and toes stay at their anchors.

    Args:
        path: to correct.
        body: of the track.
        contacts: (T,4) which stand.
        anchors: (T,4,3) where.
        time_s: (T,).
    """
    turned, joints = forward_kinematics(path.local, body.rest)
    joints = joints + path.pelvis[:, None]
    points = body.points(turned, joints)[:, -4:]
    near = np.linalg.norm(anchors - points, axis=-1) < _MOST_M
    local = path.local.copy()
    shifts, standing = [], []
    for side, leg in enumerate(LEGS):
        both = slice(2 * side, 2 * side + 2)
        stands = contacts[:, both] & near[:, both]
        ankle = joints[:, leg[2], None]
        turn = _flat(points[:, both], anchors[:, both], stands.all(axis=1), time_s)
        local[:, leg[2]] = transpose(turned[:, leg[1]]) @ turn @ turned[:, leg[2]]
        turned[:, leg[2]] = turn @ turned[:, leg[2]]
        feet = ankle + (points[:, both] - ankle) @ transpose(turn)
        gap = np.where(stands[..., None], anchors[:, both] - feet, 0.0)
        weight = stands / np.maximum(stands.sum(axis=1, keepdims=True), 1)
        shifts.append((weight[..., None] * gap).sum(axis=1))
        standing.append(stands.any(axis=1))
    move = _of_body(np.array(shifts), np.array(standing), time_s)
    for leg, shift, stands in zip(LEGS, shifts, standing, strict=True):
        left = _eased(np.where(stands[:, None], shift - move, 0.0), stands, time_s)
        some = np.flatnonzero(np.abs(left).max(axis=1) > 1e-7)
        if len(some):
            _bend(local, turned, joints, left, leg, some)
    return Path(local=local, pelvis=path.pelvis + move)


def _of_body(shifts: FloatArray, standing: BoolArray, time_s: FloatArray) -> FloatArray:
    """(T,3) how far the whole body goes up or down with the feet that stand, smoothly.

    A leg that is nearly straight bends or stretches by some six degrees for a centimetre along it,
    so that feet which are a little too high would take the swing out of the knees.

    Args:
        shifts: (2,T,3) what the left and right ankle lack.
        standing: (2,T) where that counts.
        time_s: (T,).
    """
    out = np.zeros(shifts.shape[1:])
    count = standing.sum(axis=0)
    if count.any():
        mean = (shifts[..., 1] * standing).sum(axis=0) / np.maximum(count, 1)
        weight = np.minimum(count, 1.0)
        out[:, 1] = smooth_values(mean[:, None], weight, time_s, _BODY_HZ)[:, 0]
    return out


def _flat(
    feet: FloatArray, anchors: FloatArray, stands: BoolArray, time_s: FloatArray
) -> FloatArray:
    """(T,3,3) turns that bring heel to toe into line with where both stand."""
    turn = np.zeros((len(feet), 3))
    if stands.any():
        now, wanted = (points[stands, 1] - points[stands, 0] for points in (feet, anchors))
        turn[stands] = limit_angle(matrix_to_axis_angle(between(now, wanted)), _MOST_RAD)
    return axis_angle_to_matrix(_eased(turn, stands, time_s))


def _eased(shift: FloatArray, stands: BoolArray, time_s: FloatArray) -> FloatArray:
    """The correction of standing frames, carried on into those around."""
    runs = runs_of(stands)
    if not runs:
        return shift
    out = shift.copy()
    total = np.zeros(len(shift))
    carried = np.zeros_like(shift)
    for a, b in runs:
        for edge, rows in ((a, np.arange(0, a)), (b - 1, np.arange(b, len(shift)))):
            away = np.abs(time_s[rows] - time_s[edge]) / EASE_S
            near, away = rows[away < 1], away[away < 1]
            part = (1 - away) ** 2 * (1 + 2 * away)
            carried[near] += part[:, None] * shift[edge]
            total[near] += part
    free = ~stands
    out[free] = carried[free] / np.maximum(total[free], 1.0)[:, None]
    return out


def _bend(  # noqa: PLR0917
    local: FloatArray,
    turned: FloatArray,
    joints: FloatArray,
    shift: FloatArray,
    leg: tuple[int, int, int],
    some: np.ndarray,
) -> None:
    """Two-bone inverse kinematics: the knee stays in its plane, the foot keeps its turn."""
    hip, knee, ankle = leg
    start, middle, end = (joints[some, j] for j in leg)
    target = end + shift[some]
    upper = np.linalg.norm(middle - start, axis=1)
    lower = np.linalg.norm(end - middle, axis=1)
    want = target - start
    reach = np.linalg.norm(want, axis=1)
    longest = np.maximum(_REACH * (upper + lower), np.linalg.norm(end - start, axis=1))
    length = np.clip(reach, np.abs(upper - lower) + 1e-4, longest)
    along = want / np.maximum(reach, 1e-9)[:, None]
    pole = middle - start
    pole = pole - (pole * along).sum(axis=1, keepdims=True) * along
    wide = np.linalg.norm(pole, axis=1, keepdims=True)
    spare = turned[some, hip][:, :, 2]
    spare = spare - (spare * along).sum(axis=1, keepdims=True) * along
    pole = np.where(wide > 1e-3, pole / np.maximum(wide, 1e-9), spare)
    pole /= np.maximum(np.linalg.norm(pole, axis=1, keepdims=True), 1e-9)
    cosine = (upper**2 + length**2 - lower**2) / (2 * upper * length)
    cosine = np.clip(cosine, -1, 1)
    sine = np.sqrt(1 - cosine**2)
    new_middle = start + upper[:, None] * (cosine[:, None] * along + sine[:, None] * pole)
    new_end = start + length[:, None] * along
    thigh = between(middle - start, new_middle - start) @ turned[some, hip]
    shin = between(end - middle, new_end - new_middle) @ turned[some, knee]
    local[some, hip] = transpose(turned[some, 0]) @ thigh
    local[some, knee] = transpose(thigh) @ shin
    local[some, ankle] = transpose(shin) @ turned[some, ankle]
