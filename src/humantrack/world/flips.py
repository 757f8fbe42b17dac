"""Finds frames whose body faces backwards, and frames that are off, and mends what it can.

Networks now and then see a person walk backwards: front and back look much alike. The points are
then about right, but left and right are exchanged and the body is turned by half a turn.
"""

from __future__ import annotations

import numpy as np

from humantrack.body.joints import SMPL_MIRROR
from humantrack.body.kinematics import forward_kinematics
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.world.smooth import durations

_MIRROR = np.array(SMPL_MIRROR)
_HALF_TURN = np.diag([-1.0, 1.0, -1.0])
LIMBS = np.array([16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8])

FASTEST_M_S = 1.5
JITTER_M = 0.03
"""Limb joints seldom move more against the pelvis (their mean): metres a second, plus noise."""

_STATE_COST = 1.0
_JUMP_COST = 8.0
_WALK_COST = 1.0
"""Of a second of walking backwards, at most that of a reversed one: people do walk backwards, so
that this alone turns nobody round; it helps to tell which side of a jump is the wrong one."""

_WALK_M_S = 0.5
_STRIDE_S = 0.3


def reversed_pose(local: FloatArray) -> FloatArray:
    """The pose whose points are those of another, left and right exchanged, facing backwards.

    Each joint's bones keep their directions: a bone of the mirrored joint, seen in axes turned
    half about its own length (the T pose's bones lie in its x-y plane).

    Args:
        local: (T,24,3,3).
    """
    out = _HALF_TURN @ local[:, _MIRROR] @ _HALF_TURN
    out[:, 0] = local[:, 0] @ _HALF_TURN
    return out


def unflipped(
    local: FloatArray,
    rest: FloatArray,
    pelvis: FloatArray,
    time_s: FloatArray,
    trust: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    """The motion with frames that face backwards turned round.

    The cheapest sequence of "as it is" and "reversed" (Viterbi): a reversed frame costs a second's
    worth of its duration, a change costs by how far the joints jump, and walking backwards costs.
    Where nothing jumps, nobody is turned.

    Args:
        local: (T,24,3,3) in axes whose y is up.
        rest: (24,3).
        pelvis: (T,3) where the person goes, smooth.
        time_s: (T,).
        trust: (T,) 0..1 how far each frame's pose can be believed.

    Returns:
        Rotations (T,24,3,3), and (T,) which frames were turned.
    """
    count = len(local)
    if count < 2:
        return local, np.zeros(count, bool)
    both = np.stack([local, reversed_pose(local)])
    limbs = np.stack([forward_kinematics(one, rest)[1][:, LIMBS] for one in both])
    span = durations(time_s)
    cost = np.zeros((count, 2))
    cost[:, 1] = _STATE_COST * span * trust
    cost += _against_walking(both[:, :, 0], pelvis, time_s) * (span * trust)[:, None]
    step = np.diff(time_s)
    jump = np.linalg.norm(limbs[:, None, 1:] - limbs[None, :, :-1], axis=-1).mean(axis=-1)
    room = JITTER_M + FASTEST_M_S * step
    change = _JUMP_COST * np.maximum(jump - room, 0.0) * np.sqrt(trust[1:] * trust[:-1])
    state = _cheapest(cost, change.transpose(2, 1, 0))
    turned = state == 1
    return np.where(turned[:, None, None, None], both[1], both[0]), turned


def _against_walking(root: FloatArray, pelvis: FloatArray, time_s: FloatArray) -> FloatArray:
    """(T,2) cost of facing against the way one goes, for both states."""
    late = np.searchsorted(time_s, time_s + _STRIDE_S).clip(max=len(time_s) - 1)
    early = np.searchsorted(time_s, time_s - _STRIDE_S)
    span = np.maximum(time_s[late] - time_s[early], 1e-3)
    speed = (pelvis[late] - pelvis[early]) / span[:, None]
    speed[:, 1] = 0
    forward = root[..., 2].copy()
    forward[..., 1] = 0
    pace = np.linalg.norm(speed, axis=1)
    along = (forward * speed).sum(axis=-1) / np.maximum(pace, 1e-6)
    share = np.clip(pace / _WALK_M_S - 0.6, 0, 1)
    return np.asarray(_WALK_COST * share[:, None] * np.maximum(-along.T, 0))


def _cheapest(cost: FloatArray, change: FloatArray) -> FloatArray:
    """(T,2) costs and (T-1,2,2) costs of going from one state to another -> (T,) states."""
    total, back = cost[0], np.zeros((len(cost), 2), int)
    for t in range(1, len(cost)):  # two numbers a frame
        way = total[:, None] + change[t - 1]
        back[t] = way.argmin(axis=0)
        total = way.min(axis=0) + cost[t]
    state = np.zeros(len(cost), int)
    state[-1] = int(total.argmin())
    for t in range(len(cost) - 1, 0, -1):
        state[t - 1] = back[t, state[t]]
    return state


OFF_M = 0.12
"""Joints that are so far, on average, from the median of their neighbourhood are off."""

_NEIGHBOURS_S = 0.25


def frames_off(local: FloatArray, rest: FloatArray, time_s: FloatArray) -> BoolArray:
    """(T,) which frames stand out from those around, so far that nobody moves like that."""
    from scipy.ndimage import median_filter

    if len(local) < 5:
        return np.zeros(len(local), bool)
    limbs = forward_kinematics(local, rest)[1][:, LIMBS]
    fps = 1 / max(float(np.median(np.diff(time_s))), 1e-6)
    width = 2 * max(round(_NEIGHBOURS_S * fps), 1) + 1
    calm = median_filter(limbs, size=(width, 1, 1), mode="nearest")
    away = np.linalg.norm(limbs - calm, axis=-1).mean(axis=-1)
    usual = median_filter(away, size=min(8 * width + 1, 2 * len(away) - 1), mode="nearest")
    return np.asarray(away > np.maximum(OFF_M, 3.5 * usual))
