"""Tracks a clip and says who is in it, and when.

usage: python examples/track_file.py CLIP [OUTPUT FOLDER]
"""

import signal
import sys
import threading

import humantrack


def main(clip: str, output_dir: str = "outputs") -> int:
    """Track, and print a line per person; gives the exit code."""
    stop = threading.Event()  # Ctrl-C ends the run after the current frame; what is done is kept
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        results = humantrack.track(
            clip, output_dir=output_dir, progress=show, stop=stop, render={"enable": False}
        )
    except humantrack.HumantrackError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for track_id in results.track_ids:
        seen = [
            record.time_s
            for record in results.records
            for person in record.people
            if person.track_id == track_id and person.missed == 0
        ]
        print(f"person {track_id}: {seen[0]:.2f} s to {seen[-1]:.2f} s, seen in {len(seen)} frames")
    return 0


def show(done: int, total: int | None) -> None:
    """Called after every frame; the total is None where nobody knows it."""
    print(f"\rframe {done} of {total or '?'}", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
