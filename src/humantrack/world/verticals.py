"""Up as vertical edges of the scene show it: walls, door frames, posts.

The direction that edges share (``edges``) is looked for near the first estimate of up alone, from
pairs of planes at random (RANSAC: Fischler and Bolles, 1981), and fitted by robust least squares.
Edges that lie along level directions (``levels``) are put aside, and where those lie settles which
of nearly equal directions up is. How sure it is, the vertical edges tell by themselves.

Edges are believed only if most of the others that could be vertical agree, by more than chance, and
if that is where people and floor say up is, and as far as they fix it. Else nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from humantrack.geometry.rotations import across, unit
from humantrack.types.arrays import FloatArray
from humantrack.world.edges import (
    BIN_DEG,
    BY_CHANCE,
    FEWEST,
    LINES_DEG,
    NEAR_DEG,
    Edges,
    azimuth_deg,
    by_chance,
    different,
    fitted,
    how_many,
)
from humantrack.world.levels import Levels, with_levels

GATE_DEG = 15.0
"""Farthest that edges may point from the first estimate of up, where that is not sure at all."""

_GATE = 2.5
"""Else so many standard deviations of both together, but not less than ``_NEAREST_DEG``."""

_NEAREST_DEG = 4.0
_SEARCH_DEG = 25.0
"""Where directions are looked for: wider than the gate, so that a scene that leans is seen to."""

_SHARE = 0.5
"""Least part, by length, of the edges that could be vertical and are not level."""

_LOOSEST_DEG = 3.0, 1.5
"""An axis across which edges fix the direction less well than this is left to people and floor: the
second where edges do not agree with those by the first."""

_SPAN_DEG = 10.0
"""Least angle about up between the outer ones: letters of a caption stand side by side."""

_AHEAD = np.array([0.0, 0.0, 1.0])
_TRIES = 500
_ROUNDS = 5


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

    levels: Levels | None = None
    """The level directions whose edges were put aside; None: there are none."""


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
    wide = edges.rows(edges.near(up, _SEARCH_DEG))
    ways = _crossings(wide, up)
    if not len(ways):
        return Verticals(is_used=False, why="too few lines")
    found = ways[int((wide.length @ wide.fit(ways)).argmax())]
    levels = with_levels(edges, ways, lens_error, ahead)
    if levels is not None:
        found = levels.up
        wide = edges.rows(~levels.explained & edges.near(up, _SEARCH_DEG))
    for _ in range(_ROUNDS):
        near = wide.rows(wide.near(found, NEAR_DEG))
        found = fitted(near if levels is None else levels.beside(near), found)
    # A lens so many times as long stretches the direction along the view by as much, so that
    # d(found) = (found . ahead) (ahead - (found . ahead) found) d(log focal).
    by_lens = lens_error * float(found @ ahead) * (ahead - float(found @ ahead) * found)
    out = _judged(near, found, up, up_error_deg, by_lens, _LOOSEST_DEG[0])
    if not out.is_used:
        out = _judged(near, found, up, up_error_deg, by_lens, _LOOSEST_DEG[1])
    return replace(out, levels=levels)


def _judged(  # noqa: PLR0917
    near: Edges,
    found: FloatArray,
    up: FloatArray,
    up_error_deg: float,
    by_lens: FloatArray,
    loosest_deg: float,
) -> Verticals:
    agree = near.agree(found)
    share = float(near.length[agree].sum() / max(near.length.sum(), 1e-9))
    lines, turns, covariance = _covariance(near.rows(agree), found)
    span = float(azimuth_deg(near.rows(agree), turns).max(initial=0.0))
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
        if lines < FEWEST or not fixed.shape[1]
        else "lines disagree with each other"
        if share < _SHARE or by_chance(near, agree, turns) > BY_CHANCE
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


def _crossings(edges: Edges, up: FloatArray) -> FloatArray:
    """(M,3) directions near ``up`` that two edges at random share."""
    if len(edges) < 2:
        return np.zeros((0, 3))
    random = np.random.default_rng(0)
    # Long edges are asked more often: they are surer.
    one, other = random.choice(len(edges), (2, _TRIES), p=edges.length / edges.length.sum())
    way = np.cross(edges.normal[one], edges.normal[other])
    apart = np.linalg.norm(way, axis=1)
    way = way[apart > np.sin(np.radians(BIN_DEG))]
    way = unit(way) * np.where(way @ up < 0, -1.0, 1.0)[:, None]
    return np.asarray(way[way @ up > np.cos(np.radians(_SEARCH_DEG))])


def _covariance(edges: Edges, up: FloatArray) -> tuple[int, FloatArray, FloatArray]:
    """How many different edges there are, two axes across ``up``, the covariance (2,2) in them.

    An edge that is seen often, or in parts, counts once.
    """
    turns = across(up)
    level = edges.normal @ turns
    which = different(edges, turns)
    often = np.bincount(which, minlength=1)
    count, lines = len(often), int(how_many(edges, which).max(initial=0))
    sigma = edges.spread
    weight = 1 / sigma**2 / often[which] * (lines / max(count, 1))
    information = (level * weight[:, None]).T @ level
    excess = float((weight * (edges.normal @ up) ** 2).sum() / max(lines - 2, 1))
    return lines, turns, np.linalg.inv(information + 1e-3 * np.eye(2)) * max(excess, 1.0)
