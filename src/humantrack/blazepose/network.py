"""The BlazePose landmark network: crops in, 33 landmarks of every person out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Any

import numpy as np

from humantrack import models
from humantrack.blazepose import regions
from humantrack.blazepose.corrections import FULL, HEAVY
from humantrack.blazepose.regions import CROP_PX, Cropper
from humantrack.cores import available_cores
from humantrack.types.arrays import ByteArray, FloatArray, IntArray

BODY_POINTS = 33
_ALL_POINTS = 39  # 33 and 34 place the next region, the rest is unused
_CENTRE, _RIM = 33, 34
_OUTPUTS = ("landmarks", "flag", "segmentation", "heatmap", "world")
_WINDOW = np.arange(-3, 4)  # the refinement looks at 7 x 7 heat-map cells
_PEAK = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmarks:
    """What the network says of N regions. Order of the points: MediaPipe's 33."""

    xy_px: FloatArray
    """(N,33,2) image pixels."""

    z_px: FloatArray
    """(N,33) depth in image pixels, relative to the hips, away from the viewer."""

    visibility: FloatArray
    """(N,33) 0..1; can be high for hidden limbs."""

    presence: FloatArray
    """(N,33) 0..1, inside the picture."""

    world: FloatArray
    """(N,33,3) metres from the middle of the hips, camera axes."""

    flag: FloatArray
    """(N,) probability that there is a person."""

    region: FloatArray
    """(N,4) where it looked."""

    next_region: FloatArray
    """(N,4) where to look in the next frame."""

    segmentation: FloatArray
    """(N,256,256) logits of the person's silhouette, on the crop's pixels."""

    def __len__(self) -> int:
        return len(self.flag)

    def __getitem__(self, index: Sequence[int] | IntArray) -> Landmarks:
        """The people picked by an index array."""
        keep: Any = np.asarray(index, np.intp)
        rows = keep.tolist()
        if rows == list(range(len(self))):
            return self
        if len(rows) == 1 and rows[0] >= 0:  # a view: silhouettes are large
            keep = slice(rows[0], rows[0] + 1)
        return Landmarks(**{name: getattr(self, name)[keep] for name in _FIELDS})

    @staticmethod
    def concatenate(parts: Sequence[Landmarks]) -> Landmarks:
        """All people of all parts, of which there must be one."""
        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        return Landmarks(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS}
        )


_FIELDS = tuple(f.name for f in fields(Landmarks))


class LandmarkNetwork:
    """Runs the network; sessions are made on first use.

    Crops of several people run side by side, each in a session of one thread, which beats threads
    inside the network and batches. A single crop has half of the cores: the other half is for what
    goes on beside it, and two threads take 1.4 times the CPU time of one.

    Args:
        threads: see :func:`humantrack.models.session`.
        model: ``models.BLAZEPOSE`` or ``models.BLAZEPOSE_HEAVY``, which take and give the same.
    """

    def __init__(self, threads: int | None = None, model: str = models.BLAZEPOSE) -> None:
        self._threads = threads or max(1, available_cores() // 2)
        self.model = model
        self.corrections = HEAVY if model == models.BLAZEPOSE_HEAVY else FULL

    def load(self) -> None:
        """Make the sessions now."""
        for threads in {1, self._threads}:
            models.session(self.model, threads)

    def __call__(self, cropper: Cropper, at: FloatArray) -> Landmarks:
        """Landmarks in (N,4) regions of an image."""
        return self.begin(cropper.crops(at), at).landmarks()

    def begin(self, crops: ByteArray, at: FloatArray) -> Looking:
        """Begin with crops (N,256,256,3) that were cut from (N,4) regions."""
        threads = self._threads if len(at) == 1 else 1
        jobs = [partial(self._run, crops[i : i + 1], threads) for i in range(len(at))]
        return Looking(models.Begun(jobs), np.asarray(at, np.float64))

    def _run(self, crop: ByteArray, threads: int) -> list[FloatArray]:
        outputs: list[FloatArray] = models.session(self.model, threads).run(
            _OUTPUTS, {"input": network_input(crop)}
        )
        return outputs


class Looking:
    """The network at work on the crops of one image; see :meth:`LandmarkNetwork.begin`."""

    def __init__(self, runs: models.Begun[list[FloatArray]], at: FloatArray) -> None:
        self._runs, self._at = runs, at

    def landmarks(self, rows: Sequence[int] | None = None) -> Landmarks:
        """What it has seen, of every crop or of those of these rows."""
        rows = range(len(self._at)) if rows is None else rows
        if not len(rows):
            return nobody()
        runs = self._runs.results(rows)
        heatmap = [run[3][0] for run in runs]  # large, and only looked at here and there
        arrays = ([run[k] for run in runs] for k in (0, 1, 2, 4))
        marks, flag, segmentation, world = (
            some[0] if len(some) == 1 else np.concatenate(some) for some in arrays
        )
        return decode(marks, flag, segmentation, heatmap, world, at=self._at[list(rows)])


def network_input(crops: ByteArray) -> FloatArray:
    """(N,256,256,3) uint8 -> (N,3,256,256) float32, RGB 0..1."""
    out = np.empty((len(crops), 3, CROP_PX, CROP_PX), np.float32)
    for channel in range(3):
        np.multiply(crops[..., channel], np.float32(1 / 255), out=out[:, channel])
    return out


def decode(
    landmarks: FloatArray,
    flag: FloatArray,
    segmentation: FloatArray,
    heatmap: Sequence[FloatArray],
    world: FloatArray,
    *,
    at: FloatArray,
) -> Landmarks:
    """The network's raw outputs for (N,4) regions -> image pixels and metres."""
    n = len(at)
    rows = landmarks.reshape(n, _ALL_POINTS, 5).astype(np.float64)
    matrix = regions.matrices(at)
    xy = refine(rows[..., :2], heatmap) @ matrix[:, :, :2].swapaxes(1, 2) + matrix[:, None, :, 2]
    metres = world.reshape(n, _ALL_POINTS, 3)[:, :BODY_POINTS].astype(np.float64)
    turned = np.empty((n, 2, 2))  # transposed, as it stands on the right
    turned[:, 0, 0] = turned[:, 1, 1] = np.cos(at[:, 3])
    turned[:, 0, 1] = np.sin(at[:, 3])
    turned[:, 1, 0] = -turned[:, 0, 1]
    metres[..., :2] = metres[..., :2] @ turned
    body = rows[:, :BODY_POINTS]
    seen = _sigmoid(body[..., 3:])
    return Landmarks(
        xy_px=xy[:, :BODY_POINTS],
        z_px=body[..., 2] * (at[:, 2:3] / CROP_PX),
        visibility=seen[..., 0],
        presence=seen[..., 1],
        world=metres,
        flag=flag.reshape(n).astype(np.float64),  # a probability already
        region=at,
        next_region=regions.from_circles(xy[:, _CENTRE], xy[:, _RIM]),
        segmentation=segmentation.reshape(n, CROP_PX, CROP_PX),
    )


def refine(xy: FloatArray, heatmap: Sequence[FloatArray] | FloatArray) -> FloatArray:
    """Move landmarks to the centre of mass of the heat map round them.

    Args:
        xy: (N,K,2) pixels of the crop.
        heatmap: N times (K,h,w) logits.

    Returns:
        (N,K,2); a landmark whose 7 x 7 cells have no peak of 0.5 stays where it is.
    """
    k, h, w = heatmap[0].shape
    per_cell = CROP_PX / w, CROP_PX / h
    cell = (xy / per_cell).astype(np.intp)  # towards 0
    col, row = cell[..., 0], cell[..., 1]
    inside = (col >= 0) & (col < w) & (row >= 0) & (row < h)
    cols, rows = col[..., None] + _WINDOW, row[..., None] + _WINDOW
    # Cells beyond the map's rim are asked of its nearest cells, and count nothing.
    at_col, at_row = np.clip(cols, 0, w - 1), np.clip(rows, 0, h - 1)
    first = h * w * np.arange(k)[:, None]
    cells = (first + w * at_row)[..., :, None] + at_col[..., None, :]
    weight = _sigmoid(np.array([one.take(at) for one, at in zip(heatmap, cells, strict=True)]))
    if not (np.array_equal(at_col, cols) and np.array_equal(at_row, rows)):
        weight *= (at_row == rows)[..., :, None] & (at_col == cols)[..., None, :]
    total = weight.sum(axis=(-2, -1))
    good = inside & (weight.max(axis=(-2, -1)) >= _PEAK)
    total = np.where(good, total, 1)
    out = np.empty(xy.shape)
    out[..., 0] = (weight.sum(axis=-2) * cols).sum(axis=-1) / total * per_cell[0]
    out[..., 1] = (weight.sum(axis=-1) * rows).sum(axis=-1) / total * per_cell[1]
    return np.where(good[..., None], out, xy)


def _sigmoid(x: FloatArray) -> FloatArray:
    out = np.exp(-np.maximum(x, -60))  # beyond, it would not be finite
    out += 1
    return np.asarray(np.reciprocal(out, out=out))


@cache
def nobody() -> Landmarks:
    """N = 0."""
    empty = np.zeros
    return Landmarks(
        xy_px=empty((0, BODY_POINTS, 2)),
        z_px=empty((0, BODY_POINTS)),
        visibility=empty((0, BODY_POINTS)),
        presence=empty((0, BODY_POINTS)),
        world=empty((0, BODY_POINTS, 3)),
        flag=empty(0),
        region=empty((0, 4)),
        next_region=empty((0, 4)),
        segmentation=empty((0, CROP_PX, CROP_PX), np.float32),
    )
