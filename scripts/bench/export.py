"""Measure humantrack-export: an hour of results to jsonl, against joblib.load and json.dump.

    python scripts/bench/export.py [--frames 108000] [--people 3] [--rotations matrix] [--keep DIR]
    python scripts/bench/export.py --formats all --frames 18000
    python scripts/bench/export.py --formats bvh,usd --frames 100000 --people 1 [--world]
    python scripts/bench/export.py --formats csv+json+mot,usd --results OUT.pkl

Generates results of random people, exports them, and loads and dumps them as one would without
humantrack; each in a process of its own. Prints frames per second and peak memory of both, their
ratio, which must be at least 3, and our memory, which must stay below 300 MB. Exits 1 if either is
missed. An hour needs some 15 GB of memory (for the other side) and 5 GB of disk.

With ``--formats`` it measures formats instead: peak memory, and processor time over that of only
reading the results; ``csv+tables`` are a format and the tables beside it, ``csv+json`` two formats
in one walk, whose peak each alone stays below. With ``--world`` a world file lies beside the
results, in which motion formats have people then; ``--results`` takes those instead of generating
some. Exits 1 if any takes 300 MB or more.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FPS = 30
LEAST_RATIO, MOST_MEMORY = 3.0, 300e6
SIDES = "humantrack-export", "joblib + json.dump"
_TABLES = "tables"
"""After a format's name and a plus: the tables of tracks and frames too."""


def main() -> int:
    """Measure, print, and say by the exit code whether the goals are met."""
    options = parse()
    if options.child:
        return run_child(options.child, options.results, options.rotations)
    if options.results:
        print(f"{options.results}, {options.results.stat().st_size:,} bytes", flush=True)
        return compare_formats(options.results, options)
    with tempfile.TemporaryDirectory(dir=options.keep) as folder:
        results = Path(folder) / "hour.pkl"
        generate(results, options.frames, options.people)
        if options.world:
            generate_world(results, options.people)
        size = results.stat().st_size
        print(f"{options.frames} frames, {options.people} people, {size:,} bytes", flush=True)
        if options.formats:
            return compare_formats(results, options)
        rates, peaks = {}, {}
        for side in SIDES:
            command = [sys.executable, __file__, "--child", side, "--results", str(results)]
            command += ["--rotations", options.rotations]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, peak, size = map(float, out.split())
            rates[side], peaks[side] = options.frames / seconds, peak
            print(
                f"{side:20} {rates[side]:8.0f} frames/s  {peak / 1e6:9.0f} MB at most  "
                f"{size / 1e6:8.0f} MB written"
            )
    ours, theirs = rates.values()
    print(f"speed ratio {ours / theirs:.2f} (at least {LEAST_RATIO})")
    memory = peaks["humantrack-export"]
    print(f"our memory  {memory / 1e6:.0f} MB (below {MOST_MEMORY / 1e6:.0f})")
    return 0 if ours / theirs >= LEAST_RATIO and memory < MOST_MEMORY else 1


def parse() -> argparse.Namespace:
    """The command line; ``--child`` is how this script calls itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=3600 * FPS)
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--rotations", default="axis_angle")
    parser.add_argument("--formats", help="'all', or some with commas between")
    parser.add_argument("--world", action="store_true", help="with a world beside the results")
    parser.add_argument("--keep", type=Path, help="folder to work in")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, help="results to measure formats with")
    return parser.parse_args()


def compare_formats(results: Path, options: argparse.Namespace) -> int:
    """Each format in a process of its own."""
    from humantrack.export.formats.base import FORMATS

    tables = [f"{name}+{_TABLES}" for name in ("csv", "parquet")]
    names = [*FORMATS, *tables] if options.formats == "all" else options.formats.split(",")
    reading = 0.0
    worst = 0.0
    print(f"{'':16} {'CPU s':>8} {'ratio':>6} {'peak MB':>8} {'MB written':>10}", flush=True)
    for name in ("read", *names):
        command = [sys.executable, __file__, "--child", name, "--results", str(results)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name:16} {done.stderr.strip().splitlines()[-1]}", flush=True)
            worst = float("inf")
            continue
        seconds, peak, size = map(float, done.stdout.split())
        reading = reading or seconds
        worst = max(worst, peak)
        ratio = seconds / reading
        print(
            f"{name:16} {seconds:8.1f} {ratio:6.2f} {peak / 1e6:8.0f} {size / 1e6:10.1f}",
            flush=True,
        )
    print(f"peak memory {worst / 1e6:.0f} MB (below {MOST_MEMORY / 1e6:.0f})")
    return 0 if worst < MOST_MEMORY else 1


def run_format(name: str, results: Path) -> int:
    """Formats in one walk, or 'read': print processor seconds, peak bytes and bytes written."""
    from humantrack.clips.source import ResultsSource
    from humantrack.export import ExportOptions, export, find_format

    names = name.split("+")
    options = ExportOptions(tables=("tracks", "frames") if _TABLES in names else ())
    with tempfile.TemporaryDirectory(dir=results.parent) as folder:
        start = time.process_time()
        if name == "read":
            for batch in ResultsSource(results).batches():
                _ = batch.people
        else:
            formats = [find_format(name) for name in names if name != _TABLES]
            export(results, formats, f"{folder}/", options)
        seconds = time.process_time() - start
        size = sum(file.stat().st_size for file in Path(folder).rglob("*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(seconds, peak, size)
    return 0


def run_child(side: str, results: Path, rotations: str) -> int:
    """One side: print seconds, peak bytes and bytes written."""
    if side not in SIDES:
        return run_format(side, results)
    out = results.with_suffix(".jsonl")
    run: Callable[[], Any]
    if side == "humantrack-export":
        from humantrack.export import ExportOptions, export, find_format

        options = ExportOptions(rotations=rotations)
        run = lambda: export(results, [find_format("jsonl")], out, options, force=True)  # noqa: E731
    else:
        import joblib

        def run() -> None:
            frames = joblib.load(results)
            with out.open("w") as file:
                for key, frame in frames.items():
                    json.dump({"key": key, **frame}, file, default=lambda value: value.tolist())
                    file.write("\n")

    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(seconds, peak, out.stat().st_size)
    out.unlink()
    return 0


def generate(path: Path, frames: int, people: int) -> None:
    """Results of people who are always there, with a mask each, without the tracker's vectors."""
    from humantrack.results import ResultsWriter

    rng = np.random.default_rng(0)
    with ResultsWriter(path, features=False) as writer:
        for index in range(frames):
            key = f"hour/{index + 1:06d}.jpg"
            writer.write_frame(key, frame(rng, index, key, people))


def generate_world(results: Path, people: int) -> None:
    """A world beside results: random people, before a camera that turns and moves."""
    from humantrack.geometry.rotations import axis_angle_to_matrix
    from humantrack.results import iter_results
    from humantrack.types.world import WorldFrame, WorldPerson
    from humantrack.world.file import WorldWriter

    rng = np.random.default_rng(1)
    with WorldWriter(results) as writer:
        for index, (_, frame) in enumerate(iter_results(results)):
            is_left = index % FPS < FPS // 2  # steps, as when walking
            turns = axis_angle_to_matrix(rng.standard_normal((people, 24, 3)))
            joints = rng.normal((0, 1, -5), 1, (people, 45, 3))
            somebody = [
                WorldPerson(
                    track_id=track_id,
                    is_observed=True,
                    root_position=joints[k, 8],
                    root_rotation=turns[k, 0],
                    body_pose=turns[k, 1:],
                    betas=np.zeros(10),
                    joints=joints[k],
                    contacts=np.array([is_left, is_left, not is_left, not is_left]),
                    confidence=0.9,
                )
                for k, track_id in enumerate(frame["tid"])
            ]
            writer.write(
                WorldFrame(
                    index=index,
                    time_s=index / FPS,
                    shot=0,
                    camera_rotation=axis_angle_to_matrix(np.array([0, np.sin(index / 300), 0])),
                    camera_position=np.array([np.sin(index / 500), 1.5, 0]),
                    focal_px=2000.0,
                    centre_px=np.array([960.0, 540.0]),
                    people=tuple(somebody),
                )
            )


def frame(rng: np.random.Generator, index: int, key: str, people: int) -> dict[str, Any]:
    """One frame under PHALP's keys."""
    from humantrack.geometry.rotations import axis_angle_to_matrix

    def turns(joints: int) -> list[np.ndarray]:
        angles = rng.standard_normal((people, joints, 3), np.float32)
        return list(axis_angle_to_matrix(angles).astype(np.float32))

    def normal(*shape: int) -> list[np.ndarray]:
        numbers = rng.standard_normal((people, *shape), np.float32)
        return list(numbers)

    ids = list(range(1, people + 1))
    boxes, betas = normal(4), normal(10)
    bodies = zip(turns(1), turns(23), betas, strict=True)
    places = [place + np.array([0, 0, 60], np.float32) for place in normal(3)]
    return {
        "time": index,
        "shot": 0,
        "frame_path": key,
        "tracked_ids": ids,
        "tracked_bbox": boxes,
        "tid": ids,
        "bbox": boxes,
        "tracked_time": [0] * people,
        "center": [box[:2].astype(float) for box in boxes],
        "scale": [0.5] * people,
        "size": [[1080, 1920]] * people,
        "img_path": [key] * people,
        "img_name": [key.rsplit("/", maxsplit=1)[-1]] * people,
        "class_name": [np.int64(0)] * people,
        "conf": [np.float32(0.9)] * people,
        "annotations": [[]] * people,
        "smpl": [{"global_orient": g, "body_pose": p, "betas": b} for g, p, b in bodies],
        "camera": places,
        "camera_bbox": normal(3),
        "3d_joints": normal(45, 3),
        "2d_joints": normal(90),
        "mask": [[{"size": [1080, 1920], "counts": "Yjjl0a1lo0V1" * 20}]] * people,
        "extra_data": list(range(people)),
        "time_s": index / FPS,
    }


if __name__ == "__main__":
    sys.exit(main())
