"""Times whole jobs of the embedded default in a process of their own.

usage: python scripts/lib/bench_job.py VIDEO FRAMES ROUNDS [KEY=VALUE...]

Prints a line of JSON: seconds by the clock and of the CPU for a frame, the best of the rounds. One
frame is tracked before, so that models are loaded. Uses nothing that version 0.1 does not have.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time

from humantrack import BlazePose_4dhuman, load_config


def main(video: str, frames: int, rounds: int, overrides: list[str]) -> None:
    """Run, and print."""
    with tempfile.TemporaryDirectory() as folder:

        def tracker(end: int, name: str) -> BlazePose_4dhuman:
            cfg = load_config(
                f"video.source='{video}'",
                f"video.output_dir='{folder}/{name}'",
                f"video.end_frame={end}",
                "render.enable=false",
                *overrides,
            )
            return BlazePose_4dhuman(cfg)

        tracker(1, "first").track()
        clock, cpu = [], []
        for i in range(rounds):
            job = tracker(frames, str(i))
            began, began_cpu = time.perf_counter(), time.process_time()
            done = job.track().frames
            clock.append((time.perf_counter() - began) / done)
            cpu.append((time.process_time() - began_cpu) / done)
    print(json.dumps({"clock": min(clock), "cpu": min(cpu), "frames": done}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
