"""Silhouettes: the landmark network's segmentation, brought back to the image."""

from __future__ import annotations

import cv2
import numpy as np

from humantrack.blazepose import regions
from humantrack.types.arrays import BoolArray, FloatArray


def image_masks(
    segmentation: FloatArray, at: FloatArray, xyxy_px: FloatArray, height: int, width: int
) -> BoolArray:
    """Masks at the image's size; nothing outside a person's box is looked at or set.

    Args:
        segmentation: (N,256,256) logits on the pixels of the crops.
        at: (N,4) regions the crops were cut from.
        xyxy_px: (N,4) boxes.
        height: rows of the image.
        width: columns of the image.

    Returns:
        (N,height,width) bool.
    """
    # Zeroed pages cost no memory until a box touches them.
    out = np.zeros((len(at), height, width), bool)
    low = np.floor(xyxy_px[:, :2]).astype(int).clip(0, [width, height])
    high = np.ceil(xyxy_px[:, 2:]).astype(int).clip(0, [width, height])
    for i, matrix in enumerate(regions.matrices(at)):
        (x0, y0), (x1, y1) = low[i], high[i]
        if x1 <= x0 or y1 <= y0:
            continue
        to_crop = cv2.invertAffineTransform(matrix)
        to_crop[:, 2] += to_crop[:, :2] @ [x0, y0]
        logits = cv2.warpAffine(
            segmentation[i],
            to_crop,
            (int(x1 - x0), int(y1 - y0)),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=-1.0,
        )
        np.greater(logits, 0, out=out[i, y0:y1, x0:x1])
    return out
