"""Speed of the embedded default's whole job: against its networks, version 0.1 and MediaPipe.

usage: python scripts/bench/embedded.py [PART...] [--video VIDEO] [--frames N] [--rounds N]

PART is networks, old or mediapipe (all of them unless told). The best of the rounds counts, since
anything else on the machine only slows things down.

networks: the first run records every input the networks get. Then, round by round in one process:
the networks alone on those inputs, side by side on all cores, the whole job without an overlay, and
the whole job with one. Goals: the job reaches 0.7 of the networks' rate without an overlay, 0.5
with one.

old: version 0.1's own job, from this clone's history and with today's libraries, and ours, in turn,
on one person and on four, without an overlay.

mediapipe: CPU time for a frame of MediaPipe's pose landmarker (heavy), which is installed into
build/bench, and of our job without an overlay, on clips of one person. MediaPipe's gives neither
silhouettes nor bodies.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.bench_peers import Job, Speed, UnavailableError, mediapipe, old, ours

from humantrack import BlazePose_4dhuman, load_config, models
from humantrack.config.schema import EmbeddedConfig

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
CLIP = DATA / "demo.mp4"
ONE_PERSON = (DATA / "demo_small.mp4", DATA / "real" / "squat.mp4")
PARTS = ("networks", "old", "mediapipe")
GOALS = {"overlay off": 0.7, "overlay on": 0.5}
AGAINST_OLD = {
    "heavy": {ONE_PERSON[0]: 1.2, CLIP: 0.75},
    "full": {ONE_PERSON[0]: 1.8, CLIP: 1.4},
}
"""Least frames/s, in those of version 0.1."""

MOST_OF_MEDIAPIPE = 1.25
"""CPU time of ours with heavy, in MediaPipe's."""


class Recorder:
    """Stands in for a session, and remembers what it was asked."""

    def __init__(self, session: Any, calls: list[tuple[Any, Any, Any]]) -> None:
        self._session, self._calls = session, calls

    def run(self, outputs: Any, inputs: Any) -> Any:
        """As the session would, writing down the call."""
        self._calls.append((self._session, outputs, {k: v.copy() for k, v in inputs.items()}))
        return self._session.run(outputs, inputs)


def record(job: Callable[[], Any]) -> list[tuple[Any, Any, Any]]:
    """Run the job once; every call of a network."""
    calls: list[tuple[Any, Any, Any]] = []
    real = models.session
    with mock.patch.object(models, "session", lambda *args: Recorder(real(*args), calls)):
        job()
    return calls


def replay(calls: list[tuple[Any, Any, Any]]) -> None:
    """The networks alone, as many side by side as there are cores."""
    list(models.pool().map(lambda call: call[0].run(*call[1:]), calls))


def seconds(work: Callable[[], Any]) -> float:
    """How long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def against_networks(video: Path, frames: int, rounds: int) -> bool:
    """Measure and print; whether the goals are reached."""
    with tempfile.TemporaryDirectory() as folder:

        def job(*overrides: str) -> Callable[[], Any]:
            cfg = load_config(
                f"video.source='{video}'",
                f"video.output_dir='{folder}'",
                f"video.end_frame={frames}",
                *overrides,
            )
            return BlazePose_4dhuman(cfg).track

        off, on = job("render.enable=false"), job()
        calls = record(off)
        work = {"networks alone": lambda: replay(calls), "overlay off": off, "overlay on": on}
        best = dict.fromkeys(work, float("inf"))
        for _ in range(rounds):
            for name, run in work.items():
                best[name] = min(best[name], seconds(run))
    print(f"{video.name}, {frames} frames, best of {rounds}, {len(calls)} runs of networks")
    for name, taken in best.items():
        ratio = best["networks alone"] / taken
        goal = f"  (goal {GOALS[name]})" if name in GOALS else ""
        print(f"{name:15} {frames / taken:6.1f} frames/s  ratio {ratio:.2f}{goal}")
    return all(best["networks alone"] / best[n] >= goal for n, goal in GOALS.items())


def our_jobs() -> dict[str, Job]:
    """Ours with either landmark network; with the one there is, if there is no choice."""
    if "landmarks" not in {field.name for field in dataclasses.fields(EmbeddedConfig)}:
        return {"full": ours()}
    return {name: ours(f"embedded.landmarks={name}") for name in AGAINST_OLD}


def in_turn(jobs: Mapping[str, Job], video: Path, frames: int, rounds: int) -> dict[str, Speed]:
    """The best of every job's rounds, which take turns, printed."""
    best: dict[str, Speed] = {}
    for _ in range(rounds):
        for name, job in jobs.items():
            best[name] = job.run(video, frames).best(best.get(name))
    (peer, base), *_ = best.items()
    print(f"{video.name}, {base.frames} frames, best of {rounds} (ratios: in those of {peer})")
    for name, speed in best.items():
        print(
            f"{name:16} {1 / speed.clock:6.1f} frames/s ({base.clock / speed.clock:.2f})"
            f"  {1000 * speed.cpu:6.1f} ms CPU a frame ({speed.cpu / base.cpu:.2f})"
        )
    return best


def against_old(frames: int, rounds: int) -> bool:
    """Measure and print; whether the goals are reached."""
    jobs, good = {"version 0.1": old(), **our_jobs()}, True
    for video in (ONE_PERSON[0], CLIP):
        best = in_turn(jobs, video, frames, rounds)
        for name in set(AGAINST_OLD) & set(best):
            rate, goal = best["version 0.1"].clock / best[name].clock, AGAINST_OLD[name][video]
            print(f"{name}: {rate:.2f} times the frames/s of version 0.1 (goal {goal})")
            good &= rate >= goal
    return good


def against_mediapipe(frames: int, rounds: int) -> bool:
    """Measure and print; whether the goal is reached."""
    good = True
    for video in ONE_PERSON:
        best = in_turn({"MediaPipe heavy": mediapipe(), **our_jobs()}, video, frames, rounds)
        if "heavy" in best:
            ratio = best["heavy"].cpu / best["MediaPipe heavy"].cpu
            print(f"heavy: {ratio:.2f} times MediaPipe's CPU (goal: at most {MOST_OF_MEDIAPIPE})")
            good &= ratio <= MOST_OF_MEDIAPIPE
    return good


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(PARTS)}")
    return name


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", type=_part, metavar="PART")
    parser.add_argument("--video", type=Path, default=CLIP, help="for the networks alone")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    frames, rounds = options.frames, options.rounds
    work: dict[str, Callable[[], bool]] = {
        "networks": lambda: against_networks(options.video.resolve(), frames, rounds),
        "old": lambda: against_old(frames, rounds),
        "mediapipe": lambda: against_mediapipe(frames, rounds),
    }
    good = True
    for part in options.part or PARTS:
        try:
            good &= work[part]()
        except UnavailableError as error:
            print(f"{part}: left out, as {error}")
        print()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
