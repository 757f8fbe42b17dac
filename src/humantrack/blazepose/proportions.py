"""A person's bone lengths from landmarks, robust over time; and the scale they give a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from humantrack.blazepose.lift import LIMBS
from humantrack.body.shape import BONE_LENGTHS
from humantrack.types.arrays import FloatArray, IntArray

_SPANS = (
    *(((0,), (2,)), ((1,), (3,)), ((2,), (4,)), ((3,), (5,))),
    *(((6,), (8,)), ((7,), (9,)), ((8,), (10,)), ((9,), (11,))),
    *(((6, 7), (0, 1)), ((1,), (0,)), ((7,), (6,))),
)
"""Ends of the 11 measured bones among the 12 limb landmarks (the middle where there are two)."""


def _across() -> FloatArray:
    """(11,12) limb landmarks -> from one end of each bone to the other."""
    out = np.zeros((len(_SPANS), len(LIMBS)))
    for row, (start, end) in enumerate(_SPANS):
        out[row, list(end)] += 1 / len(end)
        out[row, list(start)] -= 1 / len(start)
    return out


_ACROSS = _across()

BONE_OF_SPAN = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6])
_SPANS_OF_BONE = np.bincount(BONE_OF_SPAN)
_TALL = [BONE_LENGTHS.index(name) for name in ("thigh", "shin", "trunk")]
"""Bones whose sum is kept: one camera cannot tell a tall person from one nearby."""

_SCALED = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0.0])
"""Bones that say how large a person is seen; the widths of shoulders and hips are too uncertain."""

_PRIOR = 9.0
"""Weight of the mean adult, in frames in which a bone lies in the picture's plane.

More than one frame, since the errors of neighbouring frames are alike."""

_MOST = 300.0
"""The past counts for no more frames than this, so that a wrong beginning is outgrown."""

_STEEPEST = 0.15
"""Share of a bone's squared length that is at least taken to lie in the picture's plane."""

_CLIP = 0.35
"""A single frame's length (logarithm) counts as no further off than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """The 11 bones of N people as one frame shows them."""

    length_px: FloatArray
    """(N,11) in the image."""

    depth_m: FloatArray
    """(N,11) along the view, from the world landmarks."""

    weight: FloatArray
    """(N,11) visibility of both ends."""


def spans(xy_px: FloatArray, depth: FloatArray, visibility: FloatArray) -> Spans:
    """Bones between landmarks that lie at the joints already.

    Args:
        xy_px: (N,33,2) image pixels.
        depth: (N,33) metres.
        visibility: (N,33) 0..1.
    """
    xy, z, seen = (a[:, LIMBS] for a in (xy_px, depth, visibility))
    return Spans(
        length_px=np.linalg.norm(_ACROSS @ xy, axis=-1),
        depth_m=(z[:, None] @ _ACROSS.T)[:, 0],  # rounds alike for any number of people
        weight=np.where(_ACROSS != 0, seen[:, None], np.inf).min(axis=-1),
    )


def picture_scale(seen: Spans, lengths: FloatArray, least: FloatArray) -> FloatArray:
    """(N,) px per metre at which bones of known lengths look as long as they do.

    A bone of length l that goes z into depth shows sqrt(l^2 - z^2); least squares over the bones.

    Args:
        seen: N people.
        lengths: (N,7) metres, in the order of ``BONE_LENGTHS``.
        least: (N,) positive; taken where the bones give no sensible scale.
    """
    flat = _flat(seen, lengths)
    weight = np.maximum(seen.weight, 0.05) * _SCALED * flat / lengths[:, BONE_OF_SPAN] ** 2
    top = (weight * seen.length_px**2).sum(axis=1)
    return np.asarray(np.maximum(np.sqrt(top / (weight * flat).sum(axis=1)), least))


def _flat(seen: Spans, lengths: FloatArray) -> FloatArray:
    """(N,11) squared metres of each bone in the picture's plane."""
    squared = lengths[:, BONE_OF_SPAN] ** 2
    return np.asarray(np.maximum(squared - seen.depth_m**2, _STEEPEST * squared))


class Proportions:
    """One person's bone lengths: a weighted mean over the frames seen, drawn to the mean adult.

    A bone counts the more, the better it is seen and the more it lies in the picture's plane, where
    its length hardly depends on the network's depth. The sum of thigh, shin and trunk stays that of
    the mean adult.

    Args:
        mean: (7,) the mean adult's lengths in metres.
    """

    def __init__(self, mean: FloatArray) -> None:
        self._mean = mean
        self._weight = np.zeros(len(mean))
        self._sum = np.zeros(len(mean))

    @property
    def lengths(self) -> FloatArray:
        """(7,) metres, in the order of ``BONE_LENGTHS``."""
        out = self._mean * np.exp(self._sum / (self._weight + _PRIOR))
        return np.asarray(out * (self._mean[_TALL].sum() / out[_TALL].sum()))

    def see(self, seen: Spans, row: int, scale: float) -> None:
        """Take in one frame: the ``row``-th person of ``seen`` at ``scale`` px per metre."""
        across = seen.length_px[row] / scale
        whole = np.hypot(across, seen.depth_m[row])
        flat = (across / np.maximum(whole, 1e-6)) ** 2
        off = np.log(np.maximum(whole, 1e-3) / self._mean[BONE_OF_SPAN])
        weight = seen.weight[row] * flat**2
        self._add(BONE_OF_SPAN, weight, np.clip(off, -_CLIP, _CLIP))

    def _add(self, bone: IntArray, weight: FloatArray, off: FloatArray) -> None:
        # New arrays: a state handed out must stay as it is.
        weight = weight / _SPANS_OF_BONE[bone]
        total = self._weight + np.bincount(bone, weight, len(self._weight))
        summed = self._sum + np.bincount(bone, weight * off, len(self._sum))
        keep = np.minimum(1, _MOST / np.maximum(total, 1e-9))
        self._weight, self._sum = total * keep, summed * keep

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {"weight": self._weight, "sum": self._sum}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._weight, self._sum = state["weight"], state["sum"]
