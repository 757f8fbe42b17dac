"""What parts cost and gain: one clip by 1 and 2 processes, observations' cost, tracking again.

usage: python scripts/bench/split.py [CLIP] [KEY=VALUE ...]
       python scripts/bench/split.py --frames 20000,200000 [PEOPLE]

The first measures a clip: each process has as many cores as the others. The second writes
observations of people (four) who walk about, for so many frames, and tracks them, each time in a
process of its own, whose memory at its largest is told. Wall time of a busy machine says little;
CPU time is told, too.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from humantrack import load_config, read_observations
from humantrack.config.options import plain
from humantrack.split.again import track_again
from humantrack.split.encoding import plain_source
from humantrack.split.files import ObservationWriter
from humantrack.split.job import track_in_parts
from humantrack.split.plan import part_path
from humantrack.split.processes import in_processes
from humantrack.types import SourceInfo

ROOT = Path(__file__).resolve().parents[2]
_SIZE = (480, 854)
_AT_ONCE = 8


def main(argv: list[str]) -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as folder:
        if argv[:1] == ["--frames"]:
            for frames in map(int, argv[1].split(",")):
                _track_generated(frames, int((*argv, 4)[2]), Path(folder) / str(frames))
        elif argv[:1] == ["--track"]:
            _track(Path(argv[1]), Path(argv[2]))
        else:
            clip = next((a for a in argv if "=" not in a), str(ROOT / "tests/data/demo.mp4"))
            _measure(clip, [a for a in argv if "=" in a], Path(folder))


def _measure(clip: str, overrides: list[str], out: Path) -> None:
    seconds = {}
    for workers in (1, 2):
        given = [f"video.source='{clip}'", f"video.output_dir='{out / str(workers)}'"]
        given += ["render.enable=false", "world.enable=false", "results.observations=true"]
        given += [f"split.parts={workers}", f"split.workers={workers}", *overrides]
        start, used = time.perf_counter(), _cpu_s()
        done = track_in_parts(load_config(*given), Event(), launch=in_processes)
        seconds[workers] = time.perf_counter() - start
        print(
            f"{workers} processes: {seconds[workers]:.1f} s, {_cpu_s() - used:.1f} s of CPU, "
            f"{done.frames} frames"
        )
    print(f"2 processes are {seconds[1] / seconds[2]:.2f} times as fast as 1")
    folder = done.results.with_suffix(".observations")
    start = time.process_time()
    people = sum(len(frame.people) for frame in read_observations(folder))
    read = time.process_time() - start
    size = sum(p.stat().st_size for p in folder.glob("*.obs"))
    print(
        f"observations: {people} people, {size / max(people, 1) / 1e3:.1f} kB each, "
        f"read in {read:.2f} s ({100 * read / seconds[1]:.1f} % of finding)"
    )
    _track(folder, out / "again")


def _track(folder: Path, out: Path) -> None:
    start = time.process_time()
    done = track_again([folder], [f"video.output_dir='{out}'"], Event())
    spent = time.process_time() - start
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"tracking {done.frames} frames again: {done.tracks} tracks, "
        f"{done.frames / spent:.0f} frames/s of CPU time, largest {largest:.0f} MB",
        flush=True,
    )


def _track_generated(frames: int, people: int, folder: Path) -> None:
    start = time.process_time()
    _generate(frames, people, folder)
    print(
        f"{frames} frames of {people} people written in {time.process_time() - start:.0f} s of CPU",
        flush=True,
    )
    call = [sys.executable, __file__, "--track", str(folder), str(folder / "out")]
    subprocess.run(call, check=True)


def _generate(frames: int, people: int, folder: Path) -> None:
    """A file of observations of people who walk to and fro, 30 frames a second."""
    from humantrack.trackers.embedded import BlazePose_4dhuman as Kind

    config = load_config("video.source=walk.mp4")
    info = SourceInfo(
        path=Path("walk.mp4"),
        name="walk.mp4",
        kind="video",
        width=_SIZE[1],
        height=_SIZE[0],
        fps=Fraction(30),
        frame_count=frames,
    )
    head = {
        **{"part": 1, "start": None, "stop": None, "cuts": [], "rate": 30.0, "settings": {}},
        **{"version": "0", "fingerprint": {"source": "0" * 16, "finding": "0" * 16}},
        **{"source": plain_source(info), "config": plain(config), "cwd": "."},
        "tracker": f"{Kind.__module__}.{Kind.__qualname__}",
    }
    writer = ObservationWriter(part_path(folder, 1), head)
    some: list[dict[str, Any]] = []
    for frame in _walking(frames, people):
        some.append(frame)
        if len(some) == _AT_ONCE or frame["index"] == frames - 1:
            writer.append_values(some)
            some = []
    writer.finish(decode_errors=0, messages=[], notes=[])


def _walking(frames: int, count: int) -> Iterator[dict[str, Any]]:
    random = np.random.default_rng(0)
    people = [_person(random) for _ in range(count)]
    for index in range(frames):
        for k, person in enumerate(people):
            x = 110 + 200 * k + 60 * np.sin(index / 100 + k)
            box = np.array([x - 40, 120, x + 40, 420], np.float32)
            person |= {"xyxy_px": box, "padded_xyxy_px": box, "row": k}
            # What networks see is never twice the same.
            person["joints_3d"] = person["joints_3d"] + random.normal(0, 1e-3, (45, 3))
            person["joints_3d"] = person["joints_3d"].astype(np.float32)
        yield {
            **{"index": index, "source_index": index, "key": f"walk/{index:06d}.jpg"},
            **{"time_s": index / 30, "is_shot_start": False, "image_size": _SIZE},
            "people": [
                {k: v for k, v in one.items() if not isinstance(v, np.ndarray)} for one in people
            ],
            "columns": {
                k: np.stack([one[k] for one in people])
                for k, v in people[0].items()
                if isinstance(v, np.ndarray)
            },
        }


def _person(random: np.random.Generator) -> dict[str, Any]:
    """A person's values that stay, by the names of an ``Observation``."""
    zeros = {"betas": 10, "cam_crop": 3, "location_vector": 99, "pose_vector": 229}
    code = np.zeros(4096, np.float32)
    code[:192] = random.random(192)
    return {
        **{name: np.zeros(size, np.float32) for name, size in zeros.items()},
        **{"score": 0.9, "class_id": 0, "mask": None, "gt_id": None, "annotation": None},
        "global_orient": np.eye(3, dtype=np.float32)[None],
        "body_pose": np.tile(np.eye(3, dtype=np.float32), (23, 1, 1)),
        "cam_t": np.array([0, 0, 40], np.float32),
        "joints_3d": random.normal(0, 0.5, (45, 3)).astype(np.float32),
        "joints_2d": random.random((45, 2), np.float32),
        "code": code,
        "joint_confidence": np.ones(45, np.float32),
        "joint_error_mm": np.full((45, 2), 50, np.float32),
        "joint_source": np.zeros(45, np.uint8),
        "extra": None,
    }


def _cpu_s() -> float:
    """Seconds of CPU of this process and those it has waited for."""
    every = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, every))


if __name__ == "__main__":
    main(sys.argv[1:])
