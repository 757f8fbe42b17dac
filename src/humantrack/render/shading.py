"""Light on a surface, the colours it gives a body, and laying those over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from humantrack.render.palette import Colour

Array = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.integer[Any]]

# Towards the lights, camera axes (y down, z away): a key light over the viewer's left shoulder and
# a fill from the right.
_LIGHTS = ((0.66, (-0.5, -0.75, -0.7)), (0.2, (0.9, -0.1, -0.4)))
_AMBIENT = 0.3
BRIGHTEST = 1.2
"""Brightness that the table of colours ends with; 1 is the person's colour."""


class Shader:
    """Brightness of the faces of one surface.

    Args:
        faces: (F,3) vertex numbers.
    """

    def __init__(self, faces: IntArray) -> None:
        from scipy.sparse import csr_matrix  # slow to import

        corners = np.asarray(faces, np.intp)
        self._corners = [np.ascontiguousarray(corner) for corner in corners.T]
        rows = np.arange(corners.size) // 3
        self._sum_at_vertex = csr_matrix(
            (np.ones(corners.size, np.float32), (corners.ravel(), rows)),
            shape=(int(corners.max()) + 1, len(corners)),
        )

    def __call__(self, planes: Array) -> npt.NDArray[np.uint8]:
        """(F,) brightness of each face of a surface, planes (3,V), 0..255 up to ``BRIGHTEST``.

        From normals averaged at its corners.
        """
        a, b, c = (planes.take(corner, axis=1) for corner in self._corners)
        b -= a
        c -= a
        normal = np.empty((a.shape[1], 3), np.float32)
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            normal[:, i] = b[j] * c[k] - b[k] * c[j]
        smooth = (self._sum_at_vertex @ normal).T.copy()
        smooth /= np.sqrt(np.einsum("cv,cv->v", smooth, smooth) + 1e-20)
        light = np.full(smooth.shape[1], _AMBIENT, np.float32)
        for strength, towards in _LIGHTS:
            direction = np.array(towards, np.float32)
            direction *= strength / np.linalg.norm(direction)
            light += np.maximum(np.einsum("cv,c->v", smooth, direction), 0)
        light *= 255 / 3 / BRIGHTEST
        total = sum(light.take(corner) for corner in self._corners)
        return np.asarray(np.clip(total, 0, 255), np.uint8)


def colour_table(colour: Colour, opacity: float) -> npt.NDArray[np.uint32]:
    """(256,) premultiplied RGBA, four bytes in one number, for each brightness."""
    level = np.linspace(0, BRIGHTEST, 256)[:, None]
    base = np.array(colour, float)
    # Above 1 the colour turns to white, like a highlight.
    rgb = base * np.minimum(level, 1) + (255 - base) * np.maximum(level - 1, 0)
    rgba = np.concatenate([rgb, np.full((256, 1), 255.0)], axis=1) * opacity
    return np.ascontiguousarray(np.rint(rgba), np.uint8).view(np.uint32)[:, 0]


def picked(
    face: npt.NDArray[np.int32], colours: Sequence[npt.NDArray[np.uint32]]
) -> npt.NDArray[np.uint8]:
    """(H,W,4) colour of the face seen in each pixel, nothing where it is -1."""
    # Face -1 is the last entry.
    every = np.concatenate([*colours, np.zeros(1, np.uint32)])
    layer = every.take(face, mode="wrap")
    return layer.view(np.uint8).reshape(*face.shape, 4)


def blend(picture: ByteArray, layer: ByteArray) -> None:
    """Lay premultiplied RGBA over a picture of its size, in place, edges softened by a pixel."""
    soft = cv2.GaussianBlur(layer, (3, 3), 0.6)
    keep = cv2.cvtColor(255 - soft[..., 3], cv2.COLOR_GRAY2RGB)
    below = cv2.multiply(picture, keep, scale=1 / 255)
    picture[:] = cv2.add(below, cv2.cvtColor(soft, cv2.COLOR_RGBA2RGB))
