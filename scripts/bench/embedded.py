"""Speed of the whole job with the embedded default, against its networks alone.

usage: python scripts/bench/embedded.py [VIDEO] [--frames N] [--rounds N]

The first run records every input the two networks get. Then, round by round in one process: the
networks alone on those inputs, the whole job without an overlay, and the whole job with one. The
best of the rounds counts, since anything else on the machine only slows things down.
Goals: the job reaches 0.7 of the networks' rate without an overlay, 0.5 with one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from humantrack import BlazePose_4dhuman, load_config, models

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "demo.mp4"
GOALS = {"overlay off": 0.7, "overlay on": 0.5}


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
    names = (models.NANODET, models.BLAZEPOSE)
    sessions = {name: models.session(name) for name in names}
    models._sessions.update({n: Recorder(s, calls) for n, s in sessions.items()})
    job()
    models._sessions.update(sessions)
    return calls


def replay(calls: list[tuple[Any, Any, Any]]) -> None:
    """The networks alone."""
    for session, outputs, inputs in calls:
        session.run(outputs, inputs)


def seconds(work: Callable[[], Any]) -> float:
    """How long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path, default=CLIP)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:

        def job(*overrides: str) -> Callable[[], Any]:
            cfg = load_config(
                f"video.source='{options.video}'",
                f"video.output_dir='{folder}'",
                f"video.end_frame={options.frames}",
                *overrides,
            )
            return BlazePose_4dhuman(cfg).track

        off, on = job("render.enable=false"), job()
        calls = record(off)
        work = {"networks alone": lambda: replay(calls), "overlay off": off, "overlay on": on}
        best = dict.fromkeys(work, float("inf"))
        for _ in range(options.rounds):
            for name, run in work.items():
                best[name] = min(best[name], seconds(run))
    print(f"{options.video.name}, {options.frames} frames, best of {options.rounds}")
    for name, taken in best.items():
        ratio = best["networks alone"] / taken
        goal = f"  (goal {GOALS[name]})" if name in GOALS else ""
        print(f"{name:15} {options.frames / taken:6.1f} frames/s  ratio {ratio:.2f}{goal}")
    missed = [n for n, goal in GOALS.items() if best["networks alone"] / best[n] < goal]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
