"""The padded square that PHALP's cameras and 2-D joints refer to.

An image (H,W) is padded to a square of side max(H,W), centred with whole pixels, and that square
is thought of as 256 px wide. Cameras have a focal length of 5000 px on those 256.
Source: ``get_3d_parameters`` in PHALP's phalp/models/hmar/hmar.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

SQUARE_PX = 256
FOCAL_PX = 5000.0


@dataclass(frozen=True, slots=True)
class PaddedSquare:
    """Conversions between an image's pixels and its padded square.

    Args:
        height: rows of the image.
        width: columns of the image.
    """

    height: int
    width: int

    @property
    def side(self) -> int:
        """Side of the square in image pixels."""
        return max(self.height, self.width)

    @property
    def offset(self) -> Array:
        """(2,) columns left of the image and rows above it."""
        return np.array([(self.side - self.width) // 2, (self.side - self.height) // 2], float)

    @property
    def focal_px(self) -> float:
        """Focal length in image pixels."""
        return FOCAL_PX * self.side / SQUARE_PX

    @property
    def centre_px(self) -> Array:
        """(2,) principal point in image pixels."""
        return self.side / 2 - self.offset

    def from_image(self, xy_px: Array) -> Array:
        """Image pixels (...,2) -> the square, 0..1."""
        return (xy_px + self.offset) / self.side

    def to_image(self, xy: Array) -> Array:
        """The square, 0..1 (...,2) -> image pixels."""
        return xy * self.side - self.offset

    def project(self, points: Array) -> Array:
        """Camera points (...,3) in metres -> image pixels (...,2)."""
        return points[..., :2] / points[..., 2:] * self.focal_px + self.centre_px


def crop_to_full(cam_crop: Array, padded_xyxy_px: Array, square: PaddedSquare) -> Array:
    """Crop cameras (N,3) = (s,tx,ty) -> translations (N,3) in metres.

    z = 2 f / (s * side); x, y are moved from the crop's centre to the square's.
    """
    centre, side = _crop_in_square(padded_xyxy_px, square)
    z = 2 * FOCAL_PX / (cam_crop[:, 0] * side + 1e-9)
    shift = (centre - SQUARE_PX / 2) * z[:, None] / FOCAL_PX
    return np.concatenate([cam_crop[:, 1:] + shift, z[:, None]], axis=1)


def full_to_crop(cam_t: Array, padded_xyxy_px: Array, square: PaddedSquare) -> Array:
    """Translations (N,3) in metres -> crop cameras (N,3); inverse of :func:`crop_to_full`."""
    centre, side = _crop_in_square(padded_xyxy_px, square)
    z = cam_t[:, 2]
    shift = (centre - SQUARE_PX / 2) * z[:, None] / FOCAL_PX
    scale = 2 * FOCAL_PX / np.maximum(z * side, 1e-9)  # finite for boxes without area
    return np.concatenate([scale[:, None], cam_t[:, :2] - shift], axis=1)


def _crop_in_square(padded_xyxy_px: Array, square: PaddedSquare) -> tuple[Array, Array]:
    """Centres (N,2) and longer sides (N,) of boxes, in units of the 256-px square."""
    boxes = np.asarray(padded_xyxy_px, np.float64)
    ratio = SQUARE_PX / square.side
    centre = ((boxes[:, :2] + boxes[:, 2:]) / 2 + square.offset) * ratio
    return centre, (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * ratio


def project_to_square(joints: Array, cam_t: Array) -> Array:
    """Joints (N,J,3) with translations (N,3) -> (N,J,2) in the padded square, 0..1."""
    points = joints + cam_t[:, None]
    return points[..., :2] / points[..., 2:] * (FOCAL_PX / SQUARE_PX) + 0.5
