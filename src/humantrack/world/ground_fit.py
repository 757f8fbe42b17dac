"""The robust least squares behind ``ground``."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from humantrack.geometry.rotations import across, unit
from humantrack.types.arrays import FloatArray
from humantrack.world.evidence import Looks
from humantrack.world.known import Ground, Known
from humantrack.world.weigh import shares, way_in_depth

SIZE_SPREAD = 0.07
"""Standard deviation of log height among adults of both sexes, and of the estimate."""

LEVEL_DEG = 20.0
"""How far from level a camera is held."""

LYING_DEG = 50.0
"""A body that is farther from the camera's own upright lies, and tells nothing of gravity."""

UPRIGHT_DEG = 6.0
"""How far an upright body leans, and its estimate is off, at a look."""

LEAN_DEG = 5.0
"""And for as long as it is seen. Who stands can lean by 8 degrees ahead and to either side, and by
4 back, without falling (limits of stability: Nashner, in Duncan (ed.), "Balance", 1990), evenly
spread 4.3 about an axis; bodies of single people are estimated 2.3 off, on the mean over a clip."""

BODIES_DEG = 2.0
"""However many bodies are seen: what is off is off for all of them."""

TILT_SHARE = 0.38
"""And, towards the viewer, by so much of the angle under which they are seen from above or below:
estimates stand too straight before him there, by 3 degrees at 14 and, each of six people alike, by
15 at 38 (on the mean of 28 people in twelve clips, drawn and real)."""

PLANE_DEG = 0.7
PLANE_SHARE = 0.03
"""How far the floor that the background shows is off: its tilt, and its distance as a part."""

BESIDE_PLANE = 0.03
"""Weight of standing feet where the background shows the floor: estimated feet slide, by more than
their steps from moment to moment tell."""

FLOOR_M = 0.03
STILL_M = 0.02
DEPTH_SHARE = 0.04
"""Errors of a foot's place: across the line of sight, and along it as a part of the distance."""

PELVIS_M = 0.9
"""Above the feet; distances are off along the line of sight to there."""

_LEAST_UNIT = 0.35
"""A camera's unit whose relative error is larger than this is not known."""


@dataclass(frozen=True)
class GroundState:
    """Where the least squares stands."""

    up: FloatArray
    height: float
    unit_m: float
    share: FloatArray
    """(N,) the estimated body's size as a part of the real one's: 1 / size."""

    covariance: FloatArray
    """(4,4) of two turns of ``up``, the height and the unit, if nothing is off but by chance."""

    eased: FloatArray
    """(N,4) how much of a pull at a person's share goes on to those four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRows:
    """How N lowest points are off the floor."""

    residual: FloatArray
    """(N,) how far above, metres."""

    edge: FloatArray
    """(N,4) how that moves with up, height and unit, as far as it is more than chance."""

    lead: FloatArray
    """(N,4) how it pulls at them. A way in depth of which a part p is true pulls by p, and tells p
    of what it seems to; so it is p times as long here, and its root in ``edge``, which is squared.
    """

    own: FloatArray
    """(N,) how it moves with the person's share."""

    weight: FloatArray
    """(N,)"""


class GroundProblem:
    """The rows as arrays, and one step of the least squares."""

    def __init__(self, rows: Looks, known: Known) -> None:
        stands = rows.up @ unit(known.up) > np.cos(np.radians(LYING_DEG))
        rows = replace(rows, upright=rows.upright * stands)
        self.rows, self.known = rows, known
        self.track, self.who = np.unique(rows.track_id, return_inverse=True)
        self.count = len(self.track)
        self.seen = np.isfinite(rows.error_m)
        self.share = shares(rows, self.who)
        self.ray = unit(rows.low + PELVIS_M * rows.up)
        self.far = np.linalg.norm(rows.low, axis=1)
        self.move = rows.later - rows.low
        self.travel = rows.camera_later - rows.camera
        given = np.array([known.sizes.get(int(t), np.nan) for t in self.track])
        self.size_wanted = np.where(np.isfinite(given), given, 1.0)
        self.size_spread = np.where(np.isfinite(given), 1e-4, SIZE_SPREAD)
        self.still = [self._still(axis) for axis in _ray_axes(self.ray)]

    def _still(self, axis: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Feet that do not move, along an axis of their own, across the line of sight or on it.

        Returns:
            Travel of the camera, move of the foot, its spread and largest weight, each (N,).
        """
        use = (self.rows.has_later & self.seen).astype(float)
        trust = 1.0 if self.known.plane is None else BESIDE_PLANE
        along = np.abs((axis * self.ray).sum(axis=1)) > 0.9
        sigma = np.sqrt(STILL_M**2 + np.where(along, DEPTH_SHARE * self.far, 0) ** 2)
        travel, move = ((way * axis).sum(axis=1) for way in (self.travel, self.move))
        return travel, move, sigma, trust * use * self.share / sigma**2

    def start(self) -> GroundState:
        """Up from the bodies, the floor from the median foot."""
        rows, known = self.rows, self.known
        up = unit(known.up)
        if not known.is_up_exact:
            up = _up_of_bodies(rows, self.share, up)
        unit_m = known.unit_m
        if unit_m is None and known.plane is not None:
            up = unit(known.plane[0])
            unit_m = self._unit_of(*known.plane)
        elif unit_m is None:
            unit_m = self._first_unit()
        foot = (rows.low * self.size_wanted[self.who, None] + unit_m * rows.camera) @ up
        some = self.seen if self.seen.any() else np.ones(len(rows), bool)
        height = float(np.median(foot[some]))
        eased = np.zeros((self.count, 4))
        return GroundState(up, height, unit_m, 1 / self.size_wanted, np.eye(4), eased)

    def _unit_of(self, normal: FloatArray, height: float) -> float:
        """The unit in which the median foot stands on a plane."""
        low = self.rows.low * self.size_wanted[self.who, None] @ normal
        depth = height - self.rows.camera @ normal
        some = self.seen & (np.abs(depth) > 1e-9)
        found = float(np.median(low[some] / depth[some])) if some.any() else 1.0
        return found if found > 0 else 1.0

    def _first_unit(self) -> float:
        """The unit in which standing feet move least: a robust line through the moves."""
        use = self.rows.has_later & self.seen
        travel, move = self.travel[use], self.move[use]
        ray = self.ray[use]
        travel = travel - (travel * ray).sum(axis=1, keepdims=True) * ray
        move = move - (move * ray).sum(axis=1, keepdims=True) * ray
        length = (travel**2).sum(axis=1)
        if not (length > 1e-12).any():
            return 1.0
        guess = -(travel * move).sum(axis=1) / np.maximum(length, 1e-12)
        weight = np.sqrt(length)
        order = np.argsort(guess)
        total = np.cumsum(weight[order])
        unit_m = float(guess[order][np.searchsorted(total, total[-1] / 2)])
        return unit_m if unit_m > 0 else 1.0

    def step(self, state: GroundState) -> GroundState:
        """One Gauss-Newton step. Border: two turns of up, the floor's height, the unit."""
        turns = across(state.up)
        share = state.share[self.who]
        border = np.zeros((4, 4))
        pull = np.zeros(4)
        sizes = np.zeros(self.count)
        size_pull = np.zeros(self.count)
        cross = np.zeros((self.count, 4))

        def add(
            residual: FloatArray, edge: FloatArray, own: FloatArray, weight: FloatArray
        ) -> None:
            nonlocal border
            weighted = edge * weight[:, None]
            border += weighted.T @ edge
            np.add.at(sizes, self.who, weight * own**2)
            np.add.at(size_pull, self.who, -weight * own * residual)
            np.add.at(cross, self.who, own[:, None] * weighted)

        floor = self.floor(state)
        add(floor.residual, floor.edge, floor.own, floor.weight)
        pull -= floor.lead.T @ (floor.weight * floor.residual)
        for travel, move, sigma, most in self.still:
            residual = move + share * state.unit_m * travel
            weight = most / (1 + (residual / (2 * sigma)) ** 2)
            edge = np.zeros((len(self.rows), 4))
            edge[:, 3] = share * travel
            add(residual, edge, state.unit_m * travel, weight)
            pull -= edge.T @ (weight * residual)
        self._add_upright(state, turns, border, pull)
        self._add_known(state, turns, border, pull)
        residual = state.share - 1 / self.size_wanted
        weight = self.size_spread**-2.0 / (1 + (residual / (3 * self.size_spread)) ** 2)
        sizes += weight
        size_pull -= weight * residual
        return self._solved(state, turns, border, pull, sizes, size_pull, cross)

    def floor(self, state: GroundState) -> FloorRows:
        """How lowest points are off the floor.

        It is told in lengths of the estimated body, so that small people are not a way out.
        """
        rows, turns, share = self.rows, across(state.up), state.share[self.who]
        above = rows.camera @ state.up * state.unit_m - state.height
        residual = rows.low @ state.up + share * above
        steep = self.ray @ state.up
        sigma = np.sqrt(FLOOR_M**2 + rows.error_m**2 + (steep * DEPTH_SHARE * self.far) ** 2)
        sigma = np.where(self.seen, sigma, 1.0)
        # A foot whose distance is off seems to have gone along the line of sight, and a floor that
        # is fitted to that leans towards it. So it counts where it most likely is (a fit with
        # errors in both: Fuller, "Measurement Error Models", 1987).
        depth = DEPTH_SHARE * self.far
        off = np.where(self.seen, steep * (depth / sigma) ** 2 * residual, 0.0)
        place = rows.low - off[:, None] * self.ray + (share * state.unit_m)[:, None] * rows.camera
        left = depth * np.sqrt(np.maximum(1 - (steep * depth / sigma) ** 2, 0))
        counts = np.where(self.seen, self.share, 1e-9)
        way, part = way_in_depth(place, self.ray, left, self.who, counts)
        edge = np.zeros((len(rows), 4))
        edge[:, :2] = (place - (1 - np.sqrt(1 - part))[:, None] * way) @ turns
        edge[:, 2] = -share
        edge[:, 3] = share * (rows.camera @ state.up)
        lead = edge.copy()
        lead[:, :2] = (place - part[:, None] * way) @ turns
        weight = np.where(self.seen, self.share / sigma**2, 1e-4 * self.share)
        # A foot in the air is no floor, one below it is a mistake: above counts less.
        weight /= 1 + (residual / (np.where(residual > 0, 1.5, 2.5) * sigma)) ** 2
        return FloorRows(residual=residual, edge=edge, lead=lead, own=above, weight=weight)

    def upright(self, state: GroundState) -> FloatArray:
        """(N,) how far looks tell that bodies are upright, 1/rad^2."""
        spread = np.radians(UPRIGHT_DEG)
        away = np.arccos(np.clip(self.rows.up @ state.up, -1, 1))
        weight = self.share * self.rows.upright / spread**2 / (1 + (away / (2 * spread)) ** 2) ** 2
        most = np.radians(BODIES_DEG) ** -2.0
        return np.asarray(weight * min(1.0, most / max(float(weight.sum()), 1e-9)))

    def _add_upright(
        self, state: GroundState, turns: FloatArray, border: FloatArray, pull: FloatArray
    ) -> None:
        lean = self.rows.up @ turns  # of a body, less that of up, which is zero
        weight = self.upright(state)
        border[0, 0] += weight.sum()
        border[1, 1] += weight.sum()
        pull[:2] += (weight[:, None] * lean).sum(axis=0)

    def _add_known(
        self, state: GroundState, turns: FloatArray, border: FloatArray, pull: FloatArray
    ) -> None:
        known = self.known
        level = np.radians(0.3 if known.is_up_exact else LEVEL_DEG) ** -2.0
        border[:2, :2] += level * np.eye(2)
        pull[:2] += level * (unit(known.up) @ turns)
        if known.plane is not None and known.unit_m is None:
            normal, height = known.plane
            away = float(np.degrees(np.arccos(min(float(normal @ state.up), 1.0))))
            tilt = np.radians(PLANE_DEG) ** -2.0 / (1 + (away / (2 * PLANE_DEG)) ** 2)
            border[:2, :2] += tilt * np.eye(2)
            pull[:2] += tilt * (normal @ turns)
            weight = (PLANE_SHARE * max(abs(state.height), 0.1)) ** -2.0
            edge = np.array([0.0, 0.0, -1.0, height])
            border += weight * np.outer(edge, edge)
            pull -= weight * edge * (height * state.unit_m - state.height)
        if known.verticals is not None and known.verticals.is_used:
            information = turns.T @ known.verticals.information
            border[:2, :2] += information @ turns
            pull[:2] -= information @ state.up
        tight = 1e8 if known.unit_m is not None else 1e-6
        wanted = state.unit_m if known.unit_m is None else known.unit_m
        border[3, 3] += tight
        pull[3] += tight * (wanted - state.unit_m)
        if known.camera_height_m is not None:
            at = float(known.first_camera @ state.up) * state.unit_m
            wanted = at - known.camera_height_m
            border[2, 2] += 1e8
            pull[2] += 1e8 * (wanted - state.height)
        border[2, 2] += 1e-6

    def _solved(  # noqa: PLR0917
        self,
        state: GroundState,
        turns: FloatArray,
        border: FloatArray,
        pull: FloatArray,
        sizes: FloatArray,
        size_pull: FloatArray,
        cross: FloatArray,
    ) -> GroundState:
        eased = cross / sizes[:, None]
        inner = border - cross.T @ eased
        right = pull - eased.T @ size_pull
        covariance = np.linalg.pinv(inner, hermitian=True)
        step = covariance @ right
        step[:2] = np.clip(step[:2], -0.3, 0.3)
        own = (size_pull - cross @ step) / sizes
        up = unit(state.up + turns @ step[:2])
        return GroundState(
            up=up,
            height=state.height + float(step[2]),
            unit_m=max(state.unit_m + float(step[3]), 0.0),
            share=np.clip(state.share + own, 0.4, 5.0),
            covariance=covariance,
            eased=eased,
        )

    def misfit(self, state: GroundState) -> float:
        """Of floor, leaning bodies, a level camera and people's sizes."""
        rows, share = self.rows, state.share[self.who]
        above = rows.low @ state.up
        above = above + share * (rows.camera @ state.up * state.unit_m - state.height)
        steep = self.ray @ state.up
        sigma = np.sqrt(FLOOR_M**2 + rows.error_m**2 + (steep * DEPTH_SHARE * self.far) ** 2)
        sigma = np.where(self.seen, sigma, 1.0)
        out = float((self.seen * self.share * np.log1p((above / sigma) ** 2 / 3)).sum() * 1.5)
        away = np.degrees(np.arccos(np.clip(rows.up @ state.up, -1, 1)))
        weight = self.share * rows.upright / (1 + (away / (2 * UPRIGHT_DEG)) ** 2)
        total = max(float(weight.sum()), 1e-9)
        lean = (weight[:, None] * rows.up).sum(axis=0) / total
        lean_deg = np.degrees(np.arccos(np.clip(unit(lean) @ state.up, -1, 1)))
        count = min(total, (UPRIGHT_DEG / BODIES_DEG) ** 2)
        out += 0.5 * count * float(lean_deg / UPRIGHT_DEG) ** 2
        level = np.degrees(np.arccos(np.clip(unit(self.known.up) @ state.up, -1, 1)))
        out += 0.5 * float(level / LEVEL_DEG) ** 2
        off = (state.share - 1 / self.size_wanted) / self.size_spread
        return out + 0.5 * float((off**2).sum())

    def ground(self, state: GroundState, covariance: FloatArray) -> Ground:
        """What was found.

        Args:
            state: at the end of the least squares.
            covariance: (4,4) like the state's, of all that may be off (``doubt``). Whether the unit
                is known is told by the state's own.
        """
        error = np.sqrt(np.maximum(np.diag(covariance), 0))
        is_unit_known = np.sqrt(max(state.covariance[3, 3], 0)) < _LEAST_UNIT * state.unit_m
        rows = self.rows
        place = rows.low / state.share[self.who, None] + state.unit_m * rows.camera
        off = np.abs(place @ state.up - state.height)[self.seen]
        has_floor = bool(self.seen.sum() >= 3) or self.known.camera_height_m is not None
        unit_error = (
            0.0
            if self.known.unit_m is not None
            else float(error[3] / state.unit_m)
            if (state.unit_m > 0)
            else np.inf
        )
        upright = float((self.share * rows.upright).sum()) > 0.2
        return Ground(
            up=state.up,
            height=state.height,
            unit_m=state.unit_m if is_unit_known or self.known.unit_m is not None else 0.0,
            sizes={int(t): float(s) for t, s in zip(self.track, 1 / state.share, strict=True)},
            up_error_deg=float(np.degrees(np.hypot(error[0], error[1]))),
            floor_error_m=float(error[2]),
            unit_error=unit_error,
            has_floor=has_floor,
            residual_m=float(np.median(off)) if len(off) else float("nan"),
            how="feet" if has_floor else "bodies" if upright else "camera",
            verticals=self.known.verticals,
        )


def _up_of_bodies(rows: Looks, share: FloatArray, level: FloatArray) -> FloatArray:
    """The direction that most upright bodies agree on; the level camera's if there are none."""
    up = level
    spread = np.radians(2 * UPRIGHT_DEG)
    for width in (4.0, 2.0, 1.0, 1.0, 1.0):
        away = np.arccos(np.clip(rows.up @ up, -1, 1))
        weight = share * rows.upright / (1 + (away / (width * spread)) ** 2) ** 2
        prior = (UPRIGHT_DEG / LEVEL_DEG) ** 2
        up = unit((weight[:, None] * rows.up).sum(axis=0) + prior * level)
    return up


def _ray_axes(ray: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Three axes for each ray: two across it and itself."""
    first, second = np.moveaxis(across(ray), -1, 0)
    return first, second, ray
