"""The similarity or rigid motion that brings points nearest to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from humantrack.types.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Similarity:
    """``x -> scale * rotation @ x + translation``, one or a batch."""

    scale: FloatArray
    """(...,)"""

    rotation: FloatArray
    """(...,3,3)"""

    translation: FloatArray
    """(...,3)"""

    def __call__(self, points: FloatArray) -> FloatArray:
        """Points (...,N,3), or (T,J,3) by a single one, moved."""
        turned = points @ np.swapaxes(self.rotation, -1, -2)
        return np.asarray(self.scale[..., None, None] * turned + self.translation[..., None, :])


def similarity(source: FloatArray, target: FloatArray, *, with_scale: bool = True) -> Similarity:
    """The motion that brings ``source`` nearest to ``target`` in the least-squares sense.

    With centred points a, b: U D V^T = svd(sum b a^T), S = diag(1, 1, det(U V^T)),
    R = U S V^T, s = trace(D S) / sum |a|^2, t = mean(target) - s R mean(source).

    Args:
        source: (...,N,3).
        target: (...,N,3), in the same unit.
        with_scale: False leaves the size of ``source`` as it is (s = 1).

    Returns:
        One motion for each of the leading dimensions. Points that all lie in one place keep their
        size.

    Source:
        Umeyama, "Least-squares estimation of transformation parameters between two point
        patterns", PAMI 1991, equations 40 to 43.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    mean_a, mean_b = source.mean(axis=-2), target.mean(axis=-2)
    a, b = source - mean_a[..., None, :], target - mean_b[..., None, :]
    u, d, vt = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
    sign = np.ones_like(d)
    sign[..., 2] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    rotation = (u * sign[..., None, :]) @ vt
    scale = np.ones(d.shape[:-1])
    if with_scale:
        spread = (a * a).sum(axis=(-1, -2))
        scale = np.where(spread > 0, (d * sign).sum(axis=-1) / np.where(spread > 0, spread, 1), 1.0)
    turned = (rotation @ mean_a[..., None])[..., 0]
    return Similarity(scale, rotation, mean_b - scale[..., None] * turned)
