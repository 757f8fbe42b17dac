"""Straight edges of a shot's background as planes through the camera, and how many of them agree.

An edge in the picture and the camera's centre span a plane. Planes of parallel edges share one
direction, that of the edges (the vanishing point: Caprile and Torre, "Using Vanishing Points for
Camera Calibration", IJCV 1990).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from math import comb

import numpy as np

from humantrack.geometry.rotations import across, unit
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.types import CameraPath

MOST_FRAMES = 120
"""Of a shot, whose edges are kept; when there are more, every other one is let go."""

LINES_DEG = 0.4
"""However many edges are seen: buildings are plumb within 0.2 degrees, and lenses bend edges."""

_END_PX = 0.3
"""How far the end of an edge is off, sideways, in pixels of the reduced picture."""

AGREE = 2.5
"""Standard deviations."""

BIN_DEG = 1.5
"""Edges in planes that are turned about up by less than this count as one: the two sides of a post,
the parts of a broken edge, the same edge in another frame."""

NEAR_DEG = 12.0
"""Edges no farther than this from a direction could lie along it."""

FEWEST = 5
BY_CHANCE = 0.01
"""Times that edges which lie as they like would agree so well (an a-contrario bound: Desolneux,
Moisan and Morel, "Meaningful Alignments", IJCV 2000)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """N edges of a shot."""

    normal: FloatArray
    """(N,3) of the plane through the edge and the camera, in the axes of the shot's path."""

    sigma: FloatArray
    """(N,) how far the normal is off by the picture alone, radians."""

    length: FloatArray
    """(N,) pixels of the reduced picture."""

    frame: IntArray
    """(N,)"""

    stays: bool
    """Whether the camera stays in one place, so that an edge has the same plane in all frames."""

    def __len__(self) -> int:
        return len(self.length)

    @property
    def spread(self) -> FloatArray:
        """(N,) by how much the normal is off a right angle to the edge in space, radians."""
        return np.hypot(self.sigma, np.radians(LINES_DEG))

    def agree(self, direction: FloatArray) -> BoolArray:
        """(N,) which of them may lie along a direction (3,)."""
        return np.asarray(np.abs(self.normal @ direction) < AGREE * self.spread)

    def near(self, direction: FloatArray, degrees: float) -> BoolArray:
        """(N,) which of them lie along a direction (3,), or turned from it by less than that."""
        return np.asarray(np.abs(self.normal @ direction) < np.sin(np.radians(degrees)))

    def fit(self, directions: FloatArray, least: FloatArray | float = 0.0) -> FloatArray:
        """(N,M) how well they lie along M directions (M,3): from 1, exactly, to 0, not at all.

        Args:
            directions: (M,3)
            least: what is taken instead where it is more, (N,M) or less.
        """
        fit = (self.normal / (AGREE * self.spread)[:, None]) @ directions.T
        np.multiply(fit, fit, out=fit)
        np.subtract(1, fit, out=fit)
        return np.maximum(fit, least, out=fit)

    def rows(self, index: BoolArray | IntArray) -> Edges:
        """Some of them."""
        return Edges(
            normal=self.normal[index],
            sigma=self.sigma[index],
            length=self.length[index],
            frame=self.frame[index],
            stays=self.stays,
        )


def edges_of(evidence: Iterable[FrameTracks], path: CameraPath) -> dict[int, Edges]:
    """The edges of each shot that has any; memory does not grow with the number of frames.

    Args:
        evidence: of the background.
        path: of the camera through the same frames.
    """
    shot_of = dict(zip(path.index.tolist(), path.shot.tolist(), strict=True))
    out = {}
    for shot, frames in groupby(evidence, lambda frame: shot_of.get(frame.index, -1)):
        kept: list[FrameTracks] = []
        stride, seen = 1, 0
        for frame in frames:
            if shot < 0 or not len(frame.lines):
                continue
            if seen % stride == 0:
                kept.append(frame)
            seen += 1
            if len(kept) > MOST_FRAMES:
                kept, stride = kept[::2], stride * 2
        if kept:
            edges = _edges(kept, path, stays=path.kinds[shot] in {"still", "turning"})
            if len(edges):
                out[shot] = edges
    return out


def _edges(frames: list[FrameTracks], path: CameraPath, *, stays: bool) -> Edges:
    counts = [len(frame.lines) for frame in frames]
    each = np.repeat(np.arange(len(frames)), counts)
    rows = np.searchsorted(path.index, [frame.index for frame in frames])
    scale = np.array([frame.scale for frame in frames])[each]
    row = rows[each]
    ends = np.concatenate([frame.lines for frame in frames]).reshape(-1, 2, 2)
    focal = (path.focal_px[row] / scale)[:, None]
    centre = (path.centre_px[row] / scale[:, None])[:, None]
    rays = unit(np.concatenate([ends - centre, np.tile(focal[:, None], (1, 2, 1))], axis=-1))
    plane = np.cross(rays[:, 0], rays[:, 1])
    sine = np.linalg.norm(plane, axis=1)
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    # Where the camera is only guessed (a flash, a black stretch), edges tell nothing.
    use = (sine > 1e-6) & (path.confidence[row] > 0)
    normal = plane[use] / sine[use, None]
    sigma = np.sqrt(2) * _END_PX / focal[use, 0] / sine[use]
    turned = (np.swapaxes(path.rotation[row[use]], -1, -2) @ normal[..., None])[..., 0]
    return Edges(normal=turned, sigma=sigma, length=length[use], frame=each[use], stays=stays)


def fitted(edges: Edges, direction: FloatArray) -> FloatArray:
    """(3,) one round of least squares, edges that are off weighing less (Cauchy)."""
    sigma = edges.spread
    off = edges.normal @ direction / sigma
    weight = edges.length / sigma**2 / (1 + off**2) ** 2
    scatter = (edges.normal * weight[:, None]).T @ edges.normal
    turns = across(direction)
    inner = turns.T @ scatter @ turns
    step = np.linalg.lstsq(inner, -turns.T @ scatter @ direction, rcond=1e-6)[0]
    return unit(direction + turns @ np.clip(step, -0.2, 0.2))


def by_chance(near: Edges, agree: BoolArray, turns: FloatArray) -> float:
    """How many directions so many edges would agree on, if all lay as they like."""
    if not agree.any():
        return np.inf
    agreeing = near.rows(agree)
    counts = how_many(agreeing, different(agreeing, turns))
    fullest = int(counts.argmax())
    lines = int(counts[fullest])
    count = max(int(how_many(near, different(near, turns))[fullest]), lines)
    alike = np.minimum(1, AGREE * near.spread / np.radians(NEAR_DEG))
    chance = float(np.average(alike, weights=near.length))
    more = range(lines, count + 1)
    tail = sum(comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in more)
    return comb(count, 2) * tail


def how_many(edges: Edges, which: IntArray) -> IntArray:
    """How many different edges there are: of all pictures together, or of each.

    The planes of one edge differ from picture to picture where the camera travels.
    """
    frame = np.zeros_like(edges.frame) if edges.stays else edges.frame
    pairs = np.unique(np.stack([frame, which], axis=1), axis=0)
    return np.bincount(pairs[:, 0])


def different(edges: Edges, turns: FloatArray) -> IntArray:
    """(N,) the number of the edge that each is of; none is wider than ``BIN_DEG`` in azimuth."""
    azimuth = azimuth_deg(edges, turns)
    out = np.zeros(len(azimuth), np.int64)
    start, number = -np.inf, -1
    for row in np.argsort(azimuth, kind="stable").tolist():
        if azimuth[row] - start > BIN_DEG:
            start, number = azimuth[row], number + 1
        out[row] = number
    return out


def azimuth_deg(edges: Edges, turns: FloatArray) -> FloatArray:
    """(N,) degrees about up, from the first edge after the widest gap."""
    level = edges.normal @ turns
    azimuth = np.degrees(np.arctan2(level[:, 1], level[:, 0])) % 180.0
    order = np.sort(azimuth)
    if not len(order):
        return azimuth
    gaps = np.diff(order, prepend=order[-1] - 180.0)
    return np.asarray((azimuth - order[int(gaps.argmax())]) % 180.0)
