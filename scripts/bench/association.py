"""Measure texture association: all pairs of a frame in batches, against one pair at a time.

    python scripts/bench/association.py [--sizes 3x4 10x10 30x30] [--rounds 2] [--device cuda]

Weights are random, maps are half seen. "One at a time" is PHALP's way: for each pair the two masked
maps are made and sent through the encoder one after the other, in torch's usual layout. "Batched"
is ``BatchedEmbedder`` on the same pairs; "max off" is the largest difference of a distance,
relative to the largest distance. "Tracker" is what a frame costs in the tracker, which leaves out
pairs whose cost is past the threshold of 100 whatever their textures: people stand at random in a
wide frame, the detections are the tracks a step later; every cost up to the threshold is compared.
More than --most pairs are sampled and the time scaled (see "timed"). Exits 1 if numbers differ, or
if the tracker's 10x10 takes more than a fifth of one pair at a time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from humantrack.appearance.autoencoder import Encoder
from humantrack.appearance.encoder import BatchedEmbedder
from humantrack.tracking import AssociationCost, SampleBatch
from humantrack.tracking.texture import Embedder

TARGET, TARGET_SIZE = 5.0, (10, 10)
THRESHOLD = 100.0
TOLERANCE = 1e-4


class OnePairAtATime:
    """PHALP's way to compare textures, on the same weights."""

    def __init__(self, encoder: Encoder) -> None:
        self.convs = list(encoder.children())
        self.device = encoder.device

    def squared_distances(
        self, tracks: np.ndarray, detections: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """As ``BatchedEmbedder``."""
        result = np.zeros(wanted.shape)
        for row, column in np.argwhere(wanted):
            a, b = (torch.tensor(m, device=self.device) for m in (tracks[row], detections[column]))
            hidden = ~((a[3:] > 0.5) & (b[3:] > 0.5)).expand(4, -1, -1)
            a[hidden], b[hidden] = 0.0, 0.0
            a, b = (self.encode(m[None]).cpu() / 1000 for m in (a, b))
            result[row, column] = (a - b).double().square().sum()
        return result

    @torch.inference_mode()
    def encode(self, maps: torch.Tensor) -> torch.Tensor:
        """The six layers one after another."""
        for number, conv in enumerate(self.convs):
            maps = functional.relu(conv(maps))
            maps = functional.max_pool2d(maps, 2) if number < 4 else maps
        return maps.flatten(1)


def main() -> int:
    """Print the table."""
    options = parse()
    device = torch.device(options.device)
    torch.manual_seed(0)
    encoder = Encoder().requires_grad_(False).eval().to(device)
    print(f"device {device.type}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print("  size  pairs  timed  one/ms  batched/ms  ratio  max off   tracker pairs     ms  ratio")
    rows = [measure(size, encoder, options) for size in options.sizes]
    return 0 if all(rows) else 1


def measure(size: tuple[int, int], encoder: Encoder, options: argparse.Namespace) -> bool:
    """Print one row; whether it is as it should be."""
    batched, single = BatchedEmbedder(encoder), OnePairAtATime(encoder)
    tracks, detections = people(*size)
    for embedder in (batched, single):  # warm up
        embedder.squared_distances(tracks.uv, detections.uv, sample(size, 4))
    wanted = sample(size, options.most)
    scale = 1000 * wanted.size / wanted.sum()
    maps = tracks.uv, detections.uv, wanted
    want, one = timed(lambda: single.squared_distances(*maps), options.rounds)
    got, ours = timed(lambda: batched.squared_distances(*maps), options.rounds)
    off = np.abs(got - want).max() / want.max()
    gate = Noting(batched)
    costs, frame = timed(lambda: cost(gate, tracks, detections, THRESHOLD), options.rounds)
    one, ours, frame = one * scale, ours * scale, frame * 1000
    print(
        f"{size[0]:>3}x{size[1]:<3}{wanted.size:6d}{wanted.sum():7d}{one:8.0f}{ours:12.0f}"
        f"{one / ours:7.2f}{off:9.1e}{gate.pairs:16d}{frame:7.0f}{one / frame:7.2f}",
        flush=True,
    )
    good = off < TOLERANCE and (size != TARGET_SIZE or one / frame >= TARGET)
    if wanted.all():
        every = cost(Known(want), tracks, detections, np.inf)
        low = np.minimum(every, costs) <= THRESHOLD
        good &= bool(np.allclose(every[low], costs[low], rtol=TOLERANCE))
    return good


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    gpu = torch.cuda.is_available()
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--most", type=int, default=10_000 if gpu else 100, help="pairs to time")
    sizes = [(3, 4), (10, 10), (30, 30)]
    parser.add_argument("--sizes", type=as_size, nargs="+", default=sizes, metavar="TxD")
    return parser.parse_args()


def as_size(text: str) -> tuple[int, int]:
    """'3x4' -> (3, 4)."""
    rows, columns = text.split("x")
    return int(rows), int(columns)


def people(tracks: int, detections: int) -> tuple[SampleBatch, SampleBatch]:
    """Tracks with forecasts, and the same people (and more, if need be) a step later."""
    rng = np.random.default_rng(0)
    most = max(tracks, detections)
    xy = rng.uniform((0.05, 0.35), (0.95, 0.65), (most, 2))
    depth = 40 * np.exp(0.4 * rng.standard_normal(most))
    pose = 0.15 * rng.standard_normal((most, 229))
    colours = rng.standard_normal((most, 3, 256, 256)).astype(np.float32) / 5

    def batch(count: int, intervals: tuple[float, ...]) -> SampleBatch:
        location = np.zeros((count, 99), np.float32)
        location[:, 88:90] = xy[:count] + 0.01 * rng.standard_normal((count, 2))
        location[:, 92] = depth[:count] * np.exp(0.03 * rng.standard_normal(count))
        location[:, 93 : 93 + len(intervals)] = intervals
        coarse = torch.tensor(rng.standard_normal((count, 1, 16, 16)))
        seen = functional.interpolate(coarse, size=256, mode="bilinear").numpy() > 0
        uv = np.where(seen, colours[:count], 0)
        return SampleBatch(
            location=location,
            pose=(pose[:count] + 0.05 * rng.standard_normal((count, 229))).astype(np.float32),
            code=np.zeros((count, 4096), np.float32),
            uv=np.concatenate([uv, np.where(seen, 1, -1)], axis=1).astype(np.float32),
        )

    return batch(tracks, (0.02, 0.02, 1.1)), batch(detections, ())


def sample(size: tuple[int, int], most: int) -> np.ndarray:
    """(T,D) which pairs are timed."""
    wanted = np.zeros(size[0] * size[1], bool)
    wanted[np.random.default_rng(1).permutation(len(wanted))[:most]] = True
    return wanted.reshape(size)


def cost(
    embedder: Embedder, tracks: SampleBatch, detections: SampleBatch, threshold: float
) -> np.ndarray:
    """(T,D) as the tracker works it out."""
    matrix = AssociationCost(predict="TPL", distance_type="EQ_019", embedder=embedder)
    return matrix(tracks, detections, threshold=threshold)


class Noting:
    """An embedder that notes how many pairs were asked for."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder, self.pairs = embedder, 0

    def squared_distances(
        self, tracks: np.ndarray, detections: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray:
        """As ``BatchedEmbedder``."""
        self.pairs = int(wanted.sum())
        return self.embedder.squared_distances(tracks, detections, wanted)


class Known:
    """An embedder that was told all distances."""

    def __init__(self, distances: np.ndarray) -> None:
        self.distances = distances

    def squared_distances(self, *_maps: np.ndarray) -> np.ndarray:
        """As ``BatchedEmbedder``."""
        return self.distances


def timed(run: Callable[[], np.ndarray], rounds: int) -> tuple[np.ndarray, float]:
    """What it gives, and the median of its seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return result, statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
