"""Makes estimated poses a motion: mended, smooth, on the floor, with feet that stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from humantrack.body.kinematics import forward_kinematics
from humantrack.geometry.rotations import transpose
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.world.bodies import POINT_ROWS, TrackBody
from humantrack.world.contacts import anchors, find_contacts, landed, standing_heights
from humantrack.world.flips import frames_off, unflipped
from humantrack.world.footlock import lock_feet
from humantrack.world.smooth import smooth_rotations, smooth_values
from humantrack.world.solve import Evidence, Trust, solve
from humantrack.world.stretch import Path, Stretch, View

TRUST = Trust()
ASTRAY = 0.2
"""Relative jump of a person's distance that is a mistake."""

UNSTEADY = 0.03
"""Relative distance from the smooth path at which a frame counts half."""

_AROUND_S = 0.4
_GOING_HZ = 0.8
"""Cutoff of the path that tells which way a person goes."""

_REST_HZ = 4.0
"""Cutoff for joints that the solver leaves alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """T frames of a person's motion in the world."""

    path: Path
    contacts: BoolArray
    """(T,4)"""

    confidence: FloatArray
    """(T,) 0..1"""

    flipped: BoolArray
    """(T,) which frames were turned round."""

    bridged: BoolArray
    """(T,) which were not believed."""


def refine(
    stretch: Stretch, view: View, body: TrackBody, *, has_floor: bool = True, trust: Trust = TRUST
) -> Refined:
    """Refine one stretch.

    Args:
        stretch: what was estimated.
        view: its camera, with gravity and scale.
        body: of the track.
        has_floor: False where nobody knows how high the floor is.
        trust: weights.
    """
    local = stretch.local.copy()
    local[:, 0] = transpose(view.rotation) @ local[:, 0]
    error = stretch.error_m[:, POINT_ROWS]
    points_px = stretch.joints_px[:, POINT_ROWS]
    pelvis, known = place(local, body, view, points_px, error)
    good = stretch.observed & known
    believed = _belief(error) * good
    astray = _astray(pelvis, view, good, stretch.time_s)
    going, steady = _steady(pelvis, view, believed * ~astray, stretch.time_s)
    believed = believed * steady
    local, flipped = unflipped(local, body.rest, going, stretch.time_s, np.maximum(believed, 0.02))
    seen = local.copy()  # in the camera's axes, so that the world's do not matter
    seen[:, 0] = view.rotation @ seen[:, 0]
    bridged = ~good | astray | frames_off(seen, body.rest, stretch.time_s)
    if bridged.all():
        bridged = ~good
    weight = np.where(bridged, 0.0, 1.0)
    # A frame that was turned round, and one of which little is seen, is believed less.
    usual = float(np.median(believed[good])) if good.any() else 0.0
    weight = weight * np.clip(believed / max(usual, 1e-3), 0.05, 1)
    smooth_local = smooth_rotations(local, weight, stretch.time_s, _REST_HZ)
    start = Path(
        local=smooth_local, pelvis=smooth_values(pelvis, weight * known, stretch.time_s, 1.5)
    )
    evidence = Evidence(
        view=view,
        time_s=stretch.time_s,
        local=_held_rotations(local, weight),
        pelvis=start.pelvis,
        weight=weight,
        points_px=points_px,
        error_m=error,
    )
    path, contacts = _on_feet(start, evidence, body, trust, has_floor=has_floor)
    return Refined(
        path=path,
        contacts=contacts,
        confidence=np.clip(believed, 0, 1),
        flipped=flipped,
        bridged=bridged,
    )


def _on_feet(
    start: Path, evidence: Evidence, body: TrackBody, trust: Trust, *, has_floor: bool
) -> tuple[Path, BoolArray]:
    """Solve, look for contacts, solve with them, and hold the feet that stand."""
    contacts = np.zeros((len(start.pelvis), 4), bool)
    path = solve(
        start, evidence, body, contacts, np.zeros((len(start.pelvis), 4, 3)), trust, rounds=2
    )
    for _ in range(2):
        points = _feet(path, body)
        rays = evidence.view.rays(path.pelvis)
        contacts = find_contacts(points, body.sole, rays, evidence.time_s, has_floor=has_floor)
        contacts &= evidence.weight[:, None] > 0  # nobody knows where a hidden foot is
        held = _held_feet(points, contacts, body, has_floor=has_floor)
        path = solve(path, evidence, body, contacts, held, trust, rounds=2)
    points = _feet(path, body)
    still = landed(points, contacts, evidence.time_s)
    held = _held_feet(points, still, body, has_floor=has_floor)
    return lock_feet(path, body, still, held, evidence.time_s), contacts


def _held_feet(
    points: FloatArray, contacts: BoolArray, body: TrackBody, *, has_floor: bool
) -> FloatArray:
    """(T,4,3) where each standing heel and toe stays."""
    held = anchors(points, contacts, standing_heights(points, contacts, body.sole))
    if not has_floor:
        held[..., 1] = points[..., 1]
    return held


def _astray(pelvis: FloatArray, view: View, good: BoolArray, time_s: FloatArray) -> BoolArray:
    """(T,) frames in which the person is much nearer or farther than around them."""
    out = np.zeros(len(pelvis), bool)
    some = np.flatnonzero(good)
    if len(some) < 5:
        return out
    far = np.log(np.maximum(np.linalg.norm(pelvis - view.position, axis=1)[some], 1e-3))
    width = 2 * round(_AROUND_S / max(float(np.median(np.diff(time_s))), 1e-6)) + 1
    usual = median_filter(far, size=min(max(width, 5), len(some)), mode="reflect")
    out[some] = np.abs(far - usual) > ASTRAY
    return out


def _steady(
    pelvis: FloatArray, view: View, weight: FloatArray, time_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The smooth path of a person, and (T,) how far each frame agrees with it, 0..1.

    Distances of people who are half hidden, and next to frames in which they are, are off.
    """
    trust = np.ones(len(pelvis))
    going = pelvis
    for _ in range(3):
        going = smooth_values(pelvis, weight * trust, time_s, _GOING_HZ)
        far, usual = (np.linalg.norm(at - view.position, axis=1) for at in (pelvis, going))
        off = np.log(np.maximum(far, 1e-3) / np.maximum(usual, 1e-3))
        trust = 1 / (1 + (off / UNSTEADY) ** 2)
    return going, trust


def _feet(path: Path, body: TrackBody) -> FloatArray:
    turned, joints = forward_kinematics(path.local, body.rest)
    return body.points(turned, joints + path.pelvis[:, None])[:, -4:]


def _belief(error: FloatArray) -> FloatArray:
    """(T,) part of the points that are known to some centimetres."""
    return np.asarray((1 / (1 + (error / 0.05) ** 2)).mean(axis=1))


def _held_rotations(local: FloatArray, weight: FloatArray) -> FloatArray:
    """Rotations with those of bad frames replaced by the last good ones'."""
    good = np.flatnonzero(weight > 0)
    if len(good) == 0:
        return local
    near = good[np.maximum(np.searchsorted(good, np.arange(len(local)), side="right") - 1, 0)]
    return local[near]


def place(
    local: FloatArray, body: TrackBody, view: View, points_px: FloatArray, error: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Where the pelvis is, frame by frame, from where the points are seen.

    A point X at pelvis p is seen at (u, v) where (x - u z) = 0 and (y - v z) = 0: linear in p.

    Returns:
        (T,3) and (T,) whether enough is seen to tell.
    """
    turned, joints = forward_kinematics(local, body.rest)
    points = body.points(turned, joints)
    seen = (view.rotation[:, None] @ points[..., None])[..., 0]
    ray = (points_px - view.centre_px[:, None]) / view.focal_px[:, None, None]
    weight = np.where(np.isfinite(error), np.maximum(error, 1e-3) ** -2.0, 0.0)
    rows = np.zeros((*ray.shape, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1
    rows[..., 2] = -ray
    right = -(seen[..., :2] - ray * seen[..., 2:])
    flat = rows.reshape(len(rows), -1, 3)
    weighted = flat * np.repeat(weight, 2, axis=1)[..., None]
    normal = transpose(weighted) @ flat
    known = (weight > 0).sum(axis=1) >= 3
    normal[~known] = np.eye(3)
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    pulled = transpose(weighted) @ right.reshape(len(rows), -1, 1)
    at = np.linalg.solve(normal, pulled)[..., 0]
    known = known & (at[:, 2] > 0.1)
    at[~known] = [0.0, 0.0, 3.0]
    pelvis = (transpose(view.rotation) @ at[..., None])[..., 0] + view.position
    return pelvis, known
