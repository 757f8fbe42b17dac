"""PHALP's long lens -> a real camera's."""

from __future__ import annotations

import numpy as np

from humantrack.types.arrays import FloatArray, IntArray


def camera_with_focal(
    cam_t: FloatArray, from_px: FloatArray, to_px: FloatArray | float | None
) -> FloatArray:
    """Translations (P,3) as a camera of another focal length sees the same people.

    A body keeps its place and size in the picture when its depth scales with the focal length.

    Args:
        cam_t: (P,3) metres.
        from_px: (P,) focal lengths they belong to, in pixels of the frames.
        to_px: the other camera's, one or (P,); None changes nothing.
    """
    if to_px is None:
        return cam_t
    scaled = cam_t.copy()
    scaled[:, 2] *= to_px / from_px
    return scaled


def usual_focal_px(size: FloatArray | IntArray) -> FloatArray:
    """(P,2) heights and widths -> (P,) the focal length to guess where nobody knows better.

    The picture's diagonal: a view of 53 degrees from corner to corner, about a 43 mm lens on
    35 mm film.
    """
    return np.hypot(size[:, 0], size[:, 1])
