"""Times MediaPipe's pose landmarker on a clip; runs in an environment of its own.

usage: python scripts/lib/bench_mediapipe.py VIDEO FRAMES ROUNDS COMPLEXITY(1 full, 2 heavy)

Prints a line of JSON: seconds by the clock and of the CPU for a frame, the best of the rounds.
Pictures are decoded inside the measured time, as in our job. No silhouettes, one person.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
from mediapipe.python.solutions.pose import Pose


def once(pose: Pose, video: str, frames: int) -> tuple[int, int]:
    """How many frames there were, and in how many of them somebody was found."""
    clip, done, found = cv2.VideoCapture(video), 0, 0
    while done < frames:
        is_there, picture = clip.read()
        if not is_there:
            break
        seen = pose.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        done, found = done + 1, found + (seen.pose_landmarks is not None)
    clip.release()
    return done, found


def main(video: str, frames: int, rounds: int, complexity: int) -> None:
    """Run, and print."""
    clock, cpu = [], []
    for _ in range(rounds):
        with Pose(model_complexity=complexity) as pose:
            once(pose, video, 1)
            began, began_cpu = time.perf_counter(), time.process_time()
            done, found = once(pose, video, frames)
            clock.append((time.perf_counter() - began) / done)
            cpu.append((time.process_time() - began_cpu) / done)
    print(json.dumps({"clock": min(clock), "cpu": min(cpu), "frames": done, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
