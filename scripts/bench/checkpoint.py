"""Measure what checkpoints cost: the share of a run's processor time, and the size of one.

    python scripts/bench/checkpoint.py [CLIP] [--frames 120]

Runs the embedded default once, with the state remembered between all chunks and a checkpoint at
every tenth, and counts the main thread's processor time inside. From that follows the cost at
the default of one checkpoint in 30 s.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from humantrack import BlazePose_4dhuman, load_config
from humantrack.pipeline.checkpoint import Checkpoints

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_EVERY_S = 30


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=ROOT / "tests/data/demo.mp4")
    parser.add_argument("--frames", type=int, default=120)
    options = parser.parse_args()
    spent: dict[str, list[float]] = {"between": [], "save": []}
    sizes: list[int] = []
    between, save = Checkpoints.between, Checkpoints.save

    def timed_between(self, window):
        start = time.thread_time()
        between(self, window)
        spent["between"].append(time.thread_time() - start)
        if len(spent["between"]) % 10 == 0:
            start, wall = time.thread_time(), time.perf_counter()
            if save(self):
                spent["save"].append(time.thread_time() - start)
                spent.setdefault("save, waiting included", []).append(time.perf_counter() - wall)
                sizes.append(self._path.stat().st_size)

    with (
        tempfile.TemporaryDirectory() as out,
        mock.patch.object(Checkpoints, "between", timed_between),
    ):
        cfg = load_config(
            f"video.source='{options.clip}'",
            f"video.output_dir='{out}'",
            *(f"video.end_frame={options.frames}", "checkpoint.every_s=1e9", "batch_frames=4"),
        )
        tracker = BlazePose_4dhuman(cfg)
        start, wall = time.process_time(), time.perf_counter()
        tracker.track()
        total, wall = time.process_time() - start, time.perf_counter() - wall
    for name, times in spent.items():
        mean = 1000 * sum(times) / len(times)
        print(f"{name}: {len(times)} times, {mean:.2f} ms each")
    print(f"size of a checkpoint: {sum(sizes) / len(sizes) / 1000:.0f} kB")
    print(f"run: {wall:.1f} s, {total:.1f} s of processor time")
    remembering = sum(spent["between"]) / total
    saving = sum(spent["save"]) / len(spent["save"]) / DEFAULT_EVERY_S
    print(f"share of the run: {remembering:.2%} to remember, {saving:.2%} to write every 30 s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
