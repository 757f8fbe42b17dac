"""Texture maps: comparing them through an encoder, and a track's memory of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from humantrack.types.arrays import BoolArray, FloatArray

UvEncoder = Callable[[FloatArray], Any]
"""(B,4,256,256) float32 texture maps -> (B,4096) embeddings, anything numpy can read."""


class Embedder(Protocol):
    """Compares the texture maps of tracks and detections."""

    def squared_distances(
        self, tracks: FloatArray, detections: FloatArray, wanted: BoolArray
    ) -> FloatArray:
        """Squared distances between embeddings / 1000 of what both maps show.

        Args:
            tracks: (T,4,256,256).
            detections: (D,4,256,256).
            wanted: (T,D) pairs to compare.

        Returns:
            (T,D) float64, 0 for pairs that are not wanted.
        """


class PairEmbedder:
    """Sends all wanted pairs of a frame through an encoder in few, bounded batches.

    A pair shares only the texels seen in both maps, so each has two maps of its own to encode.

    Args:
        encoder: texture maps -> embeddings.
        batch_pairs: most pairs in one call of the encoder (2 MiB each).
    """

    def __init__(self, encoder: UvEncoder, *, batch_pairs: int = 32) -> None:
        self._encoder, self._batch_pairs = encoder, batch_pairs

    def squared_distances(
        self, tracks: FloatArray, detections: FloatArray, wanted: BoolArray
    ) -> FloatArray:
        """See ``Embedder``."""
        result = np.zeros(wanted.shape)
        rows, columns = np.nonzero(wanted)
        for start in range(0, len(rows), self._batch_pairs):
            r = rows[start : start + self._batch_pairs]
            c = columns[start : start + self._batch_pairs]
            a, b = tracks[r], detections[c]
            shared = (a[:, 3:] > 0.5) & (b[:, 3:] > 0.5)
            maps = np.concatenate([np.where(shared, a, 0), np.where(shared, b, 0)])
            codes = np.asarray(self._encoder(maps), np.float64) / 1000
            result[r, c] = ((codes[: len(r)] - codes[len(r) :]) ** 2).sum(1)
        return result


def blend_uv(old: FloatArray, new: FloatArray, *, confidence: float, alpha: float) -> FloatArray:
    """A track's texture after one more look: (4,256,256) float32.

    Texels seen in both are mixed with weight alpha * confidence^2 for the new; texels seen in one
    are taken from it; the others have no colour and a mask of -1.
    """
    weight = np.float32(alpha * confidence**2)
    in_old, in_new = old[3] == 1, new[3] == 1
    mixed = (1 - weight) * old[:3] + weight * new[:3]
    rgb = np.where(in_old, np.where(in_new, mixed, old[:3]), np.where(in_new, new[:3], 0))
    mask = np.where(in_old | in_new, 1, -1)
    return np.concatenate([rgb, mask[None]]).astype(np.float32)
