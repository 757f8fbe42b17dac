"""Straight edges of the background that may be vertical: walls, door frames, posts.

They are found once in a while only, since they tell of gravity alone (``world.verticals``), which
does not change. The detector is LSD (Grompone von Gioi et al., "LSD: A Fast Line Segment Detector
with a False Detection Control", PAMI 2010) as OpenCV has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from humantrack.types.arrays import ByteArray, FloatArray
from humantrack.world.camera.evidence import FrameTracks, quantised

EVERY_S = 1.0
"""Seconds between two pictures in which lines are looked for."""

MOST = 48
"""Lines kept of a picture, the longest ones."""

SHORTEST = 0.04
"""Length of a line, in sides of the picture."""

_STEEPEST_DEG = 50.0
"""From the picture's upright: also those at the edges of a picture taken from above are kept."""

_LOOKS = 24
"""Places along a line that must be background."""

_BAR_PX = 0.7
_BAR_REACH = 0.03
"""A line as upright as the picture's own edges that reaches from the top of the picture to its
bottom, up to this share of the height, is the edge of a black bar."""


class LineFinder:
    """Finds lines in a picture every ``EVERY_S`` of the video, and in the first of each shot."""

    def __init__(self) -> None:
        self._last_s = -np.inf

    def lines(self, tracks: FrameTracks, picture: ByteArray, mask: ByteArray) -> FloatArray:
        """(L,4) x, y of both ends, pixels of the reduced picture; none if it is not its turn.

        Args:
            tracks: of this frame.
            picture: (H,W) uint8, reduced.
            mask: (H,W) uint8, 0 where people are.
        """
        # A time that jumps back is another clip's.
        since = tracks.time_s - self._last_s
        if not (tracks.is_shot_start or since < 0 or since >= EVERY_S - 1e-6):
            return np.zeros((0, 4))
        self._last_s = tracks.time_s
        return find_lines(picture, mask)

    def state_dict(self) -> Mapping[str, Any]:
        """All that the coming frames depend on."""
        return {"last_s": self._last_s}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._last_s = float(state["last_s"])


def find_lines(picture: ByteArray, mask: ByteArray) -> FloatArray:
    """The longest steep lines that lie on the background with their whole length.

    Args:
        picture: (H,W) uint8.
        mask: (H,W) uint8, 0 where people are.

    Returns:
        (L,4) x, y of both ends, as they are after writing and reading.
    """
    if min(picture.shape) < 16:
        return np.zeros((0, 4))
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(picture)[0]
    if found is None:
        return np.zeros((0, 4))
    height, width = picture.shape
    places = np.asarray(found, np.float64).reshape(-1, 2, 2)
    ends = quantised(np.clip(places, 0, [width, height]))
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    steep = np.abs(along[:, 0]) < np.tan(np.radians(_STEEPEST_DEG)) * np.abs(along[:, 1])
    keep = steep & (length >= SHORTEST * max(picture.shape)) & ~_is_bar(ends, height)
    ends, length = ends[keep], length[keep]
    on_background = _is_free(ends, mask)
    ends, length = ends[on_background], length[on_background]
    longest = np.sort(np.argsort(-length, kind="stable")[:MOST])
    return np.asarray(ends[longest].reshape(-1, 4))


def _is_bar(ends: FloatArray, height: int) -> Any:
    """(L,) whether it is the edge of a black bar beside the picture."""
    upright = np.abs(ends[:, 1, 0] - ends[:, 0, 0]) < _BAR_PX
    top, bottom = ends[..., 1].min(axis=1), ends[..., 1].max(axis=1)
    return upright & (top < _BAR_REACH * height) & (bottom > (1 - _BAR_REACH) * height)


def _is_free(ends: FloatArray, mask: ByteArray) -> Any:
    """(L,) whether nobody is anywhere along it."""
    part = np.linspace(0, 1, _LOOKS)[:, None]
    places = ends[:, None, 0] * (1 - part) + ends[:, None, 1] * part
    most = np.array(mask.shape[::-1]) - 1
    col, row = np.moveaxis(np.clip(places.astype(int), 0, most), -1, 0)
    return (mask[row, col] > 0).all(axis=1)
