"""Measure a sweep on two processes against as many single runs, one after the other.

    python scripts/bench/sweep.py [CLIP] [--clips 40] [--frames 8] [--workers 2]

Copies CLIP (the tests' small one unless given) into a temporary folder, tracks the first frames of
each copy in a run of its own, then all of them in one sweep with hydra/launcher=joblib. Prints the
seconds of both and their ratio, which must be at least 1.8: on clips as short as these the start
dominates, and a worker of a sweep starts and loads its models once. The results of both must be
equal. Exits 1 if the ratio is missed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from humantrack import load_results

SMALL = Path(__file__).resolve().parents[2] / "tests" / "data" / "demo_small.mp4"
LEAST_RATIO = 1.8


def main() -> int:
    """Measure, print, and say by the exit code whether the ratio holds."""
    options = parse()
    some = (f"video.end_frame={options.frames}", "render.enable=false", "tracker=embedded")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = copies(options.clip, folder / "clips", options.clips)
        run(f"video.source={clips[0]}", f"video.output_dir={folder / 'warm'}", *some)
        start = time.perf_counter()
        for clip in clips:
            run(f"video.source={clip}", f"video.output_dir={folder / 'alone'}", *some)
        alone_s = time.perf_counter() - start
        start = time.perf_counter()
        run(
            *("-m", f"video.source={folder / 'clips'}", f"video.output_dir={folder / 'sweep'}"),
            *("hydra/launcher=joblib", f"hydra.launcher.n_jobs={options.workers}", *some),
        )
        sweep_s = time.perf_counter() - start
        people = check_equal(clips, folder)
    frames = options.clips * options.frames
    print(f"{options.clips} clips of {options.frames} frames, {people} people seen in them")
    print(f"one by one     {alone_s:7.1f} s  {frames / alone_s:6.1f} frames/s")
    print(f"sweep          {sweep_s:7.1f} s  {frames / sweep_s:6.1f} frames/s")
    print(f"ratio          {alone_s / sweep_s:7.2f}    (at least {LEAST_RATIO})")
    return 0 if alone_s / sweep_s >= LEAST_RATIO else 1


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=SMALL)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def copies(clip: Path, folder: Path, count: int) -> list[Path]:
    """So many copies of a clip."""
    folder.mkdir()
    paths = [folder / f"take{n}{clip.suffix}" for n in range(count)]
    for path in paths:
        shutil.copy(clip, path)
    return paths


def run(*arguments: str) -> None:
    """One command, in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "humantrack", *arguments], check=True, stderr=subprocess.PIPE
    )


def check_equal(clips: list[Path], folder: Path) -> int:
    """How many people were seen; fails if the two ways differ anywhere."""
    people = 0
    for clip in clips:
        results = Path("results") / f"demo_{clip.stem}.pkl"
        alone = load_results(folder / "alone" / results)
        swept = load_results(folder / "sweep" / clip.name / results)
        assert list(alone) == list(swept)
        for one, other in zip(alone.values(), swept.values(), strict=True):
            assert one["tid"] == other["tid"]
            for body, same in zip(one["smpl"], other["smpl"], strict=True):
                assert (body["body_pose"] == same["body_pose"]).all()
            people += len(one["tid"])
    return people


if __name__ == "__main__":
    sys.exit(main())
