"""The focal length: given, read from the file, told by people who come nearer, or assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from humantrack.motion.camera import usual_focal_px
from humantrack.world.options import WorldOptions
from humantrack.world.survey import Survey
from humantrack.world.types import CameraPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The focal length of a clip's first frame."""

    focal_px: float
    how: str
    """'given', 'camera file', 'file metadata', 'people' or 'assumed'."""

    error: float
    """Relative standard deviation; 0 if it was given."""


ASSUMED_ERROR = 0.3


def choose_lens(
    options: WorldOptions,
    size: tuple[int, int],
    lens_px: float | None,
    solve: Callable[[float], CameraPath],
    survey: Survey,
    spans: dict[int, float],
) -> tuple[Lens, CameraPath]:
    """The focal length, and the camera's path with it.

    Args:
        options: what the user says.
        size: (H, W) of the frames.
        lens_px: what the video's file says.
        solve: gives the camera's path for a focal length.
        survey: what people tell.
        spans: lengths of the tracks' bodies.
    """
    height, width = size
    given = options.given_focal_px(width, height)
    assumed = float(usual_focal_px(np.array([[height, width]]))[0])
    path = solve(given or lens_px or assumed)
    if "given" in path.kinds:
        return Lens(focal_px=float(path.focal_px[0]), how="camera file", error=0.0), path
    if given is not None:
        return Lens(focal_px=given, how="given", error=0.0), path
    if lens_px is not None:
        return Lens(focal_px=lens_px, how="file metadata", error=0.03), path
    return Lens(focal_px=assumed, how="assumed", error=ASSUMED_ERROR), path
