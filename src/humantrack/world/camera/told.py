"""What is said of a solved camera: notes for the user, plain values for the ``.meta.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from humantrack.world.camera.judge import Verdict
from humantrack.world.camera.shots import ShotPath

_FEWEST_USABLE = 0.5
_ZOOM_SEEN = 0.02
"""Change of focal length, over the first, below which none is said."""

FOCAL_SURE = 0.05
"""A focal length whose logarithm is known so well takes the place of a guess."""

_FOCAL_OFF = 0.1
"""Logarithm by which a given focal length must be off for that to be said."""

_MANY_BRIDGED = 2
_NAMES = {"still": "still", "turning": "turning in place", "free": "free"}


class Told:
    """Gathers it, shot by shot.

    Args:
        many: whether notes must name the shot.
    """

    def __init__(self, many: bool) -> None:
        self._many = many
        self._found = 1.0
        self.notes: list[str] = []
        self.shots: list[dict[str, Any]] = []

    def better_focal(self, verdicts: Sequence[Verdict], focal_px: float) -> float:
        """The focal length that the surest turning shot gives away, else the given one."""
        turns = [
            v
            for v in verdicts
            if v.kinds == ("turning",) and v.focal_sd < FOCAL_SURE and not v.zooms
        ]
        if not turns:
            return focal_px
        surest = min(turns, key=lambda verdict: verdict.focal_sd)
        self._found = surest.focal_ratio
        self.notes.append(
            f"the focal length, {focal_px * surest.focal_ratio:.0f} px, was found from the "
            "camera's turn"
        )
        return focal_px * surest.focal_ratio

    def shot(
        self, path: ShotPath, verdict: Verdict, asked: str, wanted: tuple[str, ...], focal_px: float
    ) -> None:
        """The next shot: what was asked for, what was tried, what came of it."""
        errors = np.array(path.error_px, np.float64)
        errors = errors[np.isfinite(errors)]
        focal = np.exp(np.array(path.log_focal))
        zoom = float(focal.max() / focal.min())
        told = {
            "kind": path.kind,
            "frames": verdict.frames,
            "picture_moved_px": round(verdict.moved_px, 3),
            "followed": round(verdict.usable, 4),
            "explained_by_turning": round(verdict.turn_share, 4),
            "explained_by_zooming": round(verdict.zoom_share, 4),
            "explained_by_travelling": round(verdict.travel_share, 4),
            "residual_px": round(float(np.median(errors)), 4) if len(errors) else None,
            "inliers": round(path.agreeing / path.seen, 4) if path.seen else 0.0,
            "keyframes": path.keyframes,
            "points": path.points,
            "places_seen_again": path.links,
            "bridged_frames": path.bridged,
            "zoom": round(zoom, 4),
        }
        if path.kind == "turning" and np.isfinite(verdict.focal_sd):
            told["focal_px_by_turning"] = round(focal_px * verdict.focal_ratio / self._found, 1)
            told["focal_px_by_turning_off"] = round(verdict.focal_sd, 4)
        self.shots.append(told)
        self._say_kind(path, verdict, asked, wanted)
        self._say_focal(path, focal, verdict, focal_px)
        if path.bridged >= _MANY_BRIDGED:
            self._say(
                f"the camera of {path.bridged} of {verdict.frames} frames could not be seen and is "
                "bridged from the frames around them"
            )

    def _say_kind(
        self, path: ShotPath, verdict: Verdict, asked: str, wanted: tuple[str, ...]
    ) -> None:
        if verdict.usable < _FEWEST_USABLE and asked != "still":
            self._say(
                f"the background could be followed in {round(100 * verdict.usable)} % of the "
                "frames only (no texture, black, or covered by people)"
            )
        elif verdict.is_torn and not verdict.is_still and asked == "auto":
            self._say("no motion of the camera explains the background: taken as still")
        if path.kind != asked and (asked != "auto" or path.kind not in wanted):
            self._say(
                f"a camera that is {_NAMES[wanted[0]]} could not be solved: taken as "
                f"{_NAMES[path.kind]}"
            )
        if path.failed_at is not None:
            self._say(
                f"from frame {path.failed_at} of the shot on, the camera's {_lost(path.kind)} "
                "could not be followed and stays as it was"
            )

    def _say_focal(self, path: ShotPath, focal: Any, verdict: Verdict, focal_px: float) -> None:
        if path.kind == "turning" and focal.max() / focal.min() > 1 + _ZOOM_SEEN:
            self._say(
                f"the camera zooms: its focal length goes from {focal[0]:.0f} to {focal[-1]:.0f} "
                f"px (least {focal.min():.0f}, most {focal.max():.0f})"
            )
        better = verdict.focal_ratio / self._found
        differs = abs(np.log(better)) > max(_FOCAL_OFF, 2 * verdict.focal_sd)
        if path.kind == "turning" and differs:
            self._say(
                f"the camera's turn fits a focal length near {focal_px * better:.0f} px better "
                f"than the {focal_px:.0f} px it was solved with"
            )

    def _say(self, what: str) -> None:
        where = f"shot {len(self.shots)}: " if self._many else ""
        self.notes.append(where + what)


def _lost(kind: str) -> str:
    return "travel" if kind == "free" else "turn"
