"""Kill a run at random moments, start it again each time, and compare with a run left alone.

usage: python scripts/kill_test.py [CLIP] [--kills 50] [--seed 0] [--life 6]

Every kill is SIGKILL, after a random part of ``--life`` seconds of a run's life or of its work, by
turns, so that kills hit the start, the middle and the end of what a run does. Prints one line per
kill, then what it came to; exits 1 if the results or the overlay's frames differ, or if anything
is left over.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import av

ROOT = Path(__file__).resolve().parents[1]
POLL_S = 0.005


@dataclass(frozen=True)
class Outcome:
    """What the kills came to."""

    kills: int
    in_work: int
    """Kills that came when frames had been finished in that life."""

    finishes: int
    """Runs that came to their end, the last one included."""

    results_equal: bool
    overlay_equal: bool
    """The same frames at the same times."""

    left_over: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """True if nobody could tell that there were kills."""
        return self.results_equal and self.overlay_equal and not self.left_over


def command(clip: Path, out: Path, overrides: list[str]) -> list[str]:
    """What a user would type."""
    arguments = [f"video.source={clip}", f"video.output_dir={out}", "tracker=embedded", *overrides]
    return [sys.executable, "-m", "humantrack", *arguments]


def kill_and_restart(
    clip: Path, folder: Path, *, kills: int, seed: int, life_s: float, overrides: list[str]
) -> Outcome:
    """Kill runs of a clip, let the last one finish, and compare it with one left alone.

    Args:
        clip: what is tracked.
        folder: where all is written.
        kills: how many.
        seed: of the moments.
        life_s: the longest a run lives, and the longest it works before it is killed.
        overrides: further keys for each run.
    """
    alone, killed = folder / "alone", folder / "killed"
    subprocess.run(command(clip, alone, overrides), check=True, capture_output=True)
    moments = random.Random(seed)
    partial = killed / "results" / f"demo_{clip.stem}.partial.pkl"
    in_work = finishes = done = 0
    while done < kills:
        limit = moments.uniform(0, life_s)
        before, after_work = size(partial), done % 2 == 1
        with subprocess.Popen(
            command(clip, killed, overrides), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            start = time.monotonic()
            while process.poll() is None and time.monotonic() < start + limit:
                if after_work and size(partial) == before:
                    start = time.monotonic()
                time.sleep(POLL_S)
            process.kill()
        if process.returncode == 0:  # it was quicker: the next one begins anew
            finishes += 1
            continue
        done += 1
        worked = size(partial) > before
        in_work += worked
        print(f"kill {done}: after {limit:.2f} s{' of work' if after_work else ''}", flush=True)
    subprocess.run(command(clip, killed, overrides), check=True, capture_output=True)
    return compared(alone, killed, clip.stem, kills, in_work, finishes + 1)


def compared(
    alone: Path, killed: Path, name: str, kills: int, in_work: int, finishes: int
) -> Outcome:
    """Look at what the two folders hold."""
    pickles = [
        zlib.decompress((out / "results" / f"demo_{name}.pkl").read_bytes())
        for out in (alone, killed)
    ]
    overlays = [out / f"PHALP_{name}.mp4" for out in (alone, killed)]
    shown = [times(path) if path.exists() else None for path in overlays]
    names = [
        {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} for out in (alone, killed)
    ]
    return Outcome(
        kills=kills,
        in_work=in_work,
        finishes=finishes,
        results_equal=pickles[0] == pickles[1],
        overlay_equal=shown[0] == shown[1],
        left_over=tuple(sorted(names[1] - names[0])),
    )


def size(path: Path) -> int:
    """Bytes of a file, 0 without it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def times(path: Path) -> list[float]:
    """When each frame of a video is shown; all are decoded."""
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def main() -> int:
    """Run it and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path, default=ROOT / "tests/data/demo.mp4")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--life", type=float, default=6.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_and_restart(
            options.clip.resolve(),
            Path(folder),
            kills=options.kills,
            seed=options.seed,
            life_s=options.life,
            overrides=["checkpoint.every_s=0.5"],
        )
    print(outcome)
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
