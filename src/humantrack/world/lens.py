"""The focal length: given, read from the file, told by the clip itself, or assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.motion.camera import usual_focal_px
from humantrack.world.evidence import FootRows, looks
from humantrack.world.ground import Known, misfit
from humantrack.world.options import WorldOptions
from humantrack.world.right_angles import Room, lens_of
from humantrack.world.types import CameraPath

ASSUMED_ERROR = 0.5
"""Spread of lenses around the usual one of 43 mm on 35 mm film, of the logarithm of the focal
length. It is the root mean square of what Hold-Geoffroy et al. ("A Perceptual Measure for Deep
Single Image Camera and Lens Calibration", TPAMI 2023) take pictures of people's cameras to have:
14 mm and 16 mm times a lognormal of 0.8, up to 100 mm, two thirds of them from 21 to 49 mm. The
24 to 28 mm of telephones lie 0.44 to 0.58 below it, a lens of 70 mm as far above."""

FILE_ERROR = 0.03
WORST_ERROR = 0.15
"""An estimate that is less sure than this is not taken."""

_LEAST = 0.03
"""However sure edges are: lenses bend them."""

_LIKELY_ERROR = 0.3
"""By which what people tell is held near the usual lens: tighter than lenses are spread, since
people who lean tell a wrong one."""

_TRIED = np.log(np.geomspace(0.4, 2.5, 15))
"""Logarithms of the focal lengths that people are tried with, over the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The focal length of a clip's first frame."""

    focal_px: float
    how: str
    """'given', 'camera file', 'file metadata', 'turning', 'people', 'right angles' or 'assumed'."""

    error: float
    """Relative standard deviation; 0 if it was given."""


def choose_lens(  # noqa: PLR0917
    options: WorldOptions,
    size: tuple[int, int],
    lens_px: float | None,
    solve: Callable[[float], CameraPath],
    people: Callable[[CameraPath], Sequence[tuple[FootRows, dict[int, float], Known]]],
    rooms: Callable[[CameraPath], Sequence[Room]],
) -> tuple[Lens, CameraPath]:
    """The focal length, and the camera's path with it.

    Args:
        options: what the user says.
        size: (H, W) of the frames.
        lens_px: what the video's file says.
        solve: gives the camera's path for a focal length.
        people: gives what people tell in the shots whose camera stands still.
        rooms: gives what edges show in those.
    """
    height, width = size
    given = options.given_focal_px(width, height)
    assumed = float(usual_focal_px(np.array([[height, width]]))[0])
    path = solve(given or lens_px or assumed)
    if "given" in path.kinds and path.evidence.get("says_focal", True):
        return Lens(focal_px=float(path.focal_px[0]), how="camera file", error=0.0), path
    if given is not None:
        return Lens(focal_px=given, how="given", error=0.0), path
    if lens_px is not None:
        return Lens(focal_px=lens_px, how="file metadata", error=FILE_ERROR), path
    found = (
        _by_turning(path)
        or _by_people(assumed, path, people(path))
        or _by_right_angles(assumed, rooms(path))
    )
    if found is None:
        return Lens(focal_px=assumed, how="assumed", error=ASSUMED_ERROR), path
    return found, solve(found.focal_px)


def _by_turning(path: CameraPath) -> Lens | None:
    """The mean of what turning cameras tell, by how sure they are."""
    told = [
        (float(shot["focal_px_by_turning"]), float(shot["focal_px_by_turning_off"]))
        for shot in path.evidence.get("shots", [])
        if "focal_px_by_turning" in shot
    ]
    told = [(focal, max(off, 0.02)) for focal, off in told if off < WORST_ERROR and focal > 0]
    if not told:
        return None
    weight = np.array([off**-2.0 for _, off in told])
    log = float((weight * np.log([focal for focal, _ in told])).sum() / weight.sum())
    return Lens(focal_px=float(np.exp(log)), how="turning", error=float(weight.sum() ** -0.5))


def _by_people(
    usual: float,
    path: CameraPath,
    shots: Sequence[tuple[FootRows, dict[int, float], Known]],
) -> Lens | None:
    """The lens with which people of one size stand upright on one floor, wherever they walk.

    A lens that is too long tilts the floor on which people come nearer against the people
    themselves. Usual lenses are likelier before anybody is looked at.
    """
    if not shots:
        return None
    cost = 0.5 * (_TRIED / _LIKELY_ERROR) ** 2
    for rows, spans, known in shots:
        cost = cost + np.array(
            [misfit(looks(rows, path, spans, lens=float(np.exp(log))), known) for log in _TRIED]
        )
    best = int(cost.argmin())
    if best in (0, len(cost) - 1):
        return None
    step = _TRIED[1] - _TRIED[0]
    bend = (cost[best - 1] - 2 * cost[best] + cost[best + 1]) / step**2
    slope = (cost[best + 1] - cost[best - 1]) / (2 * step)
    error = float(max(bend, 1e-9) ** -0.5)
    if error > WORST_ERROR:
        return None
    log = _TRIED[best] - np.clip(slope / bend, -step, step)
    return Lens(focal_px=usual * float(np.exp(log)), how="people", error=error)


def _by_right_angles(usual: float, rooms: Sequence[Room]) -> Lens | None:
    """The surest that vertical and level edges of a shot tell."""
    told = [found for room in rooms if (found := lens_of(room)) is not None]
    if not told:
        return None
    log, error = min(told, key=lambda one: one[1])
    if error > WORST_ERROR:
        return None
    return Lens(focal_px=usual * float(np.exp(log)), how="right angles", error=max(error, _LEAST))
