"""Which foot a person stands on, and what that tells of up.

Who stands on both feet, or walks, is upright along the line from between the feet to the neck. Who
lifts a leg leans as that line goes, but does not fall: the centre of mass is over the foot that
carries it (as over the base of support of whoever stands: Winter, "Human balance and posture
control during standing and walking", Gait & Posture 1995). Which foot is lifted is not seen before
up is known roughly, so looks are kept for either, and chosen among when up was found (``chosen``).
"""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.world.bodies import SOLE_M
from humantrack.world.evidence import BOTH, LEFT, RIGHT, FootRows, Looks, Stances, looks
from humantrack.world.ground import find_up, misfit
from humantrack.world.known import Known
from humantrack.world.types import CameraPath

LIFTED_M = 0.2
"""A foot so much higher than the other is lifted. One that swings is lower (toes clear the floor by
1.3 cm at mid-swing: Winter, "Foot trajectory in human gait", Physical Therapy 1992), and who walks
falls from foot to foot."""

_CHOICES = 2
"""Times that feet are chosen anew, with up as found with those before."""

_NECK = 1
_HIPS, _KNEES, _ANKLES = [12, 9], [13, 10], [14, 11]
_HEELS_AND_TOES = [[21, 19], [24, 22]]
_CONTACTS = ([0, 1, 2, 3], [0, 1], [2, 3])
"""Of ``CONTACT_ROWS``, by what a person stands on."""

_MASSES = (
    *((1, 8, 0.42, 0.430), (17, 18, 0.5, 0.068)),
    *((2, 3, 0.58, 0.026), (5, 6, 0.58, 0.026), (3, 4, 0.60, 0.021), (6, 7, 0.60, 0.021)),
    *((9, 10, 0.39, 0.145), (12, 13, 0.39, 0.145), (10, 11, 0.44, 0.046), (13, 14, 0.44, 0.046)),
    *((24, 22, 0.5, 0.013), (21, 19, 0.5, 0.013)),
)
"""Of trunk, head, arms, legs and feet: from a joint to a joint of the 45, how far along the mass
lies, and what part it is of the whole (de Leva, "Adjustments to Zatsiorsky-Seluyanov's segment
inertia parameters", J. Biomechanics 1996, the mean of women and men; hands are with forearms)."""


def centre_of_mass(joints: FloatArray) -> FloatArray:
    """(M,45,3) -> (M,3), in the same axes and unit."""
    start, end, along, mass = (np.array(column) for column in zip(*_MASSES, strict=True))
    places = joints[:, start] + along[:, None] * (joints[:, end] - joints[:, start])
    return np.asarray((places * (mass / mass.sum())[:, None]).sum(axis=1))


def ups(joints: FloatArray) -> FloatArray:
    """(M,45,3) -> (M,3,3) where up is if the body stands on both feet, the left, the right."""
    ankles = joints[:, _ANKLES]
    both = joints[:, _NECK] - ankles.mean(axis=1)
    one = centre_of_mass(joints)[:, None] - joints[:, _HEELS_AND_TOES].mean(axis=2)
    return unit(np.concatenate([both[:, None], one], axis=1))


def upright(joints: FloatArray, up: FloatArray) -> FloatArray:
    """(M,3) 1 where the legs that carry, and the trunk, are in line with up, 0 where not.

    Args:
        joints: (M,45,3)
        up: (M,3,3) as of :func:`ups`.
    """
    hips, knees, ankles = joints[:, _HIPS], joints[:, _KNEES], joints[:, _ANKLES]
    trunk = joints[:, _NECK] - hips.mean(axis=1)
    out = np.ones(up.shape[:2])
    for stance, legs in ((BOTH, [0, 1]), (LEFT, [0]), (RIGHT, [1])):
        hip, knee, ankle = (part[:, legs].mean(axis=1) for part in (hips, knees, ankles))
        # On one leg the trunk may lean, as balance is kept by all that leans the other way.
        parts = (hip - ankle, 15.0), (hip - knee, 30.0), (trunk, 15.0 if stance == BOTH else 40.0)
        for part, most in parts:
            cosine = (unit(part) * up[:, stance]).sum(axis=1)
            away = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
            out[:, stance] *= 1 / (1 + (away / most) ** 4)
    return out


def lowest(
    feet: FloatArray, errors: FloatArray, up: FloatArray, later: IntArray
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """The lowest points by what people stand on.

    Args:
        feet: (M,4,3) heels and toes.
        errors: (M,4) metres that they are off.
        up: (M,3,3) as of :func:`ups`.
        later: (M,) which row is the same person a moment later; -1: none.

    Returns:
        Where they are now and later, less the sole, (M,3,2,3); whether the same point is the lowest
        then, (M,3); its error, (M,3).
    """
    each = np.arange(len(feet))
    low, has_later, error = [], [], []
    for stance, points in enumerate(_CONTACTS):
        own = up[:, stance]
        height = (feet[:, points] @ own[..., None])[..., 0]
        point = np.array(points)[height.argmin(axis=1)]
        stays = (later >= 0) & (point[later] == point)
        place = feet[each, point] - SOLE_M * own
        low.append(np.stack([place, place[np.where(stays, later, each)]], axis=1))
        has_later.append(stays)
        error.append(errors[each, point])
    return np.stack(low, axis=1), np.stack(has_later, axis=1), np.stack(error, axis=1)


def chosen(stances: Stances, path: CameraPath, spans: dict[int, float], known: Known) -> FootRows:
    """The looks of a shot with the feet on which people stand, as far as is seen.

    Who stands on one leg could as well walk on a floor that is tilted. So feet are chosen from two
    beginnings: as with a level camera, and as if nobody lifted a foot. What fits better is taken.

    Args:
        stances: of one shot.
        path: of the camera.
        spans: length of arms and legs of each track's one body.
        known: before anybody is looked at.
    """
    one, other = (
        looks(stances.on(np.full(len(stances), foot)), path, spans) for foot in (LEFT, RIGHT)
    )
    level = _carries(one, other, known.up)
    if known.is_up_exact:
        return stances.on(level)
    after: dict[bytes, IntArray] = {}  # what is chosen with up as found with others
    found: dict[bytes, FootRows] = {}
    for begin in (level, np.full_like(level, BOTH)):
        feet = begin
        for _ in range(_CHOICES):
            key = feet.tobytes()
            if key not in after:
                up = find_up(looks(stances.on(feet), path, spans), known)
                after[key] = _carries(one, other, up)
            feet = after[key]
        found.setdefault(feet.tobytes(), stances.on(feet))
    if len(found) == 1:
        return next(iter(found.values()))
    return min(found.values(), key=lambda rows: misfit(looks(rows, path, spans), known))


def _carries(left: Looks, right: Looks, up: FloatArray) -> IntArray:
    """(M,) on what people stand who have their lowest points there."""
    lift = (left.low - right.low) @ up
    return np.where(lift > LIFTED_M, RIGHT, np.where(lift < -LIFTED_M, LEFT, BOTH))
