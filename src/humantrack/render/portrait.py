"""One person of a picture: the crop, the body over it, and from the side and above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from humantrack.geometry.cameras import PaddedSquare
from humantrack.render.mesh import ALPHA, Camera, MeshPainter, Paint
from humantrack.render.palette import Colour, identity_colour
from humantrack.render.turned import FROM_ABOVE, FROM_THE_SIDE, turned
from humantrack.types import Frame, Observation

ByteArray = npt.NDArray[np.uint8]

SIDE_PX = 512
"""Of each square picture."""

_ROOM = 1.1
_WHITE = 255


class Portraits:
    """Draws people of single pictures.

    Args:
        body: the ``BodyModel`` of their parameters.
        device: where meshes are drawn.
    """

    def __init__(self, body: Any, *, device: str = "cpu") -> None:
        self._painter = MeshPainter(body, device=device)

    def one(
        self, frame: Frame, seen: Observation, number: int, *, side: bool, top: bool
    ) -> ByteArray:
        """(512, 512 K, 3): the crop, the body over it, and if asked for from the side and above.

        Args:
            frame: the picture.
            seen: the person.
            number: from 0, for the colour.
            side: add the view from the side.
            top: add the view from above.
        """
        x, y, length = _square_round(seen)
        crop = _cut(frame.rgb, x, y, length)
        square, scale = PaddedSquare(frame.height, frame.width), SIDE_PX / length
        camera = Camera(square.focal_px * scale, tuple((square.centre_px - (x, y)) * scale))
        colour = identity_colour(number + 1)
        panels = [crop, self._drawn(crop.copy(), seen, colour, camera)]
        for is_wanted, rotation in ((side, FROM_THE_SIDE), (top, FROM_ABOVE)):
            if is_wanted:
                blank = np.full_like(crop, _WHITE)
                panels.append(self._drawn(blank, turned(seen, rotation), colour, camera, 1.0))
        return np.concatenate(panels, axis=1)

    def _drawn(
        self,
        picture: ByteArray,
        seen: Observation,
        colour: Colour,
        camera: Camera,
        opacity: float = ALPHA,
    ) -> ByteArray:
        self._painter.draw(picture, [seen], [Paint(colour, opacity)], camera)
        return picture

    def everybody(self, frame: Frame, people: Sequence[Observation]) -> ByteArray:
        """The whole picture with all bodies over it."""
        picture = np.array(frame.rgb, order="C")
        square = PaddedSquare(frame.height, frame.width)
        paints = [Paint(identity_colour(i + 1), ALPHA) for i in range(len(people))]
        camera = Camera(square.focal_px, tuple(square.centre_px))
        self._painter.draw(picture, people, paints, camera)
        return picture


def _square_round(seen: Observation) -> tuple[float, float, float]:
    """Left, top and side, in px, of the square round a person's box."""
    box = np.asarray(seen.padded_xyxy_px, float)
    side = max(float((box[2:] - box[:2]).max()) * _ROOM, 2.0)
    left, top = (box[:2] + box[2:]) / 2 - side / 2
    return float(left), float(top), side


def _cut(rgb: ByteArray, x: float, y: float, length: float) -> ByteArray:
    """A square part of a picture as 512 x 512; what lies outside is black."""
    scale = SIDE_PX / length
    # Pixel centres: the left edge of the square becomes that of the crop.
    shift = (np.array([-x, -y]) + 0.5) * scale - 0.5
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    taps = max(1, round(1 / scale))  # means over areas, or much of a large crop would be skipped
    source = cv2.blur(rgb, (taps, taps)) if taps > 1 else rgb
    return np.asarray(cv2.warpAffine(source, matrix, (SIDE_PX, SIDE_PX)), np.uint8)
