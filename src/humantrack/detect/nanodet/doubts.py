"""What the other views of a picture say against a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from humantrack.detect.nanodet.views import SAME_IOU, Seen
from humantrack.geometry.boxes import iou
from humantrack.types.arrays import BoolArray, FloatArray

_SIZES_PX = (20, 26, 115, 130, 190, 191, 260, 261)
_KNOWN = (0, 0.42, 0.42, 0, 0, 0.2, 0.2, 0)
"""Sizes in a view's input, and the score below which hardly anybody falls at that size. Of some 800
looks at known people of 80 to 120 px, drawn and real, 94 % score 0.4 or more and all 0.2, as do all
those of 190 to 260 px; between and above the network misses many."""

_PAIR_PX = (60, 61, 450, 451)
_KNOWN_TO_BOTH = (0, 0.42, 0.42, 0)
"""Sizes in the finest input of the whole picture, and the score below which hardly anybody falls in
both that and the next (see views.py)."""

_BLUR = 0.06
"""By so much less a view has to score to be believed fully."""

_DIM_PX = (16.0, 25.0)
_DIM_LOSS = (0.1, 0.3)
"""What a tile's box loses that no input of the whole picture shows, not even weakly, by its size in
the finest of those. Enlarged, lamps and cameras below a ceiling look like somebody, but people do
not hide so: of those of 10 to 13 px one in eight shows at 0.2 or more, of 16 to 20 px 78 %,
of 20 to 25 px 92 %, and all of 30 px. In tiles 98 % of people of 30 px and more have 0.6."""

_WEAK = 0.2
"""Doubt alone makes no box weaker than this: somebody seen a moment ago may go on in it."""

_BORDER_PX = 3
"""Pixels of the input from a tile's border within which a box counts as cut off by it."""


def doubted(
    boxes: FloatArray, score: FloatArray, views: Sequence[Seen], width: int, height: int
) -> FloatArray:
    """Scores of boxes after the views were heard that would know better.

    In a coarse input a scene may look like somebody by chance: a picture on a wall, a man with
    what he stands on. So a box which is weak in the finest input of the whole picture that has it
    at a size at which the network knows people, and in all finer views, counts for no more than
    there; nor does one of usual size which the two finest inputs both see weakly. A tile that has
    it so says less, as it enlarges blur, too: then the second best view counts.

    Args:
        boxes: (N,4) pixels of the picture.
        score: (N,) the best of any view.
        views: what each of them shows.
        width: of the picture.
        height: of the picture.

    Returns:
        (N,) scores, none of them larger.
    """
    if not len(boxes) or len(views) < 2:
        return score
    scale = np.array([one.view.scale for one in views])
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)[:, None] * scale
    shown = np.stack([_shown(boxes, one) for one in views], axis=1)
    has = np.stack([~cut_off(boxes, one, width, height) for one in views], axis=1)
    is_tile = np.array([one.view.is_tile for one in views])
    known = np.interp(size, _SIZES_PX, _KNOWN) * has
    pair = np.zeros_like(known)
    whole = sorted((at for at, tile in enumerate(is_tile) if not tile), key=lambda at: scale[at])
    if len(whole) > 1:
        pair[:, whole[-2]] = np.interp(size[:, whole[-1]], _PAIR_PX, _KNOWN_TO_BOTH)
    nothing, second = np.zeros(len(boxes)), np.sort(shown, axis=1)[:, -2]
    losses = (
        _loss(score, size, shown, known * ~is_tile, nothing),
        _loss(score, size, shown, pair, nothing),
        _loss(score, size, shown, known * is_tile, second),
    )
    loss = np.max(losses, axis=0)
    out = np.maximum(score - loss, np.minimum(score, _WEAK))
    return cast("FloatArray", out.astype(np.float32))


def dimmed(boxes: FloatArray, score: FloatArray, finest: float) -> FloatArray:
    """Scores of tiles' boxes that no input of the whole picture shows.

    Args:
        boxes: (N,4) pixels of the picture.
        score: (N,)
        finest: pixels of the largest input of the whole picture for one of the picture.
    """
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * finest
    least = np.minimum(score - _DIM_LOSS[0], _WEAK)
    out = np.maximum(score - np.interp(size, _DIM_PX, _DIM_LOSS), least)
    return cast("FloatArray", out.astype(np.float32))


def cut_off(boxes: FloatArray, seen: Seen, width: int, height: int) -> BoolArray:
    """(N,) whether a view's border that is not the picture's cuts a box off, or leaves it out."""
    view, margin = seen.view, _BORDER_PX / seen.view.scale
    cut = np.zeros(len(boxes), bool)
    cut |= (view.x0 > 0) & (boxes[:, 0] < view.x0 + margin)
    cut |= (view.y0 > 0) & (boxes[:, 1] < view.y0 + margin)
    cut |= (view.x1 < width) & (boxes[:, 2] > view.x1 - margin)
    cut |= (view.y1 < height) & (boxes[:, 3] > view.y1 - margin)
    return cut


def _shown(boxes: FloatArray, seen: Seen) -> FloatArray:
    """(N,) score of the best box of a view that shows the same, 0 where none does."""
    same = iou(boxes, seen.boxes) > SAME_IOU
    return cast("FloatArray", np.where(same, seen.score, 0).max(axis=1, initial=0))


def _loss(
    score: FloatArray, size: FloatArray, shown: FloatArray, known: FloatArray, least: FloatArray
) -> FloatArray:
    """(N,) what boxes lose by the finest of the views that know them.

    Args:
        score: (N,)
        size: (N,V) of each box in each view's input.
        shown: (N,V) score of each box in each view.
        known: (N,V) what people of that size score there; 0 where a view cannot tell.
        least: (N,) what a box counts at least.
    """
    finest = np.where(known > 0, size, -1).argmax(axis=1)[:, None]
    as_fine = size >= np.take_along_axis(size, finest, axis=1) * (1 - 1e-6)
    there = np.where(as_fine, shown, 0).max(axis=1)
    doubt = np.clip((np.take_along_axis(known, finest, axis=1)[:, 0] - there) / _BLUR, 0, 1)
    return cast("FloatArray", doubt * np.clip(score - np.maximum(there, least), 0, None))
