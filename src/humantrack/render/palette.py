"""A colour for every identity, told apart by most colour-blind people."""

from __future__ import annotations

import numpy as np

from humantrack.errors import ConfigError

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


_GREY: Colour = (198, 198, 204)

PALETTES: dict[str, tuple[Colour, ...]] = {
    "phalp": PALETTE,
    # Okabe & Ito, Color Universal Design, 2008; without black, which shading would not show on.
    "okabe-ito": (
        *((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167)),
        *((240, 228, 66), (0, 114, 178), (213, 94, 0)),
    ),
    "pastel": tuple(((255 + r) // 2, (255 + g) // 2, (255 + b) // 2) for r, g, b in PALETTE),
    "grey": (_GREY,),
}
"""By the names of ``render.colors``."""


def identity_colour(track_id: int, palette: tuple[Colour, ...] = PALETTE) -> Colour:
    """The colour of an identity, the same in every frame; ids start at 1."""
    return palette[(track_id - 1) % len(palette)]


def find_palette(name: str) -> tuple[Colour, ...]:
    """The colours called ``name``.

    Raises:
        ConfigError: if there are none of that name.
    """
    found = PALETTES.get(name.strip().lower())
    if found is None:
        raise ConfigError(
            "unknown colours",
            where=f"render.colors={name}",
            hint=f"known are {', '.join(PALETTES)}",
        )
    return found


def text_on(colour: Colour) -> Colour:
    """Black or white, whichever reads better on a colour (luma of ITU-R BT.601)."""
    luma = float(np.dot(colour, (0.299, 0.587, 0.114)))
    return (0, 0, 0) if luma > 130 else (255, 255, 255)
