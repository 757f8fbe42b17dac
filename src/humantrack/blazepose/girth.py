"""How heavy a person is, from his silhouette: its width across trunk and thighs over a body's.

Bodies of the person's own lengths and several girths, in the pose of the frame, are laid over the
silhouette, and all are measured along the same lines. So arms and legs that touch the trunk or
each other count on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
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

_LINES = (
    *((_HIPS, _SHOULDERS, share) for share in (0.3, 0.5, 0.7)),
    *(
        ((hip,), (knee,), share)
        for hip, knee in zip(_HIPS, _KNEES, strict=True)
        for share in (0.35, 0.65)
    ),
)
"""Where silhouettes are measured: from, to, and how far on. Hands hang at the middle of thighs."""

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
        weight = len(known) / len(_LINES)
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
    out = np.full(len(_LINES), np.nan)
    for i, (at, along) in enumerate(_lines(tried.joints_3d[0], square, tried.joints_2d[0], metre)):
        if along is None:
            continue
        across = np.array([-along[1], along[0]])
        axes = np.stack([along, across], axis=1)
        seen = _width_of_silhouette(segmentation, to_crop, at, across, metre, height, width)
        mine = np.array([_width_of_surface((some - at) @ axes, faces) for some in points])
        if not (seen > 0 and (mine > 0).all()):
            continue
        wider = np.log(mine / mine[0])
        if wider[-1] - wider[0] > _LEAST_SLOPE * (_TRIED[-1] - _TRIED[0]):
            out[i] = _interpolated(float(np.log(seen / mine[0])) - _WIDER, wider)
    return out


def _interpolated(value: float, wider: FloatArray) -> float:
    """The girth at which bodies are so much wider, also beyond those tried."""
    wider = np.maximum.accumulate(wider) + 1e-6 * np.arange(len(wider))
    k = int(np.clip(np.searchsorted(wider, value) - 1, 0, len(wider) - 2))
    share = (value - wider[k]) / (wider[k + 1] - wider[k])
    return float(np.clip(_TRIED[k] + share * (_TRIED[k + 1] - _TRIED[k]), -LIMIT, LIMIT))


def _lines(
    joints_3d: FloatArray, square: PaddedSquare, joints_2d: FloatArray, metre: float
) -> Iterator[tuple[FloatArray, FloatArray | None]]:
    """A point and the bone's direction in the image for each line; None if foreshortened."""
    joints = square.to_image(joints_2d)
    for start, end, share in _LINES:
        a, b = joints[list(start)].mean(axis=0), joints[list(end)].mean(axis=0)
        bone = joints_3d[list(end)].mean(axis=0) - joints_3d[list(start)].mean(axis=0)
        length = float(np.linalg.norm(b - a))
        is_across = length >= _SHORTEST * float(np.linalg.norm(bone)) * metre
        yield a + share * (b - a), (b - a) / length if is_across else None


def _width_of_surface(points: FloatArray, faces: IntArray) -> float:
    """How wide a surface is across a line, from the line's middle to its edges on both sides.

    Args:
        points: (V,2) of the image, along and across the line, its middle at the origin.
        faces: (F,3).
    """
    ahead = points[:, 0] > 0
    count = ahead[faces].sum(axis=1)
    cut = faces[(count == 1) | (count == 2)]
    # Of a face that the middle of the line cuts, one corner is alone on its side.
    side = ahead[cut]
    alone = np.where(side.sum(axis=1, keepdims=True) == 1, side, ~side).argmax(axis=1)
    rows = np.arange(len(cut))
    tip = points[cut[rows, alone]]
    ends = [
        tip + (other - tip) * (tip[:, :1] / (tip[:, :1] - other[:, :1]))
        for other in (points[cut[rows, (alone + k) % 3]] for k in (1, 2))
    ]
    low, high = np.sort([ends[0][:, 1], ends[1][:, 1]], axis=0)
    order = np.argsort(low)
    low, high = low[order], np.maximum.accumulate(high[order])
    starts = np.flatnonzero(np.append(True, low[1:] > high[:-1])[: len(low)])
    for k, start in enumerate(starts):
        end = starts[k + 1] - 1 if k + 1 < len(starts) else len(low) - 1
        if low[start] <= 0 <= high[end]:
            return float(high[end] - low[start])
    return np.nan


def _width_of_silhouette(  # noqa: PLR0917
    segmentation: FloatArray,
    to_crop: FloatArray,
    at: FloatArray,
    across: FloatArray,
    metre: float,
    height: int,
    width: int,
) -> float:
    """Pixels of the image from a point to the silhouette's edges on both sides; NaN: not seen."""
    per_px = float(np.sqrt(abs(np.linalg.det(to_crop[:, :2]))))
    step = _STEP * len(segmentation) / per_px
    steps = np.arange(0, _REACH_M * metre, step)
    total = 0.0
    for side in (1.0, -1.0):
        image = at + side * steps[:, None] * across
        crop = (image @ to_crop[:, :2].T + to_crop[:, 2]).astype(np.float32)
        logits = cv2.remap(
            np.asarray(segmentation, np.float32),
            crop[:, None, 0],
            crop[:, None, 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=np.nan,
        )[:, 0]
        logits[((image < 0) | (image > [width - 1, height - 1])).any(axis=1)] = np.nan
        outside = np.flatnonzero(~(logits > 0))
        if not len(outside) or outside[0] == 0 or np.isnan(logits[outside[0]]):
            return np.nan
        first = int(outside[0])
        low, high = logits[first], logits[first - 1]
        total += float(steps[first - 1] + step * high / (high - low))
    return total
