"""Gravity, floor and scale of a shot, from feet that stand and bodies that are upright.

Unknown are the direction of up (two small turns), the floor's height, the unit of the camera's
path (free cameras), and how large each person is against the estimated body. They are found
together by robust least squares (Gauss-Newton, reweighted):

* the lowest point of each person lies on the floor, more or less;
* a lowest point that stays the lowest does not move;
* people stand upright, give or take, and cameras are held level, roughly;
* people are as large as estimated, within the spread of adults.

People's sizes appear in their own rows alone, so they are eliminated first.
"""

from __future__ import annotations

import numpy as np

from humantrack.geometry.rotations import unit
from humantrack.types.arrays import FloatArray
from humantrack.world.evidence import Looks
from humantrack.world.ground_fit import LEVEL_DEG, ROUNDS, GroundProblem
from humantrack.world.known import Ground, Known

__all__ = ["Ground", "Known", "find_ground", "misfit"]


def find_ground(rows: Looks | None, known: Known) -> Ground:
    """The ground that explains a shot's people best."""
    up = unit(known.up)
    if rows is None or len(rows) == 0:
        return _without_people(up, known)
    problem = GroundProblem(rows, known)
    state = problem.start()
    for _ in range(ROUNDS):
        state = problem.step(state)
    return problem.ground(state)


def misfit(rows: Looks, known: Known) -> float:
    """How badly a shot's people fit onto any floor: minus a log likelihood."""
    problem = GroundProblem(rows, known)
    state = problem.start()
    for _ in range(ROUNDS):
        state = problem.step(state)
    return problem.misfit(state)


def _without_people(up: FloatArray, known: Known) -> Ground:
    height = known.camera_height_m or 0.0
    unit_m = 1.0 if known.unit_m is None else known.unit_m
    return Ground(
        up=up,
        height=float(up @ known.first_camera) * unit_m - height,
        unit_m=unit_m,
        up_error_deg=0.5 if known.is_up_exact else LEVEL_DEG,
        floor_error_m=0.0 if known.camera_height_m else np.inf,
        unit_error=0.0 if known.unit_m is not None else np.inf,
        has_floor=known.camera_height_m is not None,
        residual_m=np.nan,
        how="camera",
    )
