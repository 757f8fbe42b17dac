"""Makes docs/shape.webp: the mean adult, and what each of the ten shape numbers does at +-3.

usage: python scripts/docs_shape.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from lib.painter import paint

from humantrack.body import load_mannequin
from humantrack.body.joints import SMPL_JOINTS
from humantrack.body.shape import BETAS
from humantrack.geometry.rotations import axis_angle_to_matrix
from humantrack.types import BodyBatch

PAGE = Path(__file__).resolve().parents[1] / "docs" / "shape.webp"
VALUES = (-3, 0, 3)
WIDE, HIGH, LEFT, TOP = 116, 236, 40, 28
"""Pixels of a body's field, and of the margins for the words."""
PX_PER_M = 105
SKIN = (0.62, 0.66, 0.72)
ARMS_DOWN, TURNED = 0.95, 0.45
"""Radians."""


def surface(number: int, value: float) -> np.ndarray:
    """A standing body (V,3), x right, y down, z away, a little turned, feet at y = 0."""
    turns = np.zeros((1, 24, 3))
    turns[0, SMPL_JOINTS.index("left_shoulder"), 2] = -ARMS_DOWN
    turns[0, SMPL_JOINTS.index("right_shoulder"), 2] = ARMS_DOWN
    local = axis_angle_to_matrix(turns).astype(np.float32)
    half_round = axis_angle_to_matrix(np.array([np.pi, 0, 0]))
    local[0, 0] = half_round @ axis_angle_to_matrix(np.array([0, TURNED, 0]))
    betas = np.zeros((1, len(BETAS)), np.float32)
    betas[0, number] = value
    bodies = BodyBatch(
        global_orient=local[:, :1],
        body_pose=local[:, 1:],
        betas=betas,
        cam_crop=np.zeros((1, 3), np.float32),
        cam_t=np.zeros((1, 3), np.float32),
        joints_3d=np.zeros((1, 45, 3), np.float32),
        joints_2d=np.zeros((1, 45, 2), np.float32),
    )
    vertices = load_mannequin().vertices(bodies)[0].astype(np.float64)
    return vertices - [0, vertices[:, 1].max(), 0]


def text(image: np.ndarray, words: str, at: tuple[int, int]) -> None:
    """Write ``words`` with their baseline's left end at ``at``."""
    cv2.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)


def main() -> None:
    """Draw the numbers side by side, their values below each other."""
    size = (TOP + HIGH * len(VALUES), LEFT + WIDE * len(BETAS), 3)
    image = np.full(size, 255, np.uint8)
    faces = load_mannequin().faces.astype(np.int64)
    for column, name in enumerate(BETAS):
        text(image, f"{column} {name}", (LEFT + WIDE * column + 12, 18))
        for row, value in enumerate(VALUES):
            vertices = surface(column, value)
            foot = [LEFT + WIDE * (column + 0.5), TOP + HIGH * (row + 1) - 10, 0]
            projected = vertices * [PX_PER_M, PX_PER_M, 1] + foot
            colour = np.tile(SKIN, (len(vertices), 1))
            image, _ = paint(image, projected, vertices, faces, colour)
    for row, value in enumerate(VALUES):
        text(image, f"{value:+d}" if value else "0", (8, TOP + HIGH * row + HIGH // 2))
    cv2.imwrite(str(PAGE), image, [cv2.IMWRITE_WEBP_QUALITY, 80])


if __name__ == "__main__":
    main()
