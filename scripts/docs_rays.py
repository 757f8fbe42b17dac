"""Draws docs/rays.png: why a body off the axis turns when the lens becomes a real one.

usage: python scripts/docs_rays.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from docs_coordinates import BLUE, GREEN, INK, RED, text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rays.png"
GREY = (170, 170, 170)
EYE = np.array([800, 450])
PLACE = np.array([990, 190])


def person(image: np.ndarray, at: np.ndarray, turn: float, colour: tuple[int, ...]) -> None:
    """A person from above who faces down the page, turned by so many degrees clockwise."""
    angle = np.deg2rad(turn)
    ahead = np.array([-np.sin(angle), np.cos(angle)])
    centre = (int(at[0]), int(at[1]))
    cv2.ellipse(image, centre, (40, 16), turn, 0, 360, colour, 3, cv2.LINE_AA)
    cv2.circle(image, centre, 14, colour, 3, cv2.LINE_AA)
    tip = at + 62 * ahead
    cv2.arrowedLine(
        image, centre, (int(tip[0]), int(tip[1])), colour, 3, cv2.LINE_AA, tipLength=0.2
    )


def line(image: np.ndarray, a: np.ndarray, b: np.ndarray, colour: tuple[int, ...]) -> None:
    """A thin line."""
    ends = [(int(p[0]), int(p[1])) for p in (a, b)]
    cv2.line(image, ends[0], ends[1], colour, 1, cv2.LINE_AA)


def picture() -> np.ndarray:
    """The whole drawing, (500,1120,3) uint8 BGR."""
    image = np.full((500, 1120, 3), 255, np.uint8)
    text(image, "PHALP's lens: rays are nearly parallel", (40, 40), BLUE)
    text(image, "a real lens: rays spread", (640, 40), BLUE)
    text(image, "from above; the camera is below", (40, 66), INK, 0.42)
    for x in range(60, 421, 60):
        line(image, np.array([x, 90]), np.array([240 + (x - 240) * 0.96, 440]), GREY)
    text(image, "to the camera, some hundred metres below", (90, 470), INK, 0.42)
    person(image, np.array([360, 190]), 0.0, INK)
    text(image, "seen from in front", (303, 278), INK, 0.42)
    cv2.circle(image, tuple(EYE.tolist()), 7, BLUE, -1, cv2.LINE_AA)
    for x in (500, 600, 700, 800, 900, 1000, 1100):
        line(image, EYE, np.array([x, 90]), GREY)
    ray = PLACE - EYE
    turn = float(np.rad2deg(np.arctan2(ray[0], -ray[1])))
    line(image, EYE, PLACE, RED)
    person(image, PLACE, 0.0, GREY)
    person(image, PLACE, turn, RED)
    cv2.ellipse(image, tuple(EYE.tolist()), (120, 120), -90, 0, turn, GREEN, 2, cv2.LINE_AA)
    text(image, "the turn", (812, 318), GREEN, 0.45)
    text(image, "optical axis", (700, 110), INK, 0.42)
    text(image, "as it was: now seen from the side", (880, 80), INK, 0.42)
    text(image, "turned to the ray:", (812, 232), RED, 0.42)
    text(image, "seen from in front again", (812, 250), RED, 0.42)
    return image


if __name__ == "__main__":
    cv2.imwrite(str(PAGE), picture())
