"""How heavy a person is, from his silhouette: its width across trunk and thighs over a body's.

Bodies of the person's own lengths and several girths, in the pose of the frame, are laid over the
silhouette, and all are measured along the same lines. So arms and legs that touch the trunk or
each other count on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import cv2
import numpy as np

from humantrack.blazepose import regions
from humantrack.body import Mannequin
from humantrack.body.shape import GIRTH, LIMIT
from humantrack.geometry.cameras import PaddedSquare, project_to_square
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
    betas = np.repeat(bodies.betas[[row]], len(_TRIED), axis=0)
    betas[:, GIRTH] = _TRIED
    tried = replace(bodies[[row] * len(_TRIED)], betas=betas)
    square = PaddedSquare(height, width)
    level = body.levels[-1]
    points, faces = project_to_square(level.vertices(tried), tried.cam_t), level.faces
    points = np.stack([square.to_image(some) for some in points])
    metre = float(square.focal_px / tried.cam_t[0, 2])
    to_crop = cv2.invertAffineTransform(regions.matrices(region[None])[0])
    usable, at, along = _lines(tried.joints_3d[0], square, tried.joints_2d[0], metre)
    out = np.full(len(_STARTS), np.nan)
    if not len(usable):
        return out
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    seen = _widths_of_silhouette(segmentation, to_crop, at, across, metre, height, width)
    mine = _widths_of_surfaces(points, faces, at, along, across)
    for k, i in enumerate(usable):
        if not (seen[k] > 0 and (mine[k] > 0).all()):
            continue
        wider = np.log(mine[k] / mine[k, 0])
        if wider[-1] - wider[0] > _LEAST_SLOPE * (_TRIED[-1] - _TRIED[0]):
            out[i] = _interpolated(float(np.log(seen[k] / mine[k, 0])) - _WIDER, wider)
    return out


def _interpolated(value: float, wider: FloatArray) -> float:
    """The girth at which bodies are so much wider, also beyond those tried."""
    wider = np.maximum.accumulate(wider) + 1e-6 * np.arange(len(wider))
    k = int(np.clip(np.searchsorted(wider, value) - 1, 0, len(wider) - 2))
    share = (value - wider[k]) / (wider[k + 1] - wider[k])
    return float(np.clip(_TRIED[k] + share * (_TRIED[k + 1] - _TRIED[k]), -LIMIT, LIMIT))


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


def _widths_of_surfaces(
    points: FloatArray, faces: IntArray, at: FloatArray, along: FloatArray, across: FloatArray
) -> FloatArray:
    """How wide surfaces are across lines, from a line's middle to the edges on both sides.

    Args:
        points: (N,V,2) of the image.
        faces: (F,3) of each of the N surfaces.
        at: (L,2) the lines' middles, at most eight.
        along: (L,2) unit vectors of the lines.
        across: (L,2) unit vectors across them.

    Returns:
        (L,N); NaN where the line's middle is beside the surface.
    """
    x, y = points[..., 0], points[..., 1]
    ahead = [(x - a[0]) * w[0] + (y - a[1]) * w[1] > 0 for a, w in zip(at, along, strict=True)]
    code = np.packbits(ahead, axis=0)[0]  # a bit for each line
    a, b, c = (code[:, faces[:, k]] for k in range(3))
    cut = (a ^ b) | (b ^ c)
    body, face = np.nonzero(cut)
    pair, line = np.nonzero(np.unpackbits(cut[body, face, None], axis=1, count=len(at)))
    body, corners = body[pair], faces[face[pair]]
    offset = points[body[:, None], corners] - at[line, None]
    way = (offset * along[line, None]).sum(axis=-1)
    place = (offset * across[line, None]).sum(axis=-1)
    # Of a face that the middle of the line cuts, one corner is alone on its side.
    side = way > 0
    alone = np.where(side.sum(axis=1, keepdims=True) == 1, side, ~side).argmax(axis=1)
    rows = np.arange(len(pair))
    turned = [(alone + k) % 3 for k in range(3)]
    tip, *others = (way[rows, k] for k in turned)
    start, *ends = (place[rows, k] for k in turned)
    ends = [
        start + (end - start) * (tip / (tip - other))
        for end, other in zip(ends, others, strict=True)
    ]
    low, high = np.minimum(*ends), np.maximum(*ends)
    surface = line * len(points) + body
    order = np.lexsort((low, surface))
    spans = zip(*(some[order].tolist() for some in (surface, low, high)), strict=True)
    out = np.full(len(at) * len(points), np.nan)
    for one, pieces in groupby(spans, key=itemgetter(0)):
        out[one] = _width_of_piece(pieces)
    return out.reshape(len(at), len(points))


def _width_of_piece(spans: Iterable[tuple[int, float, float]]) -> float:
    """How long the piece round 0 is that spans, by their lower ends, make together; NaN: none."""
    start, end = np.nan, -np.inf
    for _, low, high in spans:
        if low > end:
            if start <= 0 <= end:
                break
            start = low
        if high > end:  # noqa: PLR1730 - max() takes longer
            end = high
    return end - start if start <= 0 <= end else np.nan


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
    per_px = float(np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    step = _STEP * len(segmentation) / per_px
    steps = np.arange(0, _REACH_M * metre, step)
    ways = np.array([1.0, -1.0])[:, None, None] * steps[:, None]
    image = at[:, None, None] + ways * across[:, None, None]
    crop = (image @ to_crop[:, :2].T + to_crop[:, 2]).astype(np.float32)
    logits = cv2.remap(
        np.asarray(segmentation, np.float32),
        crop[..., 0].reshape(-1, len(steps)),
        crop[..., 1].reshape(-1, len(steps)),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=np.nan,
    ).reshape(image.shape[:3])
    logits[((image < 0) | (image > [width - 1, height - 1])).any(axis=-1)] = np.nan
    return np.array([sum(_way_out(side, steps, step) for side in sides) for sides in logits])


def _way_out(logits: FloatArray, steps: FloatArray, step: float) -> float:
    """How far it is to the first place outside a silhouette; NaN: not seen."""
    outside = ~(logits > 0)
    first = int(outside.argmax()) if len(logits) else 0
    if not first or np.isnan(logits[first]):
        return np.nan
    low, high = logits[first], logits[first - 1]
    return float(steps[first - 1] + step * high / (high - low))
