"""Which parts of a picture the network sees, and how large, so that nobody falls between them.

The network misses many people at some heights in its input: half of those of 140 to 180 px and a
third of those of 260 to 400 px, where one stride's cells hand over to the next's. Two inputs whose
sizes differ by a factor of 0.65 see everybody of 60 to 450 px in at least one of them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from humantrack.types.arrays import FloatArray

NEAR, CLOSE, WIDE = 320, 416, 640
"""Longer sides of inputs that show the whole picture."""

USUAL = (CLOSE, WIDE)
LARGE = (NEAR, CLOSE)
"""For pictures in which all people are larger than :data:`LARGE_PX`."""

LARGE_PX = 400
"""Height in an input of ``WIDE``."""

SMALL_PX = 40
"""Height in an input of ``WIDE`` below which a person is looked at in tiles, too."""

TILE = 640
"""Side of a tile in pixels of the network's input."""

OVERLAP = 160
"""Of tiles: people larger than that in the tile's input are left to coarser inputs."""

SAME_IOU = 0.5
"""From this overlap on, boxes of two views show the same person."""

_STEP = 4.0
"""At most, between the scales of two levels: tiles serve people of 40 to 160 px in their input."""

_FINEST = 1.25
"""Scale of the finest level: somebody 30 px high has 37 px there. At 1.0 one in seven such people
more is missed."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of the picture, and the size it is looked at."""

    x0: int
    y0: int
    x1: int
    y1: int
    long_side: int
    """Of the network's input, px."""

    is_tile: bool = False

    @property
    def scale(self) -> float:
        """Pixels of the input for a pixel of the picture."""
        return self.long_side / max(self.x1 - self.x0, self.y1 - self.y0)


@dataclass(frozen=True, slots=True)
class Seen:
    """The candidates of one view."""

    view: View
    boxes: FloatArray
    """(M,4) pixels of the picture."""

    score: FloatArray
    """(M,)"""


def whole(width: int, height: int, long_side: int) -> View:
    """The whole picture."""
    return View(0, 0, width, height, long_side)


def levels(width: int, height: int) -> list[float]:
    """Scales at which a picture is cut into tiles, coarse to fine; none for a small picture."""
    coarse = WIDE / max(width, height)
    count = int(np.ceil(np.log(_FINEST / coarse) / np.log(_STEP) - 1e-6))
    if coarse >= 0.8 * _FINEST:
        return []
    return [float(coarse * (_FINEST / coarse) ** (i / count)) for i in range(1, count + 1)]


def tiles(width: int, height: int, scale: float) -> Iterator[View]:
    """The tiles of one level, row by row; they overlap by at least ``OVERLAP`` input pixels."""
    side, overlap = TILE / scale, OVERLAP / scale
    for y0, y1 in _spans(height, side, overlap):
        for x0, x1 in _spans(width, side, overlap):
            yield View(x0, y0, x1, y1, round(max(x1 - x0, y1 - y0) * scale), is_tile=True)


@functools.lru_cache(maxsize=8)
def all_tiles(width: int, height: int) -> tuple[View, ...]:
    """The tiles of all levels."""
    return tuple(tile for scale in levels(width, height) for tile in tiles(width, height, scale))


def tiles_round(boxes: FloatArray, width: int, height: int) -> list[View]:
    """The tiles that people need who are small in the whole picture.

    Args:
        boxes: (N,4) of all people, pixels of the picture.
        width: of the picture.
        height: of the picture.

    Returns:
        For each small person the tile whose middle is nearest, of the level that shows him best;
        each once, in the order of :func:`all_tiles`.
    """
    coarse = WIDE / max(width, height)
    scales = levels(width, height)
    needed = set()
    for box in boxes:
        tall = float(max(box[2:] - box[:2]))
        if not scales or tall * coarse >= SMALL_PX:
            continue
        # The finest that still has him whole: the larger the better below 130 px.
        fitting = [s for s in scales if tall * s <= 0.8 * OVERLAP] or scales[:1]
        centre = (box[:2] + box[2:]) / 2
        needed.add(min(tiles(width, height, fitting[-1]), key=lambda tile: _distance(tile, centre)))
    return [tile for tile in all_tiles(width, height) if tile in needed] if needed else []


def _distance(tile: View, point: FloatArray) -> float:
    """How far a point is from a tile's middle, along the worse axis."""
    middle = np.array([tile.x0 + tile.x1, tile.y0 + tile.y1]) / 2
    return float(np.abs(point - middle).max())


def _spans(length: int, side: float, overlap: float) -> list[tuple[int, int]]:
    """Equal spans that cover 0..length."""
    if length <= side:
        return [(0, length)]
    count = int(np.ceil((length - overlap) / (side - overlap)))
    starts = np.round(np.linspace(0, length - side, count)).astype(int)
    return [(int(start), min(length, int(start) + round(side))) for start in starts]
