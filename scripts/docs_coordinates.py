"""Draws docs/coordinates.png: an image, its padded square, a crop and the camera.

usage: python scripts/docs_coordinates.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coordinates.png"
INK, BLUE, RED, GREEN, GREY = (40, 40, 40), (200, 110, 20), (50, 50, 210), (60, 150, 40), 235


def text(image: np.ndarray, words: str, at: tuple[int, int], colour=INK, size=0.5) -> None:
    """Write ``words`` with their baseline's left end at ``at``."""
    cv2.putText(image, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def figure(image: np.ndarray, foot: tuple[int, int], height: int) -> None:
    """A person of lines, standing at ``foot``."""
    x, y = foot
    h = height / 8

    def point(dx: float, up: float) -> tuple[int, int]:
        return int(x + dx * h), int(y - up * h)

    bones = [((0, 6.6), (0, 4)), ((0, 4), (-1, 0)), ((0, 4), (1.1, 0))]
    bones += [((0, 6.2), (-1.4, 4.2)), ((0, 6.2), (1.6, 4.6))]
    for a, b in bones:
        cv2.line(image, point(*a), point(*b), INK, 3, cv2.LINE_AA)
    cv2.circle(image, point(0, 7.3), int(0.7 * h), INK, 3, cv2.LINE_AA)


def picture() -> np.ndarray:
    """The whole drawing, (560,1120,3) uint8 BGR."""
    image = np.full((560, 1120, 3), 255, np.uint8)
    cv2.rectangle(image, (40, 40), (520, 520), (GREY,) * 3, -1)
    cv2.rectangle(image, (40, 40), (520, 520), BLUE, 2)
    cv2.rectangle(image, (40, 145), (520, 415), (255, 255, 255), -1)
    cv2.rectangle(image, (40, 145), (520, 415), INK, 2)
    figure(image, (360, 390), 200)
    cv2.rectangle(image, (314, 186), (404, 394), GREEN, 2)
    cv2.rectangle(image, (281, 186), (437, 394), GREEN, 1)
    cv2.rectangle(image, (255, 186), (463, 394), RED, 2)
    text(image, "padded square: side max(H,W), 0..1", (52, 64), BLUE)
    text(image, "(0,0)", (44, 84), BLUE, 0.42)
    text(image, "(1,1)", (476, 512), BLUE, 0.42)
    text(image, "frame: W x H pixels", (52, 170))
    text(image, "(0,0)", (46, 188), INK, 0.42)
    text(image, "box", (374, 182), GREEN)
    text(image, "grown to 3:4", (284, 412), GREEN, 0.42)
    text(image, "crop -1..1", (178, 290), RED)
    cv2.drawMarker(image, (359, 290), RED, cv2.MARKER_CROSS, 14, 2)
    text(image, "top = (side-H)//2", (52, 120), BLUE, 0.42)
    _side_view(image)
    return image


def _side_view(image: np.ndarray) -> None:
    """The camera from the side: z to the right, y down."""
    eye = (620, 280)
    cv2.circle(image, eye, 6, BLUE, -1, cv2.LINE_AA)
    for y in (150, 410):
        cv2.line(image, eye, (1080, y), (170, 170, 170), 1, cv2.LINE_AA)
    cv2.line(image, (720, 252), (720, 308), BLUE, 2)
    text(image, "256 px", (696, 244), BLUE, 0.42)
    cv2.arrowedLine(image, eye, (1000, 280), RED, 2, cv2.LINE_AA, tipLength=0.03)
    text(image, "camera = translation (x, y, z) in metres", (680, 470), RED)
    text(image, "z", (1040, 300), RED)
    text(image, "focal length 5000 px", (626, 330), BLUE, 0.42)
    cv2.arrowedLine(image, eye, (620, 350), RED, 2, cv2.LINE_AA, tipLength=0.12)
    text(image, "y", (602, 352), RED)
    text(image, "x points out of the page", (680, 494), INK, 0.42)
    figure(image, (1010, 375), 190)
    text(image, "3d_joints: relative to here", (850, 160), INK, 0.45)
    cv2.arrowedLine(image, (960, 170), (1004, 272), INK, 1, cv2.LINE_AA, tipLength=0.08)


if __name__ == "__main__":
    cv2.imwrite(str(PAGE), picture())
