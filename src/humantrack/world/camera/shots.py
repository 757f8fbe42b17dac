"""Solves one shot, a window of frames at a time, so that memory does not grow with its length."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from humantrack.geometry.rotations import Array
from humantrack.world.camera.adjust import Cameras
from humantrack.world.camera.evidence import FrameTracks
from humantrack.world.camera.fitted import Fitted
from humantrack.world.camera.free import solve_free
from humantrack.world.camera.known import KnownPlaces
from humantrack.world.camera.turning import solve_turning
from humantrack.world.camera.window import SamePlaces, Window

WINDOW = 900
"""Frames that are solved together."""

OVERLAP = 60
"""... of which so many are those of the window before, and stay as they were."""

_TURN_SHARE, _TURN_ERROR = 0.96, 1.15
"""Share that agrees and median error, over those of travelling, at which a turn explains as much:
travelling has three unknowns more for each frame."""

_WORST_SHARE = 0.3
"""A turn that explains less is none."""


@dataclass
class ShotPath:
    """The cameras of a shot's frames, and what was found out on the way."""

    kind: str
    rotation: list[Array] = field(default_factory=list)
    """(T,3,3) of each window."""

    position: list[Array] = field(default_factory=list)
    log_focal: array[float] = field(default_factory=lambda: array("d"))
    """Of each frame, as what follows."""

    confidence: array[float] = field(default_factory=lambda: array("d"))
    error_px: array[float] = field(default_factory=lambda: array("d"))
    """Median distance for each frame, pixels of the reduced picture."""

    agreeing: int = 0
    seen: int = 0
    keyframes: int = 0
    points: int = 0
    links: int = 0
    bridged: int = 0
    """Frames that were interpolated."""

    failed_at: int | None = None
    """Frame of the shot from which this kind could not be followed any more."""

    def add(self, fit: Fitted, skip: int, scale: float) -> None:
        """Take over a window's frames but the first ``skip``."""
        cameras = fit.cameras
        self.rotation.append(cameras.rotation[skip:].copy())
        self.position.append(cameras.position[skip:].copy())
        self.log_focal.extend((cameras.log_focal[skip:] + np.log(scale)).tolist())
        self.confidence.extend(fit.confidence[skip:].tolist())
        self.error_px.extend(fit.error_px[skip:].tolist())
        self.agreeing += int(fit.agreeing[skip:].sum())
        self.seen += int(fit.seen[skip:].sum())
        self.keyframes += fit.keyframes
        self.points += fit.points
        self.bridged += int((~fit.is_solved[skip:]).sum())


def solve_shot(
    frames: Iterable[FrameTracks], kinds: tuple[str, ...], focal_px: float, *, zooms: bool
) -> ShotPath:
    """The path of a shot's camera; with a simpler kind if its first window cannot be solved.

    Args:
        frames: of the shot, in order.
        kinds: "still", "turning" or "free"; or ("free", "turning"), and the better one is taken.
        focal_px: pixels of the frame.
        zooms: let a turning camera's focal length change.
    """
    path, known, same = ShotPath(kinds[0]), KnownPlaces(), SamePlaces()
    last: Cameras | None = None
    now = kinds[0]
    for part in windows(frames):
        for frame in part:
            same.add(frame.links)
        path.links += sum(len(frame.links) for frame in part)
        window, scale = Window.of(part, same), part[0].scale
        fixed = 0 if last is None else len(last.rotation)
        begin = _begin(last, len(part), float(np.log(focal_px / scale)))
        fit = None
        if now == "free":
            fit = solve_free(window, known, begin, fixed=fixed)
            unsure = fit is not None and last is None and len(kinds) > 1
            if fit is None or (unsure and _is_turn(window, begin, fit, zooms=zooms)):
                fit, now, known = None, "turning", KnownPlaces()
            elif last is None:
                fit = _from_first(fit, known)
        if now == "turning":
            fit = solve_turning(window, known, begin, fixed=max(fixed, 1), zooms=zooms)
            if fit.agreeing.sum() < _WORST_SHARE * max(fit.seen.sum(), 1):
                now, fit = "still", None
        if fit is None:
            fit = unmoved(window, begin)
        if last is None:
            path.kind = now
        elif now != path.kind and path.failed_at is None:
            path.failed_at = len(path.log_focal)
        path.add(fit, fixed, scale)
        last = fit.cameras.at(slice(-OVERLAP, None))
    return path


def _is_turn(window: Window, begin: Cameras, free: Fitted, *, zooms: bool) -> bool:
    """True if a turn (with a zoom) explains a window nearly as well as travelling does."""
    turn = solve_turning(window, KnownPlaces(), begin, fixed=1, zooms=zooms)
    if turn.agreeing.sum() / max(turn.seen.sum(), 1) < _TURN_SHARE * free.agreeing.sum() / max(
        free.seen.sum(), 1
    ):
        return False
    return bool(np.nanmedian(turn.error_px) < _TURN_ERROR * np.nanmedian(free.error_px))


def unmoved(window: Window, begin: Cameras) -> Fitted:
    """The camera stays as it was; sure where many points are followed."""
    counts = np.diff(window.first)
    nothing = np.full(len(window), np.nan)
    cameras = begin.at(np.zeros(len(window), int))
    return Fitted(cameras, counts, counts, nothing, 0, len(window.ids), np.ones(len(window), bool))


def windows(frames: Iterable[FrameTracks]) -> Iterator[list[FrameTracks]]:
    """At most ``WINDOW`` frames at a time; each but the first begins with ``OVERLAP`` old ones."""
    part: list[FrameTracks] = []
    fresh = 0
    for frame in frames:
        if len(part) == WINDOW:
            yield part
            part, fresh = part[-OVERLAP:], 0
        part.append(frame)
        fresh += 1
    if fresh:
        yield part


def _begin(last: Cameras | None, count: int, log_focal: float) -> Cameras:
    """Where a window begins: like the end of the one before."""
    if last is None:
        eye = np.tile(np.eye(3), (count, 1, 1))
        return Cameras(eye, np.zeros((count, 3)), np.full(count, log_focal))
    rows = np.minimum(np.arange(count), len(last.rotation) - 1)
    return last.at(rows)


def _from_first(fit: Fitted, known: KnownPlaces) -> Fitted:
    """The same in the first frame's axes, half of the places nearer than 1."""
    cameras = fit.cameras
    turn, origin = cameras.rotation[0].copy(), cameras.position[0].copy()
    away = np.linalg.norm(known.points - origin, axis=1)
    unit = max(float(np.median(away)), 1e-9)
    known.points = (known.points - origin) @ turn.T / unit
    rotation = cameras.rotation @ turn.T
    rotation[0] = np.eye(3)
    position = (cameras.position - origin) @ turn.T / unit
    moved = Cameras(rotation, position, cameras.log_focal)
    return Fitted(
        *(moved, fit.agreeing, fit.seen, fit.error_px),
        *(fit.keyframes, fit.points, fit.is_solved),
    )
