"""Colour signatures of people's clothes, which survive turning round.

HSV histograms of the trunk and of the thighs, compared by Hellinger distance.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from humantrack.types.arrays import ByteArray, FloatArray

SIGNATURE_SIZE = 192

_QUADS = ((11, 12, 24, 23), (23, 24, 26, 25))  # trunk and thighs, landmark numbers
_BINS = (6, 4, 4)
_RANGES = (0, 180, 0, 256, 0, 256)
_OUTLINE_PX = 5  # a person in profile has a quad without width
_MARGIN_PX = 3


def signature(rgb: ByteArray, xy_px: FloatArray) -> FloatArray:
    """(192,) float32 of length 1 for one person's landmarks (33,2).

    A part outside the image gives zeros, so the length is then less than 1.
    """
    parts = [_histogram(rgb, xy_px[list(quad)]) for quad in _QUADS]
    joined = np.concatenate(parts) / np.sqrt(len(_QUADS))
    return np.asarray(joined, np.float32)


def distance(a: FloatArray, b: FloatArray) -> FloatArray:
    """Hellinger distances (...,), 0..1, between signatures (...,192), broadcast."""
    return np.asarray(np.sqrt(np.clip(1 - np.sum(np.multiply(a, b), axis=-1), 0, 1)))


def blend(old: FloatArray, new: FloatArray, share: float = 0.1) -> FloatArray:
    """A memory (192,) that takes ``share`` of the new signature and keeps length 1."""
    mixed = (1 - share) * old + share * new
    return np.asarray(mixed / max(float(np.linalg.norm(mixed)), 1e-9))


def _histogram(rgb: ByteArray, quad: FloatArray) -> FloatArray:
    """(96,) square roots of the shares of each colour inside a quad (4,2)."""
    height, width = rgb.shape[:2]
    x, y = quad.T.tolist()
    (x0, x1), (y0, y1) = _span(x, width), _span(y, height)
    if x1 <= x0 or y1 <= y0:
        return np.zeros(int(np.prod(_BINS)), np.float32)
    corners = (quad - (x0, y0)).astype(np.int32)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(mask, corners, 255)
    cv2.polylines(mask, [corners], True, 255, _OUTLINE_PX)
    hsv = cv2.cvtColor(np.ascontiguousarray(rgb[y0:y1, x0:x1]), cv2.COLOR_RGB2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], mask, _BINS, _RANGES).ravel()
    return np.asarray(np.sqrt(counts / max(float(counts.sum()), 1)))


def _span(places: list[float], size: int) -> tuple[int, int]:
    """From the first to behind the last of a picture's pixels that an outline may touch."""
    first = math.floor(min(places)) - (_MARGIN_PX - 1)
    behind = math.ceil(max(places)) + _MARGIN_PX
    return min(max(first, 0), size), min(max(behind, 0), size)
