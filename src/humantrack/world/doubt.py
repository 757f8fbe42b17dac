"""How unsure up, floor and scale are by what is off in all looks alike.

They are found as if looks at people were off by chance alone, and the lens were what it is said to
be. But who leans goes on leaning, the foot of one person is estimated too low time and again, and
most lenses are assumed. How unsure that makes what was found follows from how it moves if each of
these is off by its own error ("consider parameters": Tapley, Schutz and Born, "Statistical Orbit
Determination", 2004, chapter 6).

A lens so many times as long stretches all that the camera sees along its line of sight, by as much:
people (``looks``, exactly), and the edges, the floor and the way of a camera as its own path shows
them (exactly while it does not turn).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from humantrack.geometry.rotations import across, unit
from humantrack.types.arrays import FloatArray
from humantrack.world.evidence import Looks
from humantrack.world.ground_fit import FLOOR_M, LEAN_DEG, TILT_SHARE, GroundProblem, GroundState
from humantrack.world.known import Known

ThroughLens = Callable[[float], Looks]
"""Gives a shot's looks as they are through a lens so many times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LensDoubt:
    """A lens that is unsure, and what a shot's people would look like through another."""

    error: float
    """Standard deviation of the logarithm of the focal length."""

    looks: ThroughLens

    def moved(self, known: Known, *, longer: bool) -> tuple[Looks, Known]:
        """Looks and knowledge as they were if the lens were off by its error, one way."""
        factor = float(np.exp(self.error if longer else -self.error))
        rows = self.looks(factor)
        if known.unit_m is None:  # the path is the camera's own, seen through the same lens
            apart = (factor - 1) * np.outer(known.ahead, known.ahead)
            rows = replace(
                rows,
                camera=rows.camera + rows.camera @ apart,
                camera_later=rows.camera_later + rows.camera_later @ apart,
            )
        return rows, _through(known, factor)


def by_people(problem: GroundProblem, state: GroundState) -> FloatArray:
    """(4,4) what is added to the covariance of a state by what is off in all looks at a person.

    Args:
        problem: of the shot's people.
        state: what was found.
    """
    floor = problem.floor(state)
    off = floor.weight * np.where(problem.seen, np.hypot(FLOOR_M, problem.rows.error_m), 0.0)
    upright = problem.upright(state)
    lean = upright * np.radians(LEAN_DEG)
    steep = problem.ray @ state.up
    sight = unit(problem.ray - steep[:, None] * state.up) @ across(state.up)
    tilt = upright * TILT_SHARE * np.arcsin(np.clip(steep, -1, 1))
    moves = [state.covariance[:, :2] @ (tilt @ sight)[:, None]]
    for person in range(problem.count):
        mine = problem.who == person
        # What the looks at this person are off by chance is counted already.
        stays = np.sqrt(1 - 1 / max(float(problem.share[mine].sum()), 1.0))
        foot = off[mine] @ floor.lead[mine]
        foot -= state.eased[person] * float(off[mine] @ floor.own[mine])
        turns = np.eye(4)[:, :2] * float(lean[mine].sum())
        moves.append(stays * state.covariance @ np.column_stack([turns, foot]))
    move = np.concatenate(moves, axis=1)
    return np.asarray(move @ move.T)


def by_lens(
    state: GroundState, known: Known, longer: GroundState, shorter: GroundState
) -> FloatArray:
    """(4,4) what is added to the covariance of a state by the lens.

    Args:
        state: what was found.
        known: with which it was.
        longer: what is found with a lens that is longer by its error.
        shorter: with one that is shorter.
    """
    turns = across(state.up)
    move = np.array(
        [
            *(turns.T @ (longer.up - shorter.up)),
            longer.height - shorter.height,
            longer.unit_m - shorter.unit_m,
        ]
    )
    out = np.outer(move, move) / 4
    verticals = known.verticals
    if verticals is not None and verticals.is_used:
        # Edges are believed as if the lens made them unsure by themselves; it moves them together
        # with all else, which has just been counted.
        alone = state.covariance[:, :2] @ turns.T @ verticals.information @ verticals.by_lens
        out -= np.outer(alone, alone)
    return np.asarray(out)


def _through(known: Known, factor: float) -> Known:
    """What is known, as a lens so many times as long shows it.

    A plane through the stretched world has the normal squeezed by as much.
    """
    squeeze = np.eye(3) + (1 / factor - 1) * np.outer(known.ahead, known.ahead)
    plane, verticals = known.plane, known.verticals
    if plane is not None:
        normal = squeeze @ plane[0]
        plane = unit(normal), plane[1] / float(np.linalg.norm(normal))
    if verticals is not None:
        verticals = replace(verticals, information=squeeze @ verticals.information @ squeeze)
    return replace(known, plane=plane, verticals=verticals)
