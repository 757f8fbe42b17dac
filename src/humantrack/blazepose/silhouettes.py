"""Silhouettes of one person in the crop of another, and crops without them."""

from __future__ import annotations

import cv2
import numpy as np

from humantrack.blazepose import regions
from humantrack.blazepose.network import Landmarks
from humantrack.blazepose.regions import CROP_PX
from humantrack.types.arrays import BoolArray, ByteArray, FloatArray

_MARGIN_PX = 5


def silhouette(landmarks: Landmarks, row: int, at: FloatArray) -> BoolArray:
    """(256,256) where one of the people is in the crop of a region (1,4)."""
    to_image = np.vstack([regions.matrices(at)[0], [0, 0, 1]])
    own = landmarks.region[row : row + 1]
    from_image = cv2.invertAffineTransform(regions.matrices(own)[0])
    logits = cv2.warpAffine(
        landmarks.segmentation[row],
        from_image @ to_image,
        (CROP_PX, CROP_PX),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-1.0,
    )
    return np.asarray(logits > 0)


def grown(mask: BoolArray) -> BoolArray:
    """A mask (H,W) with a margin."""
    kernel = np.ones((_MARGIN_PX, _MARGIN_PX), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def without(crop: ByteArray, hidden: BoolArray) -> ByteArray:
    """A crop (1,256,256,3) whose pixels of a mask (256,256) have the middle colour of the rest."""
    out = crop.copy()
    out[0][hidden] = np.median(crop[0][~hidden], axis=0)
    return out
