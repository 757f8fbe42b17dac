"""Measure the world pass: accuracy on drawn clips, time a frame, memory over the length.

    python scripts/bench/world.py [--minutes 5 60] [--people 1] [--empty 0] [--skip-memory]

The table is of the clips in tests/data/world, the lens given, the camera found from the evidence
beside them. Time is CPU time of the camera's solving and of the refinement, a frame, to be compared
with a run's (its ``.meta.json`` has ``timings_s``). For memory a clip is repeated to the lengths
given, with one person a frame unless said, each made a world of in a process of its own; the last
column is its peak over that of the first. Exits 1 if memory grows by more than a tenth.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from world_cases import CLIPS, FOCAL_PX, build, results_of, with_people  # noqa: E402
from world_measures import measure  # noqa: E402

from humantrack.results import iter_results  # noqa: E402
from humantrack.results.encode import END, HEADER, encode_frame  # noqa: E402
from humantrack.world.camera import EvidenceFile, evidence_path, solve  # noqa: E402
from humantrack.world.make import write_world  # noqa: E402
from humantrack.world.options import WorldOptions  # noqa: E402

MOST = 1.1


def accuracy() -> None:
    """The table of measures and times."""
    print("| clip | WA mm | RTE % | jitter | slide mm | PA mm | up deg | floor mm | ms a frame |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, focal_px in FOCAL_PX.items():
        path = results_of(name)
        evidence = EvidenceFile(evidence_path(path))
        start = time.process_time()
        _, frames = build(
            path,
            lambda px, *_, evidence=evidence: solve(evidence, focal_px=px),
            evidence=evidence,
            options=WorldOptions(focal_px=focal_px),
        )
        spent = 1000 * (time.process_time() - start) / len(frames)
        found = measure(frames, np.load(CLIPS / name / "truth.npz"))
        cells = [f"{value:.1f}" for value in found.values()]
        print(f"| {name} | {' | '.join(cells)} | {spent:.1f} |")


def repeated(path: Path, frames: int, people: int, empty: int = 0) -> None:
    """Results of a clip that goes on and on, in new tracks each time, with nobody between."""
    some = list(iter_results(results_of("pan")))
    stream = zlib.compressobj(1)
    with path.open("wb") as file:
        file.write(stream.compress(HEADER))
        for number in range(frames):
            round_, place = divmod(number, len(some))
            _, frame = some[place]
            frame = with_people(frame, _some(frame, 0 if round_ % (empty + 1) else people))
            ids = [int(i) + 100 * round_ for i in frame["tid"]]
            new = {**frame, "tid": ids, "time": number, "time_s": number / 30}
            file.write(stream.compress(encode_frame(f"x/{number:06d}.jpg", new)))
        file.write(stream.compress(END) + stream.flush())


def _some(frame: dict[str, Any], people: int) -> list[int]:
    return list(range(len(frame["tid"])))[:people]


def one(path: Path) -> None:
    """Make a world and print the peak memory and the seconds."""
    start = time.process_time()
    write_world(path, WorldOptions(camera="still"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.1f} {time.process_time() - start:.1f}")


def memory(minutes: list[float], people: int, empty: int) -> float:
    """Peak memory by length, and the last over the first."""
    peaks = []
    for length in minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "demo_long.pkl"
            repeated(path, round(length * 1800), people, empty)
            call = [sys.executable, __file__, "--one", str(path)]
            peak, seconds = map(float, subprocess.check_output(call, text=True).split())
        peaks.append(peak)
        print(
            f"{length:g} min: {peak:.0f} MB at most, {seconds:.0f} s, x{peak / peaks[0]:.3f}",
            flush=True,
        )
    return peaks[-1] / peaks[0]


def main() -> int:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 60])
    parser.add_argument("--people", type=int, default=1, help="in a frame, at most")
    parser.add_argument(
        "--empty", type=int, default=0, help="of so many rounds after each, nobody is seen"
    )
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        one(arguments.one)
        return 0
    accuracy()
    if arguments.skip_memory:
        return 0
    return 0 if memory(arguments.minutes, arguments.people, arguments.empty) <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
