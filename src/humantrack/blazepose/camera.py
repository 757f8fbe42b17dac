"""Joints and where they are seen -> the camera, as PHALP stores it."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose.lift import fit_scale
from humantrack.geometry.cameras import FOCAL_PX, SQUARE_PX, PaddedSquare
from humantrack.types.arrays import FloatArray


def weak_camera(
    joints: FloatArray, xy_px: FloatArray, weight: FloatArray, least_scale: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Weighted least squares for ``xy_px`` = scale * joints' x, y + shift.

    Args:
        joints: (N,K,3) metres, camera axes.
        xy_px: (N,K,2) where they are seen.
        weight: (N,K,1), summing to 1 over K.
        least_scale: (N,) positive; taken where the points give no sensible scale.

    Returns:
        Scale (N,) in px per metre and shift (N,2) in px.
    """
    flat = joints[..., :2]
    scale = np.maximum(fit_scale(flat, xy_px, weight), least_scale)
    centre = (flat * weight).sum(axis=1), (xy_px * weight).sum(axis=1)
    return scale, centre[1] - scale[:, None] * centre[0]


def translation(scale: FloatArray, shift: FloatArray, square: PaddedSquare) -> FloatArray:
    """Weak camera in image pixels -> (N,3) metres for PHALP's focal length of 5000 px.

    On the padded square, 256 px wide: t = ((shift - centre) / scale, f / scale).
    """
    ratio = SQUARE_PX / square.side
    in_square = (shift + square.offset) * ratio - SQUARE_PX / 2
    scale = scale * ratio
    return np.concatenate([in_square / scale[:, None], FOCAL_PX / scale[:, None]], axis=1)
