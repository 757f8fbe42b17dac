"""The focal length as right angles between vertical and level edges show it.

Two directions at right angles in space fix the focal length of a camera that sees edges along both
(Caprile and Torre, "Using Vanishing Points for Camera Calibration", IJCV 1990), by as much as
neither lies across the view. Which edges are vertical and which are level is only known through a
lens, so many are tried, and the one is taken through which such a pair explains most edges and the
vertical ones are believed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.types.arrays import FloatArray
from humantrack.world.edges import NEAR_DEG, Edges, fitted
from humantrack.world.levels import Levels
from humantrack.world.verticals import find_verticals

_TRIED = np.log(np.geomspace(0.4, 2.0, 24))
"""Logarithms of the focal lengths that edges are seen through, over the one of the path."""

_ASKED = np.log(np.geomspace(0.4, 2.0, 6))
"""Those for which people are asked; what they say of up changes little between."""

_SHARE = 0.5
"""Of the length of edges that are not vertical, so much must be level: among so many lenses there
is one through which some of any edges share a direction."""

_SLOPE_DEG = 1.0
"""How far from level such edges are: floors hardly slope, streets do by more."""

_LEAST_TOLD = 1e-3
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a shot whose camera stands still shows."""

    edges: Edges
    """Through the lens of the camera's path."""

    ahead: FloatArray
    """(3,) of unit length, where the camera looks."""

    people: Callable[[float], tuple[FloatArray, float]]
    """Gives up (3,) and its error, degrees, as people tell them through a lens so many times as
    long."""


def lens_of(room: Room) -> tuple[float, float] | None:
    """Logarithm of the focal length over that of the path, and its error; None: it is not told."""
    asked = [room.people(float(np.exp(log))) for log in _ASKED]
    ups, errors = np.stack([up for up, _ in asked]), [error for _, error in asked]
    best, out = 0.0, None
    for log in _TRIED.tolist():
        edges = _through(room.edges, float(np.exp(log)), room.ahead)
        up = unit(np.array([np.interp(log, _ASKED, axis) for axis in ups.T]))
        error_deg = float(np.interp(log, _ASKED, errors))
        found = find_verticals(edges, up, error_deg, ahead=room.ahead)
        if not found.is_used or found.axes < 2 or found.levels is None:
            continue
        other = ~edges.agree(found.up)
        if edges.length[other & found.levels.explained].sum() < _SHARE * edges.length[other].sum():
            continue
        both = np.concatenate([found.up[None], found.levels.directions])
        explained = float(edges.length @ edges.fit(both).max(axis=1) / edges.length.sum())
        if explained > best:
            more, error = _beside(edges, found.up, found.levels, found.information, room.ahead)
            best, out = explained, (log + more, error)
    return out


def _through(edges: Edges, factor: float, ahead: FloatArray) -> Edges:
    """Edges as a lens so many times as long shows them, which stretches all along the view."""
    along = np.outer(edges.normal @ ahead, ahead)
    return replace(edges, normal=unit(edges.normal + (1 / factor - 1) * along))


def _beside(
    edges: Edges, up: FloatArray, levels: Levels, information: FloatArray, ahead: FloatArray
) -> tuple[float, float]:
    """What is left of a right angle as a logarithm of the focal length, and its error.

    Verticals are fitted by themselves, and d(up . level) = 2 (up . ahead) (level . ahead) d(log
    focal) of the level direction that tells most.
    """
    rest = edges.rows(~levels.explained)
    for _ in range(_ROUNDS):
        up = fitted(rest.rows(rest.near(up, NEAR_DEG)), up)
    bend = 2 * (up @ ahead) * (levels.directions @ ahead)
    most = int(np.abs(bend).argmax())
    level, tells = levels.directions[most], float(bend[most])
    if abs(tells) < _LEAST_TOLD:
        return 0.0, np.inf
    off = float(up @ level)
    way = unit(level - off * up)
    variance = float(way @ np.linalg.pinv(information, hermitian=True) @ way)
    spread = float(np.hypot(np.sqrt(max(variance, 0.0)), np.radians(_SLOPE_DEG)))
    return -off / tells, spread / abs(tells)
