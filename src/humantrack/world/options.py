"""Choices of the world pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from humantrack.errors import ConfigError

CAMERAS = ("auto", "still", "turning", "free", "colmap")
"""What ``world.camera`` may be besides the path of a file."""

SHORTEST_M, TALLEST_M = 0.3, 3.0


@dataclass(frozen=True, kw_only=True)
class WorldOptions:
    """What the world pass is told.

    Raises:
        ConfigError: for an invalid value.
    """

    enable: bool = True
    """Write the world at the end of a run."""

    camera: str = "auto"
    """One of ``CAMERAS``, or a file with the camera of every frame."""

    focal_px: float | None = None
    """Focal length in pixels of the frame."""

    fov_deg: float | None = None
    """Angle of view across the wider side of the frame."""

    person_height_m: float | None = None
    """Height of everybody whose track id is not in ``heights_m``."""

    heights_m: Mapping[int, float] = field(default_factory=dict)
    """Heights by track id."""

    camera_height_m: float | None = None
    """Of the first camera above the floor."""

    def __post_init__(self) -> None:
        for name, value, most in (
            ("focal_px", self.focal_px, 1e6),
            ("fov_deg", self.fov_deg, 179.0),
            ("camera_height_m", self.camera_height_m, 1e4),
        ):
            if value is not None and not 0 < value < most:
                raise ConfigError(f"must lie between 0 and {most:g}", where=f"world.{name}={value}")
        if self.focal_px is not None and self.fov_deg is not None:
            raise ConfigError(
                "focal_px and fov_deg say the same thing twice",
                where=f"world.fov_deg={self.fov_deg}",
                hint="give one of them",
            )
        heights = [self.person_height_m, *self.heights_m.values()]
        for height in heights:
            if height is not None and not SHORTEST_M <= height <= TALLEST_M:
                raise ConfigError(
                    f"people are {SHORTEST_M:g} to {TALLEST_M:g} m tall",
                    where=f"world.person_height_m={height:g}",
                    hint="heights are in metres",
                )

    def height_m(self, track_id: int) -> float | None:
        """How tall a person is said to be; None if nothing is said."""
        return self.heights_m.get(track_id, self.person_height_m)

    def given_focal_px(self, width: int, height: int) -> float | None:
        """The focal length that was given; None if none was."""
        if self.focal_px is not None or self.fov_deg is None:
            return self.focal_px
        return max(width, height) / 2 / math.tan(math.radians(self.fov_deg) / 2)


def parse_heights(text: str | float | None) -> tuple[float | None, dict[int, float]]:
    """``world.person_height_m``: "1.8" for all, "1:1.8,2:1.2" by track id, or "1.7,2:1.2".

    Raises:
        ConfigError: if it is neither.
    """
    if text is None:
        return None, {}
    common: float | None = None
    heights: dict[int, float] = {}
    try:
        for part in str(text).split(","):
            key, colon, value = part.partition(":")
            if colon:
                _once(heights, int(key), float(value))
            elif common is None:
                common = float(key)
            else:
                raise ValueError("two heights for all")
    except ValueError as error:
        raise ConfigError(
            "not a height in metres, nor heights by track id",
            where=f"world.person_height_m={text}",
            hint='give 1.8, or "1:1.8,2:1.2"',
        ) from error
    return common, heights


def _once(heights: dict[int, float], track_id: int, height_m: float) -> None:
    if track_id in heights:
        raise ValueError("two heights for one track")
    if track_id < 0:
        raise ValueError("a track's id is 0 or more")
    heights[track_id] = height_m
