"""Scene files: a room, a camera and people who walk along paths.

World: x right, y up, z towards the camera, metres, floor at y = 0. The camera stands at
(0, height, 0), looks along -z and is tilted down by its pitch; its own axes are x right, y down,
z away. Depth means distance from the camera along -z.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SHAPES = Path(__file__).parents[1] / "scenes" / "shapes.npz"
"""Six principal components of the adults from whom the body was made: those in the clips."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Room:
    """A floor of boards and a back wall with windows; colours RGB 0..255."""

    seed: int
    """Of the noise that keeps the picture from being flat."""

    depth_m: float
    wall: Colour
    floor: Colour
    window_shift_m: float = 0.4


@dataclass(frozen=True)
class Person:
    """Shape, clothes and way of a walker; colours RGB 0..1."""

    shape: list[float]
    """Six numbers along the directions of ``SHAPES``."""

    betas: list[float]
    """The nearest of the shipped body's own ten shape numbers, for the ground truth."""

    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    path: list[tuple[float, float, float]]
    """Second, x, depth; nobody is there before the first or after the last."""

    phase: float = 0.0
    """Of the gait, radians."""

    stripes: Colour | None = None
    panel: Colour | None = None
    """What an open jacket shows."""

    long_sleeves: bool = False
    long_hair: bool = False
    baggy: bool = False


@dataclass(frozen=True)
class Camera:
    """A pinhole with the principal point in the middle."""

    width: int
    height: int
    focal_px: float
    height_m: float
    rotation: np.ndarray
    """(3,3) world -> camera."""

    @property
    def centre_px(self) -> list[float]:
        """x, y."""
        return [self.width / 2, self.height / 2]

    @property
    def matrix(self) -> np.ndarray:
        """(3,3) float32 intrinsics."""
        cx, cy = self.centre_px
        return np.array([[self.focal_px, 0, cx], [0, self.focal_px, cy], [0, 0, 1]], np.float32)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Camera points (N,3) -> pixel x, pixel y, depth (N,3)."""
        xy = self.focal_px * points[:, :2] / points[:, 2:] + self.centre_px
        return np.concatenate([xy, points[:, 2:]], 1)


@dataclass(frozen=True)
class Scene:
    """A scene file; its keys are these fields."""

    size_px: tuple[int, int]
    fps: int
    seconds: float
    focal_px: float
    crf: int
    """Quality of the video, H.264's constant rate factor."""

    camera_height_m: float
    camera_pitch_deg: float
    room: Room
    people: list[Person] = field(default_factory=list)

    @property
    def frame_count(self) -> int:
        """Frames of the clip."""
        return round(self.seconds * self.fps)

    @property
    def camera(self) -> Camera:
        """The camera, at its place."""
        down = about_x(np.deg2rad(self.camera_pitch_deg))
        return Camera(*self.size_px, self.focal_px, self.camera_height_m, down @ about_x(np.pi))


def read_scene(path: Path) -> Scene:
    """Parse a scene file."""
    keys = json.loads(path.read_text(encoding="utf-8"))
    room, people = Room(**keys.pop("room")), [Person(**p) for p in keys.pop("people")]
    return Scene(**keys, room=room, people=people)


def about_x(angle: float) -> np.ndarray:
    """Turn by so many radians about x; y goes towards z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def about_y(angle: float) -> np.ndarray:
    """Turn by so many radians about y; z goes towards x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def about_z(angle: float) -> np.ndarray:
    """Turn by so many radians about z; x goes towards y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
