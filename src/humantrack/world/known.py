"""What is known of a shot's gravity, floor and scale, before and after people were looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from humantrack.types.arrays import FloatArray
from humantrack.world.verticals import Verticals


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Gravity, floor and scale of a shot, in the axes of its camera path."""

    up: FloatArray
    """(3,) unit vector."""

    height: float
    """Of the floor along ``up``, metres, from the origin of the path; negative below it."""

    unit_m: float
    """Metres of the path's unit; 0 where it cannot be known."""

    sizes: dict[int, float] = field(default_factory=dict)
    """By track: times the estimated body."""

    up_error_deg: float
    floor_error_m: float
    unit_error: float
    """Relative; infinite where nothing is known."""

    has_floor: bool
    """Whether feet show where the floor is."""

    residual_m: float
    """Median distance of lowest points from the floor."""

    how: str
    """'feet', 'bodies' or 'camera': the best of what people and camera show of up."""

    verticals: Verticals | None = None
    """What vertical edges of the scene say of up, where they were looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known before anybody is looked at."""

    up: FloatArray
    """(3,) where up is expected."""

    ahead: FloatArray = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    """(3,) of unit length, where the camera looks; where it turns, on the mean."""

    is_up_exact: bool = False
    first_camera: FloatArray = field(default_factory=lambda: np.zeros(3))
    """(3,) the first camera's place, in the path's unit."""

    unit_m: float | None = 1.0
    """Metres of the path's unit; None: to be found."""

    camera_height_m: float | None = None
    sizes: dict[int, float] = field(default_factory=dict)
    """Sizes that were given, by track."""

    plane: tuple[FloatArray, float] | None = None
    """The floor as the background shows it: its normal, and its height in the path's unit."""

    verticals: Verticals | None = None
    """Up as vertical edges of the scene show it; None, or not used: they tell nothing."""
