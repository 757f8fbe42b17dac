"""Left and right of the 33 landmarks."""

from __future__ import annotations

from humantrack.types.arrays import FloatArray

MIRROR = (
    *(0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    *(18, 17, 20, 19, 22, 21, 24, 23, 26, 25, 28, 27, 30, 29, 32, 31),
)
"""The same landmark on the other side of the body: ``points[MIRROR]`` swaps left and right."""


def swapped(
    xy_px: FloatArray, world: FloatArray, visibility: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One person's points with left and right changed over."""
    mirror = list(MIRROR)
    return xy_px[mirror], world[mirror], visibility[mirror]
