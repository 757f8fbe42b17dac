"""A colour for every identity, told apart by most colour-blind people."""

from __future__ import annotations

import numpy as np

Colour = tuple[int, int, int]

PALETTE: tuple[Colour, ...] = (
    (86, 160, 222),  # sky
    (240, 140, 40),  # orange
    (60, 175, 125),  # green
    (216, 112, 172),  # pink
    (242, 208, 70),  # yellow
    (122, 106, 205),  # violet
    (226, 90, 70),  # vermilion
    (120, 205, 215),  # cyan
    (165, 130, 90),  # tan
    (190, 215, 120),  # lime
    (60, 105, 190),  # blue
    (200, 190, 215),  # lilac
)
"""RGB. Neighbours differ in hue and in lightness, as ids that meet are often consecutive; light
enough for shading to show."""

LEFT: Colour = (60, 130, 230)
RIGHT: Colour = (240, 130, 40)
MIDDLE: Colour = (235, 235, 235)
"""Limbs of a skeleton: the person's left, right, and the trunk."""


def identity_colour(track_id: int) -> Colour:
    """The colour of an identity, the same in every frame; ids start at 1."""
    return PALETTE[(track_id - 1) % len(PALETTE)]


def text_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on a colour (luma of ITU-R BT.601)."""
    luma = float(np.dot(colour, (0.299, 0.587, 0.114)))
    return (0, 0, 0) if luma > 130 else (255, 255, 255)
