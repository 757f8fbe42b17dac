"""Gravity, floor and scale of a shot, from feet that stand, upright bodies and vertical edges.

Unknown are the direction of up (two small turns), the floor's height, the unit of the camera's
path (free cameras), and how large each person is against the estimated body. They are found
together by robust least squares (Gauss-Newton, reweighted):

* the lowest point of each person lies on the floor, more or less;
* a lowest point that stays the lowest does not move;
* people stand upright, give or take, and cameras are held level, roughly;
* people are as large as estimated, within the spread of adults;
* vertical edges of the scene, if they agree with all that (``verticals``), are upright.

People's sizes appear in their own rows alone, so they are eliminated first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.types.arrays import FloatArray
from humantrack.world.doubt import LensDoubt, ThroughLens, by_lens, by_people
from humantrack.world.edges import Edges
from humantrack.world.evidence import Looks
from humantrack.world.ground_fit import LEVEL_DEG, GroundProblem, GroundState
from humantrack.world.known import Ground, Known
from humantrack.world.verticals import find_verticals

_ROUNDS, _SETTLED = 12, 1e-6
"""At most so many steps; each is about a tenth of the one before."""

_ROUGHLY = 1e-4
"""Settled enough where grounds are only compared, or looks chosen: what is left is less."""

__all__ = ["Ground", "Known", "find_ground", "find_up", "ground_with_edges", "misfit"]


def ground_with_edges(
    rows: Looks | None,
    known: Known,
    edges: Edges | None,
    *,
    lens_error: float = 0.0,
    through: ThroughLens | None = None,
) -> Ground:
    """The ground that explains a shot's people best, and its vertical edges if there are any.

    Edges are asked only where people have said roughly what is up, and not at all where up is
    known exactly; where they do not agree, the ground is what it is without them.

    Args:
        rows: of the people.
        known: before anybody is looked at.
        edges: of the background.
        lens_error: of the logarithm of the focal length; 0: it is known.
        through: gives the rows through another lens, so that the errors of the ground tell what
            that of the lens means; None: they do not.
    """
    lens = LensDoubt(error=lens_error, looks=through) if through and lens_error else None
    if not known.is_up_exact:
        first = find_ground(rows, known)
        verticals = find_verticals(
            edges, first.up, first.up_error_deg, lens_error=lens_error, ahead=known.ahead
        )
        known = replace(known, verticals=verticals)
        if lens is None and not verticals.is_used:
            return replace(first, verticals=verticals)
    return find_ground(rows, known, lens=lens)


def find_ground(rows: Looks | None, known: Known, *, lens: LensDoubt | None = None) -> Ground:
    """The ground that explains a shot's people best.

    Args:
        rows: of the people.
        known: before anybody is looked at.
        lens: how unsure it is, which the errors then tell, too; None: it is known.
    """
    if rows is None or len(rows) == 0:
        return _without_people(unit(known.up), known)
    problem, state = _solved(rows, known)
    covariance = state.covariance + by_people(problem, state)
    if lens is not None:
        longer, shorter = (_solved(*lens.moved(known, longer=way))[1] for way in (True, False))
        covariance = covariance + by_lens(state, known, longer, shorter)
    return problem.ground(state, covariance)


def find_up(rows: Looks, known: Known) -> FloatArray:
    """(3,) up alone, as :func:`find_ground` finds it. Somebody must have been looked at."""
    return _solved(rows, known, settled=_ROUGHLY)[1].up


def misfit(rows: Looks, known: Known) -> float:
    """How badly a shot's people fit onto any floor: minus a log likelihood."""
    problem, state = _solved(rows, known, settled=_ROUGHLY)
    return problem.misfit(state)


def _solved(
    rows: Looks, known: Known, *, settled: float = _SETTLED
) -> tuple[GroundProblem, GroundState]:
    problem = GroundProblem(rows, known)
    state = problem.start()
    for _ in range(_ROUNDS):
        before, state = state, problem.step(state)
        if _is_settled(before, state, settled):
            break
    return problem, state


def _is_settled(before: GroundState, after: GroundState, settled: float) -> bool:
    """Whether a step changed nothing that can be told from noise."""
    one, other = ((*s.up, s.height, s.unit_m, *s.share) for s in (before, after))
    return bool(np.allclose(one, other, rtol=settled, atol=settled))


def _without_people(up: FloatArray, known: Known) -> Ground:
    up_error_deg = 0.5 if known.is_up_exact else LEVEL_DEG
    verticals = known.verticals
    if verticals is not None and verticals.is_used:
        level = up_error_deg if verticals.axes < 2 else 0.0
        up, up_error_deg = verticals.up, float(np.hypot(verticals.error_deg, level))
    height = known.camera_height_m or 0.0
    unit_m = 1.0 if known.unit_m is None else known.unit_m
    return Ground(
        up=up,
        height=float(up @ known.first_camera) * unit_m - height,
        unit_m=unit_m,
        up_error_deg=up_error_deg,
        floor_error_m=0.0 if known.camera_height_m else np.inf,
        unit_error=0.0 if known.unit_m is not None else np.inf,
        has_floor=known.camera_height_m is not None,
        residual_m=np.nan,
        how="camera",
        verticals=verticals,
    )
