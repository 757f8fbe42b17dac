"""UV maps -> codes, and how much the textures of tracks and detections differ."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from humantrack.appearance.autoencoder import Encoder
from humantrack.nn.transfer import to_device, to_host
from humantrack.types import CODE_SIZE
from humantrack.types.arrays import BoolArray, FloatArray

CODE_SCALE = 1000.0
"""Codes are divided by this before they are compared (PHALP's nn_matching.py)."""

SEEN = 0.5
"""A texel counts as seen where channel 3 is larger."""


class TextureEncoder:
    """(B,4,256,256) maps -> (B,4096) codes, arrays or tensors in, arrays out.

    Args:
        encoder: from :func:`humantrack.appearance.hmar.load_encoder`.
        batch_size: maps that go through it at once.
    """

    def __init__(self, encoder: Encoder, *, batch_size: int = 32) -> None:
        self._encoder, self._batch_size = encoder, batch_size

    @torch.inference_mode()
    def __call__(self, maps: FloatArray | Tensor) -> FloatArray:
        """See the class."""
        device = self._encoder.device
        codes = [np.zeros((0, CODE_SIZE), np.float32)]
        for start in range(0, len(maps), self._batch_size):
            part = _on(device, maps[start : start + self._batch_size])
            codes.extend(to_host(self._encoder(part)))
        return np.concatenate(codes)


class BatchedEmbedder:
    """Compares textures of tracks and detections, all pairs of a frame at once on the device.

    A pair shares only the texels seen in both maps, so each has two maps of its own to encode. A
    pair that shares none has distance 0, as two empty maps have.

    Args:
        encoder: from :func:`humantrack.appearance.hmar.load_encoder`.
        batch_pairs: most pairs in one forward pass; 20 MiB each. None: 100 on a GPU, which is 2
            GiB, and 2 on a CPU, whose caches hold no more.
    """

    def __init__(self, encoder: Encoder, *, batch_pairs: int | None = None) -> None:
        self._encoder = encoder
        on_cpu = encoder.device.type == "cpu"
        self._batch_pairs = batch_pairs or (2 if on_cpu else 100)

    @torch.inference_mode()
    def squared_distances(
        self, tracks: FloatArray, detections: FloatArray, wanted: BoolArray
    ) -> FloatArray:
        """Squared distances between codes / 1000 of what both maps show.

        Args:
            tracks: (T,4,256,256) float32.
            detections: (D,4,256,256) float32.
            wanted: (T,D) pairs to compare.

        Returns:
            (T,D) float64, 0 for pairs that are not wanted.
        """
        result = np.zeros(wanted.shape)
        if not wanted.any():
            return result
        device = self._encoder.device
        sides = [_on(device, maps) for maps in (tracks, detections)]
        seen = [maps[:, 3:] > SEEN for maps in sides]
        for rows, columns in self._batches(wanted):
            picks = [torch.as_tensor(index, device=device) for index in (rows, columns)]
            hidden = ~(seen[0][picks[0]] & seen[1][picks[1]])
            maps = torch.cat([side[pick] for side, pick in zip(sides, picks, strict=True)])
            maps.view(2, *hidden.shape[:1], *maps.shape[1:]).masked_fill_(hidden, 0)
            a, b = self._encoder(maps).cpu().double().div_(CODE_SCALE).chunk(2)
            result[rows, columns] = (a - b).square_().sum(1).numpy()
        return result

    def _batches(self, wanted: BoolArray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows and columns of the pairs, in batches."""
        rows, columns = np.nonzero(wanted)
        size = self._batch_pairs
        return [(rows[i : i + size], columns[i : i + size]) for i in range(0, len(rows), size)]


def _on(device: torch.device, maps: FloatArray | Tensor) -> Tensor:
    """The maps as float32 on the device."""
    if isinstance(maps, Tensor):
        return maps.to(device, torch.float32)
    return to_device(np.asarray(maps, np.float32), device)
