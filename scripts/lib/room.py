"""The room behind the walkers, drawn by casting a ray through every pixel, and their shadows."""

from __future__ import annotations

import cv2
import numpy as np
from lib.scene import Camera, Room

WINDOW_EVERY_M = 2.6
WINDOW_FRAME = (120, 112, 104)
SKIRTING_M = 0.14
BOARD_M = 0.28
SHADOW = 0.42
"""Share of the light that a person takes from the floor below him."""


def draw_room(camera: Camera, room: Room) -> np.ndarray:
    """(H,W,3) uint8."""
    x = np.arange(camera.width) + 0.5 - camera.width / 2
    y = np.arange(camera.height) + 0.5 - camera.height / 2
    u, v = np.meshgrid(x, y)
    # Rows times R are columns times its transpose: camera -> world.
    ray = np.stack([u, v, np.full_like(u, camera.focal_px)], -1) @ camera.rotation
    to_wall = -room.depth_m / ray[..., 2]
    with np.errstate(divide="ignore"):
        to_floor = -camera.height_m / ray[..., 1]
    on_floor = (ray[..., 1] < 0) & (to_floor < to_wall)
    wall = ray * to_wall[..., None] + [0, camera.height_m, 0]
    floor = ray * np.where(on_floor, to_floor, 0)[..., None]
    image = _wall(wall[..., 0], wall[..., 1], room)
    image[on_floor] = _boards(floor[..., 0], floor[..., 2], room)[on_floor]
    image += _noise(camera, room)
    return np.clip(image, 0, 255).astype(np.uint8)


def _wall(x: np.ndarray, y: np.ndarray, room: Room) -> np.ndarray:
    """(H,W,3) float32 colours of the wall at x and height y."""
    image = np.zeros((*x.shape, 3), np.float32)
    image[:] = np.array(room.wall) * (0.88 + 0.04 * y[..., None].clip(0, 4))
    along = np.mod(x + room.window_shift_m, WINDOW_EVERY_M)
    pane = (along > 0.4) & (along < 1.7) & (y > 1.2) & (y < 2.7)
    frame = (along > 0.32) & (along < 1.78) & (y > 1.12) & (y < 2.78) & ~pane
    bars = (np.abs(along - 1.05) < 0.03) | (np.abs(y - 1.95) < 0.03)
    image[pane] = np.array([205, 222, 235]) - 22 * (y[pane][:, None] - 1.2)
    image[frame | (pane & bars)] = WINDOW_FRAME
    image[y < SKIRTING_M] = np.array(room.wall) * 0.62
    return image


def _boards(x: np.ndarray, z: np.ndarray, room: Room) -> np.ndarray:
    """(H,W,3) colours of the floor at x and z; boards two metres long, each with its own tone."""
    board = np.floor(x / BOARD_M)
    plank = np.floor((z + np.mod(board * 0.37, 1) * 2) / 2)
    tone = np.sin(board * 12.9898 + plank * 4.1) * 0.06
    light = 0.80 + 0.2 * np.clip(1 + z / (1.2 * room.depth_m), 0, 1)
    ground = np.array(room.floor) * (light * (1 + tone))[..., None]
    ground[np.mod(x, BOARD_M) < 0.012] *= 0.85
    return ground


def _noise(camera: Camera, room: Room) -> np.ndarray:
    """(H,W,1): soft blotches and fine grain, in grey levels."""
    rng = np.random.default_rng(room.seed)
    coarse = rng.normal(size=(camera.height // 10 + 2, camera.width // 10 + 2)).astype(np.float32)
    size = (camera.width, camera.height)
    blotches = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return blotches[..., None] * 2.5 + rng.normal(size=(camera.height, camera.width, 1)) * 1.5


def add_shadow(image: np.ndarray, pelvis: np.ndarray, camera: Camera) -> np.ndarray:
    """A soft dark disc on the floor below the pelvis (3,), given in the camera's axes."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    x, _, z = camera.rotation.T @ pelvis
    ring = np.stack(
        [x + 0.34 * np.cos(angle), np.full(24, -camera.height_m), z + 0.3 * np.sin(angle)], 1
    )
    outline = camera.project(ring @ camera.rotation.T)[:, :2]
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.fillConvexPoly(mask, outline.astype(np.int32), SHADOW)
    mask = cv2.GaussianBlur(mask, (0, 0), 5)
    return (image * (1 - mask[..., None])).astype(np.uint8)
