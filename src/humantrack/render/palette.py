"""Colours that tell identities apart, also for most colour-blind eyes."""

from __future__ import annotations

import colorsys

Rgb = tuple[int, int, int]

# Okabe and Ito, "Color Universal Design" (2008), without black, in an order that keeps neighbours
# apart.
_FIRST: tuple[Rgb, ...] = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
)
_GOLDEN_ANGLE = 0.381966


def identity_colour(track_id: int) -> Rgb:
    """The colour of a track, the same in every run.

    The first seven are a published set; later ones step round the colour wheel by the golden
    angle, which never comes close to a recent colour.
    """
    if 1 <= track_id <= len(_FIRST):
        return _FIRST[track_id - 1]
    red, green, blue = colorsys.hsv_to_rgb((track_id * _GOLDEN_ANGLE) % 1.0, 0.65, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)
