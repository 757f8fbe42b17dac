"""Up as vertical edges of the scene show it: walls, door frames, posts.

An edge in the picture and the camera's centre span a plane. Planes of parallel edges share one
direction, that of the edges (the vanishing point: Caprile and Torre, "Using Vanishing Points for
Camera Calibration", IJCV 1990). Scenes made by people hold one vertical direction beside any number
of level ones (an "Atlanta world": Schindler and Dellaert, CVPR 2004), so the direction is looked
for near the first estimate of up alone, from pairs of planes at random (RANSAC: Fischler and
Bolles, 1981), and fitted by robust least squares.

Edges are believed only if most of those that could be vertical agree, by more than chance, and if
that is where people and floor say up is, and as far as they fix it. Else nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from math import comb

import numpy as np

from humantrack.geometry.rotations import across, unit
from humantrack.types.arrays import BoolArray, FloatArray, IntArray
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.types import CameraPath

MOST_FRAMES = 120
"""Of a shot, whose edges are kept; when there are more, every other one is let go."""

GATE_DEG = 15.0
"""Farthest that edges may point from the first estimate of up, where that is not sure at all."""

_GATE = 2.5
"""Else so many standard deviations of both together, but not less than ``_NEAREST_DEG``."""

LINES_DEG = 0.4
"""However many edges are seen: buildings are plumb within 0.2 degrees, and lenses bend edges."""

_NEAREST_DEG = 4.0
_SEARCH_DEG = 25.0
"""Where directions are looked for: wider than the gate, so that a scene that leans is seen to."""

_NEAR_DEG = 12.0
"""Edges no farther than this from the direction could be vertical; most of them must be."""

_END_PX = 0.3
"""How far the end of an edge is off, sideways, in pixels of the reduced picture."""

_AGREE = 2.5
"""Standard deviations."""

_SHARE = 0.5
_BY_CHANCE = 0.01
"""Times that edges which lie as they like would agree so well (an a-contrario bound: Desolneux,
Moisan and Morel, "Meaningful Alignments", IJCV 2000)."""

_FEWEST = 5
_LOOSEST_DEG = 3.0, 1.5
"""An axis across which edges fix the direction less well than this is left to people and floor: the
second where edges do not agree with those by the first."""

_BIN_DEG = 1.5
"""Edges in planes that are turned about up by less than this count as one: the two sides of a post,
the parts of a broken edge, the same edge in another frame."""

_SPAN_DEG = 10.0
"""Least angle about up between the outer ones: letters of a caption stand side by side."""

_AHEAD = np.array([0.0, 0.0, 1.0])
_TRIES = 500
_ROUNDS = 5


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

    def rows(self, index: BoolArray | IntArray) -> Edges:
        """Some of them."""
        return Edges(
            normal=self.normal[index],
            sigma=self.sigma[index],
            length=self.length[index],
            frame=self.frame[index],
            stays=self.stays,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verticals:
    """What edges say of up."""

    is_used: bool
    """Whether they agree with each other and with the first estimate."""

    why: str
    """In a word or two, why they are not used; empty if they are."""

    lines: int = 0
    """Different edges that agree."""

    share: float = 0.0
    """Of the length of edges that could be vertical, that of those that agree."""

    axes: int = 0
    """Across how many axes up is fixed: 2, or 1 where edges are too close together for more."""

    up: FloatArray = field(default_factory=lambda: np.array([0.0, 1.0, 0.0]))
    """(3,) of unit length; as first estimated where edges do not fix it."""

    information: FloatArray = field(default_factory=lambda: np.zeros((3, 3)))
    """(3,3) inverse covariance of ``up``, 1/rad^2; zero along ``up``, and where it is not fixed."""

    by_lens: FloatArray = field(default_factory=lambda: np.zeros(3))
    """(3,) radians by which ``up`` is off if the lens is longer by its error; ``information`` takes
    that into account."""

    error_deg: float = np.inf
    """Standard deviation of the direction, as far as it is fixed."""

    apart_deg: float = np.inf
    """From the first estimate, as far as it is fixed."""


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


def find_verticals(
    edges: Edges | None,
    up: FloatArray,
    up_error_deg: float,
    *,
    lens_error: float = 0.0,
    ahead: FloatArray = _AHEAD,
) -> Verticals:
    """Up as a shot's edges show it, always the same for the same edges.

    Args:
        edges: of the shot.
        up: (3,) the first estimate.
        up_error_deg: its standard deviation.
        lens_error: of the focal length, relative: a wrong one tilts the camera ahead or back.
        ahead: (3,) of unit length, where the camera looks.
    """
    up = unit(up)
    if edges is None or len(edges) < 2:
        return Verticals(is_used=False, why="no lines")
    wide = edges.rows(np.abs(edges.normal @ up) < np.sin(np.radians(_SEARCH_DEG)))
    found = _best(wide, up)
    if found is None:
        return Verticals(is_used=False, why="too few lines")
    for _ in range(_ROUNDS):
        near = wide.rows(np.abs(wide.normal @ found) < np.sin(np.radians(_NEAR_DEG)))
        found = _fitted(near, found)
    # A lens so many times as long stretches the direction along the view by as much, so that
    # d(found) = (found . ahead) (ahead - (found . ahead) found) d(log focal).
    by_lens = lens_error * float(found @ ahead) * (ahead - float(found @ ahead) * found)
    loose = _judged(near, found, up, up_error_deg, by_lens, _LOOSEST_DEG[0])
    if loose.is_used:
        return loose
    return _judged(near, found, up, up_error_deg, by_lens, _LOOSEST_DEG[1])


def _judged(  # noqa: PLR0917
    near: Edges,
    found: FloatArray,
    up: FloatArray,
    up_error_deg: float,
    by_lens: FloatArray,
    loosest_deg: float,
) -> Verticals:
    agree = np.abs(near.normal @ found) < _AGREE * _spread(near)
    share = float(near.length[agree].sum() / max(near.length.sum(), 1e-9))
    lines, turns, covariance = _covariance(near.rows(agree), found)
    span = float(_azimuth(near.rows(agree), turns).max(initial=0.0))
    # Edges close together fix how the camera is rolled, and not how it is tilted.
    spread, axes = np.linalg.eigh(covariance)
    fixed = turns @ axes[:, np.degrees(np.sqrt(spread)) < loosest_deg]
    apart = float(np.degrees(np.arcsin(min(float(np.linalg.norm(fixed.T @ up)), 1.0))))
    covariance = fixed.T @ turns @ covariance @ turns.T @ fixed
    covariance += np.radians(LINES_DEG) ** 2 * np.eye(fixed.shape[1])
    covariance += np.outer(fixed.T @ by_lens, fixed.T @ by_lens)
    error = float(np.degrees(np.sqrt(np.trace(covariance))))
    gate = float(np.clip(_GATE * np.hypot(up_error_deg, error), _NEAREST_DEG, GATE_DEG))
    why = (
        "too few lines"
        if lines < _FEWEST or not fixed.shape[1]
        else "lines disagree with each other"
        if share < _SHARE or _by_chance(near, agree, turns) > _BY_CHANCE
        else "lines too close together"
        if span < _SPAN_DEG
        else "lines disagree with the people"
        if apart > gate
        else ""
    )
    return Verticals(
        is_used=not why,
        why=why,
        lines=lines,
        share=share,
        axes=fixed.shape[1],
        up=unit(up - fixed @ (fixed.T @ up)),
        information=fixed @ np.linalg.inv(covariance) @ fixed.T,
        by_lens=fixed @ (fixed.T @ by_lens),
        error_deg=error,
        apart_deg=apart,
    )


def _spread(edges: Edges) -> FloatArray:
    """(N,) by how much the normal of a vertical edge is off level, radians."""
    return np.hypot(edges.sigma, np.radians(LINES_DEG))


def _best(edges: Edges, up: FloatArray) -> FloatArray | None:
    """The direction near ``up`` that most edges, by their length, agree on."""
    if len(edges) < 2:
        return None
    random = np.random.default_rng(0)
    # Long edges are asked more often: they are surer.
    one, other = random.choice(len(edges), (2, _TRIES), p=edges.length / edges.length.sum())
    way = np.cross(edges.normal[one], edges.normal[other])
    apart = np.linalg.norm(way, axis=1)
    way = way[apart > np.sin(np.radians(_BIN_DEG))]
    way = unit(way) * np.where(way @ up < 0, -1.0, 1.0)[:, None]
    way = way[way @ up > np.cos(np.radians(_SEARCH_DEG))]
    if not len(way):
        return None
    off = (edges.normal @ way.T) / (_AGREE * _spread(edges))[:, None]
    score = (edges.length[:, None] * np.maximum(0, 1 - off**2)).sum(axis=0)
    return np.asarray(way[int(score.argmax())])


def _fitted(edges: Edges, up: FloatArray) -> FloatArray:
    """One round of least squares, edges that are off weighing less (Cauchy)."""
    sigma = _spread(edges)
    off = edges.normal @ up / sigma
    weight = edges.length / sigma**2 / (1 + off**2) ** 2
    scatter = (edges.normal * weight[:, None]).T @ edges.normal
    turns = across(up)
    inner = turns.T @ scatter @ turns
    step = np.linalg.lstsq(inner, -turns.T @ scatter @ up, rcond=1e-6)[0]
    return unit(up + turns @ np.clip(step, -0.2, 0.2))


def _covariance(edges: Edges, up: FloatArray) -> tuple[int, FloatArray, FloatArray]:
    """How many different edges there are, two axes across ``up``, the covariance (2,2) in them.

    An edge that is seen often, or in parts, counts once.
    """
    turns = across(up)
    level = edges.normal @ turns
    which = _different(edges, turns)
    often = np.bincount(which, minlength=1)
    count, lines = len(often), int(_counts(edges, which).max(initial=0))
    sigma = _spread(edges)
    weight = 1 / sigma**2 / often[which] * (lines / max(count, 1))
    information = (level * weight[:, None]).T @ level
    excess = float((weight * (edges.normal @ up) ** 2).sum() / max(lines - 2, 1))
    return lines, turns, np.linalg.inv(information + 1e-3 * np.eye(2)) * max(excess, 1.0)


def _by_chance(near: Edges, agree: BoolArray, turns: FloatArray) -> float:
    """How many directions so many edges would agree on, if all lay as they like."""
    if not agree.any():
        return np.inf
    agreeing = near.rows(agree)
    counts = _counts(agreeing, _different(agreeing, turns))
    fullest = int(counts.argmax())
    lines = int(counts[fullest])
    count = max(int(_counts(near, _different(near, turns))[fullest]), lines)
    alike = np.minimum(1, _AGREE * _spread(near) / np.radians(_NEAR_DEG))
    chance = float(np.average(alike, weights=near.length))
    more = range(lines, count + 1)
    tail = sum(comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in more)
    return comb(count, 2) * tail


def _counts(edges: Edges, which: IntArray) -> IntArray:
    """How many different edges there are: of all pictures together, or of each.

    The planes of one edge differ from picture to picture where the camera travels.
    """
    frame = np.zeros_like(edges.frame) if edges.stays else edges.frame
    pairs = np.unique(np.stack([frame, which], axis=1), axis=0)
    return np.bincount(pairs[:, 0])


def _different(edges: Edges, turns: FloatArray) -> IntArray:
    """(N,) the number of the edge that each is of; none is wider than ``_BIN_DEG`` in azimuth."""
    azimuth = _azimuth(edges, turns)
    out = np.zeros(len(azimuth), np.int64)
    start, number = -np.inf, -1
    for row in np.argsort(azimuth, kind="stable").tolist():
        if azimuth[row] - start > _BIN_DEG:
            start, number = azimuth[row], number + 1
        out[row] = number
    return out


def _azimuth(edges: Edges, turns: FloatArray) -> FloatArray:
    """(N,) degrees about up, from the first edge after the widest gap."""
    level = edges.normal @ turns
    azimuth = np.degrees(np.arctan2(level[:, 1], level[:, 0])) % 180.0
    order = np.sort(azimuth)
    if not len(order):
        return azimuth
    gaps = np.diff(order, prepend=order[-1] - 180.0)
    return np.asarray((azimuth - order[int(gaps.argmax())]) % 180.0)
