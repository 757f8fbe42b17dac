"""Regions of interest: the turned squares from which the landmark network's crops are cut.

A region is a row (centre x, centre y, side, angle) in image pixels and radians; many are (N,4).
Source of the formulas: MediaPipe's pose graphs.
"""

from __future__ import annotations

import cv2
import numpy as np

from humantrack.types.arrays import ByteArray, FloatArray

CROP_PX = 256
"""Side of the network's input."""

MARGIN = 1.25
"""A region is this much larger than the box, or than the circle round the body."""


def from_boxes(xyxy_px: FloatArray) -> FloatArray:
    """(N,4) upright regions round (N,4) boxes."""
    boxes = np.asarray(xyxy_px, np.float64)
    size = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = MARGIN * np.maximum(size.max(axis=1, keepdims=True), 1)
    return np.concatenate([centre, side, np.zeros_like(side)], axis=1)


def from_circles(centre: FloatArray, rim: FloatArray) -> FloatArray:
    """(N,4) regions round circles; upright where the rim (N,2) is right above the centre."""
    arm = np.asarray(rim, np.float64) - centre
    angle = np.pi / 2 - np.arctan2(-arm[:, 1], arm[:, 0])
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    side = 2 * MARGIN * np.hypot(arm[:, 0], arm[:, 1])
    return np.column_stack([centre, side, angle])


def matrices(regions: FloatArray) -> FloatArray:
    """(N,2,3) float64 affine maps: index coordinates in the crop -> image pixels."""
    x, y, side, angle = np.asarray(regions, np.float64).reshape(-1, 4).T
    cos, sin = np.cos(angle) * side / CROP_PX, np.sin(angle) * side / CROP_PX
    half = CROP_PX / 2
    out = np.empty((len(x), 2, 3))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = cos, -sin, x - half * (cos - sin)
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = sin, cos, y - half * (sin + cos)
    return out


class Cropper:
    """Cuts crops out of one image.

    Regions of more than twice the crop are cut from a copy shrunk by area averaging, else the
    picture would alias. The copies are made once per image.

    Args:
        rgb: (H,W,3) uint8.
    """

    def __init__(self, rgb: ByteArray) -> None:
        self.rgb = rgb
        # OpenCV warps four channels three times faster than three, with the same result.
        self._levels = {0: np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA), np.uint8)}

    def crops(self, regions: FloatArray) -> ByteArray:
        """(N,256,256,3) uint8 RGB, black outside the image."""
        out = np.empty((len(regions), CROP_PX, CROP_PX, 4), np.uint8)
        if not len(regions):
            return out[..., :3]
        for crop, region, matrix in zip(out, regions, matrices(regions), strict=True):
            level = max(0, int(np.log2(max(region[2], 1) / CROP_PX)))
            cv2.warpAffine(
                self._level(level),
                matrix / 2**level,
                (CROP_PX, CROP_PX),
                dst=crop,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_CONSTANT,
            )
        return out[..., :3]

    def _level(self, level: int) -> ByteArray:
        """The image shrunk by 2**level."""
        if level not in self._levels:
            whole = self._levels[0]
            size = [max(1, round(n / 2**level)) for n in whole.shape[1::-1]]
            shrunk = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
            self._levels[level] = shrunk.astype(np.uint8, copy=False)
        return self._levels[level]
