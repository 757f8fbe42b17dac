"""Boxes round people whom no detector looked for: from their landmarks and silhouettes."""

from __future__ import annotations

import numpy as np

from humantrack.blazepose import regions
from humantrack.blazepose.network import Landmarks
from humantrack.geometry.boxes import clip_to_image
from humantrack.types.arrays import FloatArray

_SHOWS = 0.3
"""Lowest visibility of a landmark that counts."""

_ENOUGH_POINTS = 5
_STEP = 2
"""Every so many pixels of the silhouette are looked at."""

_BEYOND = 0.2
"""A silhouette counts up to this share of the landmarks' extent outside them: what lies further
off is somebody else."""


def round_landmarks(landmarks: Landmarks, height: int, width: int) -> FloatArray:
    """(N,4) boxes round the landmarks that show, with room for the head, hands and feet."""
    low, high = _extent(landmarks)
    size = high - low
    boxes = np.concatenate([low - size * [0.08, 0.12], high + size * [0.08, 0.03]], axis=1)
    return clip_to_image(boxes, height, width)


def round_bodies(landmarks: Landmarks, height: int, width: int) -> FloatArray:
    """(N,4) boxes round landmarks and silhouettes, clipped to the image."""
    boxes = round_landmarks(landmarks, height, width)
    low, high = _extent(landmarks)
    reach = _BEYOND * (high - low)
    cells = landmarks.segmentation[:, ::_STEP, ::_STEP] > 0
    for i, matrix in enumerate(regions.matrices(landmarks.region)):
        rows, columns = np.nonzero(cells[i])
        if len(rows) < _ENOUGH_POINTS:
            continue
        crop = np.stack([columns, rows]) * _STEP
        at = (matrix[:, :2] @ crop + matrix[:, 2:]).T
        at = at[np.all((at > low[i] - reach[i]) & (at < high[i] + reach[i]), axis=1)]
        if len(at) < _ENOUGH_POINTS:
            continue
        half = _STEP / 2 * landmarks.region[i, 2] / regions.CROP_PX
        boxes[i] = np.concatenate(
            [
                np.minimum(low[i], at.min(axis=0) - half),
                np.maximum(high[i], at.max(axis=0) + half),
            ]
        )
    return clip_to_image(boxes, height, width)


def _extent(landmarks: Landmarks) -> tuple[FloatArray, FloatArray]:
    """(N,2) lowest and highest x, y of the landmarks that show."""
    shows = landmarks.visibility > _SHOWS
    shows |= (shows.sum(axis=1) < _ENOUGH_POINTS)[:, None]
    low = np.where(shows[..., None], landmarks.xy_px, np.inf).min(axis=1)
    high = np.where(shows[..., None], landmarks.xy_px, -np.inf).max(axis=1)
    return low, high
