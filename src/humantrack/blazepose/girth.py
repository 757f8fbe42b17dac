"""How heavy a person is, from his silhouette: its width across trunk and thighs over a body's.

Bodies of the person's own lengths and several girths, in the pose of the frame, are laid over the
silhouette, and all are measured along the same lines. So arms and legs that touch the trunk or
each other count on both sides.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import cv2
import numpy as np

from humantrack.blazepose import regions
from humantrack.body import Mannequin
from humantrack.body.shape import LIMIT
from humantrack.geometry.cameras import PaddedSquare
from humantrack.types import BodyBatch
from humantrack.types.arrays import FloatArray, IntArray

EVERY = 5
"""A person's silhouette is measured in every so many of the frames that show him."""

_SHOULDERS, _HIPS, _KNEES = (2, 5), (9, 12), (10, 13)
"""PHALP's 45 joints (OpenPose's order), right and left."""

_TRUNK, _THIGHS = (0.3, 0.5, 0.7), (0.35, 0.65)
"""How far on from a bone's start silhouettes are measured. Hands hang at the middle of thighs."""

_STARTS = np.array([_HIPS] * 3 + [[hip] * 2 for hip in _HIPS for _ in _THIGHS])
_ENDS = np.array([_SHOULDERS] * 3 + [[knee] * 2 for knee in _KNEES for _ in _THIGHS])
"""(7,2) of each line the joints whose middle the bone starts, or ends, at."""

_SHARES = np.array([*_TRUNK, *_THIGHS, *_THIGHS])[:, None]

_WIDER = 0.04
"""Silhouettes are wider by this part than the bodies they are of, from the network's edge alone:
0.06 to 0.13 were measured on drawn walkers in clothes and on a man without, whom bodies made less
wide by that much do not cover."""

_REACH_M = 0.8
_STEP = 1 / 256
"""Of a crop's side: how finely the silhouette is sampled."""

_SHORTEST = 0.6
"""A bone that looks shorter than this part of its length leads towards the camera: its line says
little of widths."""

_TRIED = (-2.0, 0.0, 2.0, 4.0)
"""Girths of the bodies that a silhouette is compared with."""

_LEAST_SLOPE = 0.02
"""A line must grow by this part for each step of girth to say anything of it."""

_PRIOR = 6.0
"""Weight of the mean girth, in silhouettes."""

_MOST = 60.0
"""The past counts for no more silhouettes than this."""


class Girth:
    """One person's girth: a mean over silhouettes, drawn to the mean adult's."""

    def __init__(self) -> None:
        self._weight, self._sum = 0.0, 0.0

    @property
    def beta(self) -> float:
        """In standard deviations, the shape number of the shipped body."""
        return self._sum / (self._weight + _PRIOR)

    def see(self, girths: FloatArray) -> None:
        """Take in one silhouette.

        Args:
            girths: (L,) as each line says, NaN where it says nothing.
        """
        known = girths[np.isfinite(girths)]
        if not len(known):
            return
        weight = len(known) / len(_STARTS)
        keep = min(1.0, _MOST / (self._weight + weight))
        self._weight = keep * (self._weight + weight)
        self._sum = keep * (self._sum + weight * float(np.clip(np.median(known), -LIMIT, LIMIT)))

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {"weight": self._weight, "sum": self._sum}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._weight, self._sum = state["weight"], state["sum"]


def girths_along_lines(  # noqa: PLR0917
    body: Mannequin,
    bodies: BodyBatch,
    row: int,
    segmentation: FloatArray,
    region: FloatArray,
    height: int,
    width: int,
) -> FloatArray:
    """The girth at which the body is as wide as a silhouette, line by line.

    Args:
        body: the body model.
        bodies: of the frame; their own girth does not matter.
        row: of the person.
        segmentation: (256,256) logits on the pixels of the person's crop.
        region: (4,) the crop was cut from.
        height: rows of the image.
        width: columns of the image.

    Returns:
        (7,) shape numbers; NaN where a line leaves the image or crop, is foreshortened, not seen,
        or hardly longer for a heavier body.
    """
    one, square = bodies[[row]], PaddedSquare(height, width)
    metre = float(square.focal_px / one.cam_t[0, 2])
    usable, at, along = _lines(one.joints_3d[0], square, one.joints_2d[0], metre)
    out = np.full(len(_STARTS), np.nan)
    if not len(usable):
        return out
    to_crop = cv2.invertAffineTransform(regions.matrices(region[None])[0])
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    seen = _widths_of_silhouette(segmentation, to_crop, at, across, metre, height, width)
    points, thicker = body.coarse_by_girth(one)
    faces = body.levels[-1].faces
    mine = _widths_of_surfaces(points + one.cam_t, thicker, faces, at, along, across, square)
    told = np.flatnonzero((seen > 0) & (mine > 0).all(axis=1))
    wider = np.log(mine[told] / mine[told, :1])
    value = np.log(seen[told] / mine[told, 0]) - _WIDER
    for i, one_seen, widths in zip(usable[told], value.tolist(), wider.tolist(), strict=True):
        if widths[-1] - widths[0] > _LEAST_SLOPE * (_TRIED[-1] - _TRIED[0]):
            out[i] = _interpolated(one_seen, widths)
    return out


def _interpolated(value: float, wider: Sequence[float]) -> float:
    """The girth at which bodies are so much wider, also beyond those tried.

    Args:
        value: logarithm of a width.
        wider: those of the bodies tried.
    """
    rising = [width + 1e-6 * k for k, width in enumerate(accumulate(wider, max))]
    k = min(max(bisect_left(rising, value) - 1, 0), len(rising) - 2)
    share = (value - rising[k]) / (rising[k + 1] - rising[k])
    girth = _TRIED[k] + share * (_TRIED[k + 1] - _TRIED[k])
    return min(max(girth, -LIMIT), LIMIT)


def _lines(
    joints_3d: FloatArray, square: PaddedSquare, joints_2d: FloatArray, metre: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """The lines that are not foreshortened, and of each a point and the bone's direction."""
    joints = square.to_image(joints_2d)
    a, b = joints[_STARTS].mean(axis=1), joints[_ENDS].mean(axis=1)
    bone = joints_3d[_ENDS].mean(axis=1) - joints_3d[_STARTS].mean(axis=1)
    length = np.linalg.norm(b - a, axis=1)
    usable = np.flatnonzero(length >= _SHORTEST * np.linalg.norm(bone, axis=1) * metre)
    a, b = a[usable], b[usable]
    return usable, a + _SHARES[usable] * (b - a), (b - a) / length[usable, None]


def _widths_of_surfaces(  # noqa: PLR0917
    points: FloatArray,
    thicker: FloatArray,
    faces: IntArray,
    at: FloatArray,
    along: FloatArray,
    across: FloatArray,
    square: PaddedSquare,
) -> FloatArray:
    """How wide surfaces of the girths tried are across lines, from a line's middle to both edges.

    Args:
        points: (V,3) metres from the camera, of girth 0.
        thicker: (V,3) metres that one of girth adds.
        faces: (F,3) of the surface.
        at: (L,2) the lines' middles in the image, at most eight.
        along: (L,2) unit vectors of the lines.
        across: (L,2) unit vectors across them.
        square: of the image.

    Returns:
        (L,4) pixels; NaN where the line's middle is beside the surface.
    """
    face, line = _cut_faces(points, thicker, faces, at, along, square)
    corner = faces[face].T
    girths = np.array(_TRIED, points.dtype)[:, None, None]
    x, y, z = (points[corner, k] + girths * thicker[corner, k] for k in range(3))
    # Planes through the camera: (way, place) / z are pixels from the line's middle.
    way, place = (
        (n[0][line] * x + n[1][line] * y + n[2][line] * z) / z
        for n in (_planes(at, ways, square).astype(points.dtype) for ways in (along, across))
    )
    low, high = np.full((2, way.shape[0], way.shape[2]), [[[np.inf]], [[-np.inf]]], way.dtype)
    for k in range(3):  # a line enters and leaves a face through two of its edges
        here, there = way[:, k], way[:, k - 1]
        is_cut = (here > 0) != (there > 0)
        share = here / np.where(is_cut, here - there, 1)
        cut = place[:, k] + (place[:, k - 1] - place[:, k]) * share
        np.minimum(low, cut, out=low, where=is_cut)
        np.maximum(high, cut, out=high, where=is_cut)
    surface, pair = np.nonzero(low <= high)
    widths = _widths_of_pieces(
        surface * len(at) + line[pair],
        low[surface, pair],
        high[surface, pair],
        len(_TRIED) * len(at),
    )
    return widths.reshape(len(_TRIED), len(at)).T


def _cut_faces(  # noqa: PLR0917
    points: FloatArray,
    thicker: FloatArray,
    faces: IntArray,
    at: FloatArray,
    along: FloatArray,
    square: PaddedSquare,
) -> tuple[IntArray, IntArray]:
    """Which faces lines may cut at any of the girths tried: rows of faces, and of lines.

    A line of the image is a plane through the camera, and on which side of it a vertex is goes
    linearly with girth. So those of the least and the largest tell of all between.
    """
    normal = _planes(at, along, square).astype(points.dtype)[..., None]
    middle, slope = (sum(normal[k] * some[:, k] for k in range(3)) for some in (points, thicker))
    ends = [np.packbits(middle + girth * slope > 0, axis=0)[0] for girth in (_TRIED[0], _TRIED[-1])]
    # Of each vertex a bit for each line it is ahead of, and one for each it is not ahead of.
    either = (ends[0] | ends[1]) | (~(ends[0] & ends[1])).astype(np.uint16) << 8
    a, b, c = (either.take(faces[:, k]) for k in range(3))
    codes = a | b | c
    cut = (codes >> 8 & codes).astype(np.uint8)
    face = np.flatnonzero(cut)
    pair, line = np.nonzero(np.unpackbits(cut[face, None], axis=1, count=len(at)))
    return face[pair], line


def _planes(at: FloatArray, ways: FloatArray, square: PaddedSquare) -> FloatArray:
    """(3,L): times a point from the camera, over its depth, how many pixels it is off ``at``.

    Args:
        at: (L,2) pixels.
        ways: (L,2) unit vectors in which it is counted.
        square: of the image.
    """
    depth = ((square.centre_px - at) * ways).sum(axis=1)
    return np.stack([*(square.focal_px * ways.T), depth])


def _widths_of_pieces(line: IntArray, low: FloatArray, high: FloatArray, count: int) -> FloatArray:
    """How long the pieces round 0 are that spans make together, line by line; NaN: none.

    Args:
        line: (P,) the line that each span is on.
        low: (P,) lower ends.
        high: (P,) upper ends.
        count: L.

    Returns:
        (L,)
    """
    out = np.full(count, np.nan)
    if not len(line):
        return out
    # Lines are put one behind the other, so far apart that no piece reaches the next.
    apart = 4 * max(float(np.abs(low).max()), float(np.abs(high).max())) + 1
    order = np.argsort(low + apart * line)
    low, high = (low + apart * line)[order], (high + apart * line)[order]
    reach = np.maximum.accumulate(high)
    first = np.flatnonzero(np.concatenate([[True], low[1:] > reach[:-1]]))
    start, end = low[first], reach[np.append(first[1:], len(low)) - 1]
    middle = apart * np.arange(count)
    piece = np.searchsorted(start, middle, side="right") - 1
    known = (piece >= 0) & (end[piece] >= middle)
    out[known] = (end - start)[piece[known]]
    return out


def _widths_of_silhouette(  # noqa: PLR0917
    segmentation: FloatArray,
    to_crop: FloatArray,
    at: FloatArray,
    across: FloatArray,
    metre: float,
    height: int,
    width: int,
) -> FloatArray:
    """(L,) pixels of the image from (L,2) points to the silhouette's edges on both sides.

    NaN where an edge is not seen.
    """
    per_px = math.sqrt(abs(to_crop[0, 0] * to_crop[1, 1] - to_crop[0, 1] * to_crop[1, 0]))
    step = _STEP * len(segmentation) / per_px
    steps = np.arange(0, _REACH_M * metre, step)
    ways = np.stack([across, -across], axis=1).reshape(-1, 2)
    x, y = (np.repeat(at, 2, axis=0)[:, k, None] + ways[:, k, None] * steps for k in (0, 1))
    column, row = ((a * x + b * y + c).astype(np.float32) for a, b, c in to_crop.tolist())
    logits = cv2.remap(
        np.asarray(segmentation, np.float32),
        column,
        row,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=np.nan,
    )
    logits[(x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)] = np.nan
    return np.asarray(_ways_out(np.asarray(logits), steps, step).reshape(-1, 2).sum(axis=1))


def _ways_out(logits: FloatArray, steps: FloatArray, step: float) -> FloatArray:
    """(R,) how far it is along rays (R,S) to the first place outside a silhouette; NaN: not seen.

    Args:
        logits: (R,S) along the rays; NaN: not seen.
        steps: (S,) how far from the start.
        step: between two of them.
    """
    out = np.full(len(logits), np.nan)
    if not len(steps):
        return out
    first = (~(logits > 0)).argmax(axis=1)
    rays = np.flatnonzero(first > 0)
    first = first[rays]
    low, high = logits[rays, first], logits[rays, first - 1]
    out[rays] = steps[first - 1] + step * high / (high - low)
    return out
