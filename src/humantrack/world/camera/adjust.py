"""Bundle adjustment: cameras and points together, so that the points lie where they were seen.

Robust (Cauchy weights) Levenberg-Marquardt with the points eliminated (Schur complement), after
Triggs et al., "Bundle Adjustment - A Modern Synthesis", 2000. For a camera that only turns a point
is a direction and moves on the unit sphere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from humantrack.geometry.rotations import Array, across, axis_angle_to_matrix, unit
from humantrack.types.arrays import BoolArray, IntArray

SOFT_PX = 0.7
"""Distance from which an observation counts for less (reduced pixels)."""

_NEAREST = 1e-3
"""Smallest depth of a point before a camera, in its unit."""

_STIFFEST, _LOOSEST = 1e8, 1e-7


@dataclass(frozen=True, slots=True)
class Cameras:
    """K cameras, ``d = rotation @ (X - position)``, seen at ``focal * d[:2] / d[2]``."""

    rotation: Array
    """(K,3,3)"""

    position: Array
    """(K,3)"""

    log_focal: Array
    """(K,) natural logarithm of the focal length in reduced pixels."""

    def at(self, rows: IntArray | BoolArray | slice) -> Cameras:
        """Some of them."""
        return Cameras(self.rotation[rows], self.position[rows], self.log_focal[rows])


@dataclass(frozen=True, slots=True)
class Sightings:
    """N observations of points."""

    camera: IntArray
    """(N,) row of the camera."""

    point: IntArray
    """(N,) row of the point."""

    xy: Array
    """(N,2) from the picture's middle, reduced pixels."""

    def at(self, rows: BoolArray) -> Sightings:
        """Some of them."""
        return Sightings(self.camera[rows], self.point[rows], self.xy[rows])


@dataclass(frozen=True, slots=True)
class Motion:
    """What of the cameras and points is free to change."""

    travels: bool
    zooms: bool = False

    @property
    def size(self) -> int:
        """Unknowns of one camera."""
        return 3 + 3 * self.travels + self.zooms


def errors(cameras: Cameras, points: Array, seen: Sightings) -> tuple[Array, Array]:
    """(N,2) seen minus expected place, reduced pixels; (N,) depths."""
    offset = points[seen.point] - cameras.position[seen.camera]
    d = (cameras.rotation[seen.camera] @ offset[:, :, None])[..., 0]
    depth = np.maximum(d[:, 2], _NEAREST)
    focal = np.exp(cameras.log_focal[seen.camera])
    return seen.xy - focal[:, None] * d[:, :2] / depth[:, None], d[:, 2]


def weights(error: Array, soft_px: float = SOFT_PX) -> Array:
    """(N,) Cauchy weights of errors (N,2)."""
    return np.asarray(1 / (1 + (error**2).sum(axis=1) / soft_px**2))


def cost(error: Array, soft_px: float = SOFT_PX) -> float:
    """Cauchy's cost of errors (N,2)."""
    return float(np.log1p((error**2).sum(axis=1) / soft_px**2).sum() * soft_px**2)


def slopes(cameras: Cameras, points: Array, seen: Sightings, motion: Motion) -> tuple[Array, Array]:
    """How expected places change: with the camera (N,2,D), with the point's place (N,2,3)."""
    rotation = cameras.rotation[seen.camera]
    offset = points[seen.point] - cameras.position[seen.camera]
    d = (rotation @ offset[:, :, None])[..., 0]
    depth = np.maximum(d[:, 2], _NEAREST)
    scale = np.exp(cameras.log_focal[seen.camera]) / depth
    x, y = d[:, 0], d[:, 1]
    per_x, per_y = -scale * x / depth, -scale * y / depth  # for a change of the depth
    out = np.zeros((len(d), 2, motion.size))
    # A small turn w moves d by w x d.
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = per_x * y, scale * d[:, 2] - per_x * x, -scale * y
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = per_y * y - scale * d[:, 2], -per_y * x, scale * x
    by_place = np.empty((len(d), 2, 3))
    by_place[:, 0] = scale[:, None] * rotation[:, 0] + per_x[:, None] * rotation[:, 2]
    by_place[:, 1] = scale[:, None] * rotation[:, 1] + per_y[:, None] * rotation[:, 2]
    if motion.travels:
        out[:, :, 3:6] = -by_place
    if motion.zooms:
        out[:, 0, -1], out[:, 1, -1] = scale * x, scale * y
    return out, by_place


def moved(cameras: Cameras, step: Array, motion: Motion) -> Cameras:
    """Cameras after a step (K,D)."""
    position, log_focal = cameras.position, cameras.log_focal
    if motion.travels:
        position = position + step[:, 3:6]
    if motion.zooms:
        log_focal = np.clip(log_focal + step[:, -1], np.log(20.0), np.log(60000.0))
    return Cameras(axis_angle_to_matrix(step[:, :3]) @ cameras.rotation, position, log_focal)


def adjust(
    cameras: Cameras,
    points: Array,
    seen: Sightings,
    motion: Motion,
    fixed: BoolArray,
    *,
    rounds: int = 20,
    zoom_prior: float = 0.0,
) -> tuple[Cameras, Array]:
    """Move cameras and points to where the observations fit best.

    Args:
        cameras: K, to begin with.
        points: (P,3) places, or directions of length 1 if ``motion`` does not travel.
        seen: the observations.
        motion: what is free.
        fixed: (K,) cameras that stay.
        rounds: at most so many steps are tried.
        zoom_prior: weight that holds focal lengths to their start.

    Returns:
        Cameras and points.
    """
    damping, start = 1e-4, cameras.log_focal
    error, _ = errors(cameras, points, seen)
    now = cost(error) + zoom_prior * float(((cameras.log_focal - start) ** 2).sum())
    problem = _Problem(seen, motion, fixed, zoom_prior, start)
    system = _System(cameras, points, problem)
    for _ in range(rounds):
        camera_step, point_step = system.step(damping)
        new_cameras = moved(cameras, camera_step, motion)
        new_points: Array = points + point_step
        if not motion.travels:
            new_points = unit(new_points)
        error, _ = errors(new_cameras, new_points, seen)
        new = cost(error) + zoom_prior * float(((new_cameras.log_focal - start) ** 2).sum())
        if new < now:
            done = now - new < 1e-5 * now
            cameras, points, now = new_cameras, new_points, new
            if done:
                break
            damping = max(damping / 5, _LOOSEST)
            system = _System(cameras, points, problem)
        else:
            damping *= 8
            if damping > _STIFFEST:
                break
    return cameras, points


@dataclass(frozen=True, slots=True)
class _Problem:
    """What stays the same while cameras and points move; see ``adjust``."""

    seen: Sightings
    motion: Motion
    fixed: BoolArray
    zoom_prior: float
    start: Array


class _System:
    """The normal equations at one place."""

    def __init__(self, cameras: Cameras, points: Array, problem: _Problem) -> None:
        seen, motion, fixed = problem.seen, problem.motion, problem.fixed
        self.basis = np.tile(np.eye(3), (len(points), 1, 1)) if motion.travels else across(points)
        error, _ = errors(cameras, points, seen)
        by_camera, by_place = slopes(cameras, points, seen, motion)
        by_point = by_place @ self.basis[seen.point]
        w = weights(error)[:, None, None]
        self.count, self.size = len(fixed), motion.size
        weighted_c, weighted_p = (by_camera * w).swapaxes(1, 2), (by_point * w).swapaxes(1, 2)
        self.u = _summed(weighted_c @ by_camera, seen.camera, self.count)
        self.v = _summed(weighted_p @ by_point, seen.point, len(points))
        self.w = _blocks(weighted_c @ by_point, seen, (self.count, len(points)))
        self.b = _summed(weighted_c @ error[:, :, None], seen.camera, self.count)[..., 0]
        self.g = _summed(weighted_p @ error[:, :, None], seen.point, len(points))[..., 0]
        if motion.zooms:
            self.u[:, -1, -1] += problem.zoom_prior
            self.b[:, -1] -= problem.zoom_prior * (cameras.log_focal - problem.start)
        self.free = np.repeat(~fixed, self.size)

    def step(self, damping: float) -> tuple[Array, Array]:
        """(K,D) of the cameras, (P,3) of the points."""
        v = _damped(self.v, damping)
        inverse = np.linalg.inv(v)
        u = _damped(self.u, damping)
        through = self.w @ _diagonal(inverse)
        whole = _diagonal(u) - through @ self.w.T
        right = self.b.ravel() - through @ self.g.ravel()
        step = np.zeros(self.count * self.size)
        if self.free.any():
            rows = np.flatnonzero(self.free)
            step[rows] = _solved(whole.tocsr()[rows][:, rows].toarray(), right[rows])
        rest = self.g.ravel() - self.w.T @ step
        point = np.einsum("pij,pj->pi", inverse, rest.reshape(self.g.shape))
        moves = np.einsum("pij,pj->pi", self.basis, point)
        return step.reshape(self.count, self.size), moves


def _solved(matrix: Array, right: Array) -> Array:
    scale = 1 / np.sqrt(np.maximum(np.diag(matrix), 1e-12))
    scaled = matrix * scale[:, None] * scale[None]
    scaled[np.diag_indices_from(scaled)] += 1e-12
    try:
        return np.asarray(np.linalg.solve(scaled, right * scale) * scale)
    except np.linalg.LinAlgError:
        return np.zeros_like(right)


def _damped(blocks: Array, damping: float) -> Array:
    out = blocks.copy()
    rows = np.arange(blocks.shape[1])
    out[:, rows, rows] += damping * out[:, rows, rows] + 1e-9
    return out


def _summed(values: Array, owner: IntArray, count: int) -> Array:
    """Sums of (N,...) by owner: (count,...)."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    take = sparse.csr_array(
        (np.ones(len(owner)), (owner, np.arange(len(owner)))), shape=(count, len(owner))
    )
    return np.asarray(take @ flat).reshape(count, *values.shape[1:])


def _blocks(values: Array, seen: Sightings, shape: tuple[int, int]) -> sparse.csr_array:
    """(N,D,Q) blocks at (camera, point) as one matrix."""
    _, d, q = values.shape
    row = seen.camera[:, None, None] * d + np.arange(d)[None, :, None]
    col = seen.point[:, None, None] * q + np.arange(q)[None, None, :]
    row, col = (np.broadcast_to(i, values.shape).ravel() for i in (row, col))
    return sparse.csr_array((values.ravel(), (row, col)), shape=(shape[0] * d, shape[1] * q))


def _diagonal(blocks: Array) -> sparse.csr_array:
    count, d, _ = blocks.shape
    matrix = sparse.bsr_array(
        (blocks, np.arange(count), np.arange(count + 1)), shape=(count * d, count * d)
    )
    return sparse.csr_array(matrix)
