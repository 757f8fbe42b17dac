"""Followed points of made scenes, by cameras that are known."""

import numpy as np

from humantrack.geometry.rotations import axis_angle_to_matrix, geodesic_angle
from humantrack.world.camera.evidence import FrameTracks, quantised

SIZE = (640, 360)
FOCAL = 560.0


def room(seed=0, count=4000, depth=(3.0, 12.0)):
    """(N,3) points all round the origin, at many depths."""
    random = np.random.default_rng(seed)
    way = random.normal(size=(count, 3))
    way[:, 1] *= 0.5
    return way / np.linalg.norm(way, axis=1)[:, None] * random.uniform(*depth, (count, 1))


def turns(vectors):
    """(T,3) axis times angle, degrees -> rotations world to camera."""
    return axis_angle_to_matrix(np.deg2rad(np.asarray(vectors, float)))


def smooth(seed, frames, size, knots=5):
    """(T,3) a smooth random way from 0, about ``size`` wide."""
    from scipy.interpolate import PchipInterpolator

    random = np.random.default_rng(seed)
    way = np.concatenate([np.zeros((1, 3)), random.normal(size=(knots, 3)) * size])
    return PchipInterpolator(np.linspace(0, 1, knots + 1), way)(np.linspace(0, 1, frames))


def tracks(
    rotation, position=None, focal=FOCAL, *, points=None, noise=0.12, movers=0.0, wild=0.0,
    every=10, most=180, seed=0, cuts=(), empty=(), scale=1.0,
):  # fmt: skip
    """What a camera sees of points, as the sink would write it.

    movers: share of points that walk about; wild: of observations that are wrong.
    """
    random = np.random.default_rng(seed)
    points = room(seed) if points is None else points
    count = len(rotation)
    position = np.zeros((count, 3)) if position is None else position
    focal = np.broadcast_to(focal, count)
    moving = random.random(len(points)) < movers
    walk = np.cumsum(random.normal(size=(count, len(points), 2)) * 0.4, axis=0) if movers else None
    half = np.array(SIZE) / 2
    alive = np.zeros(len(points), np.int64)  # number of the track, 0: none
    following, out = 1, []
    for t in range(count):
        d = (points - position[t]) @ rotation[t].T
        with np.errstate(divide="ignore", invalid="ignore"):
            xy = focal[t] * d[:, :2] / d[:, 2:] + half
        if movers:
            xy[moving] += walk[t, moving]
        seen = (d[:, 2] > 0.2) & (xy > 4).all(1) & (xy < np.array(SIZE) - 4).all(1)
        if t in cuts:
            alive[:] = 0
        alive[~seen] = 0
        if t % every == 0 or t in cuts or (alive > 0).sum() < 0.7 * most:
            free = np.flatnonzero(seen & (alive == 0))
            free = random.permutation(free)[: max(0, most - (alive > 0).sum())]
            alive[free] = np.arange(following, following + len(free))
            following += len(free)
        rows = np.flatnonzero(alive)
        rows = rows[np.argsort(alive[rows])]
        place = xy[rows] + random.normal(size=(len(rows), 2)) * noise
        lost = random.random(len(rows)) < wild
        place[lost] += random.normal(size=(lost.sum(), 2)) * 15
        if t in empty:
            rows, place = rows[:0], place[:0]
        out.append(
            FrameTracks(
                index=t,
                time_s=t / 30,
                width=round(SIZE[0] * scale),
                height=round(SIZE[1] * scale),
                is_shot_start=t in cuts,
                scale=scale,
                ids=alive[rows].copy(),
                xy=quantised(np.clip(place, 0, None)),
                links=np.zeros((0, 2), np.int64),
            )
        )
    return out


def angles(found, true):
    """Degrees between rotations, each from its first frame's axes: (T,)."""
    turned = np.asarray(true) @ np.asarray(true)[0].T
    return np.rad2deg(geodesic_angle(found @ found[0].T, turned))


def steps(found, true):
    """Degrees by which turns from one frame to the next differ: (T-1,)."""
    return np.rad2deg(
        geodesic_angle(
            found[1:] @ found[:-1].swapaxes(1, 2), true[1:] @ np.asarray(true)[:-1].swapaxes(1, 2)
        )
    )


def path_error(found, true):
    """Mean distance after the best similarity, over the true path's length."""
    a, b = found - found.mean(0), true - true.mean(0)
    u, d, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (d * np.diag(sign)).sum() / (a**2).sum()
    off = np.linalg.norm(scale * a @ (u @ sign @ vt).T - b, axis=1).mean()
    return off / np.linalg.norm(np.diff(true, axis=0), axis=1).sum()
