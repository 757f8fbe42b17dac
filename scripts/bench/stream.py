"""Measure open_source: speed against a bare PyAV loop, and memory against the length of the video.

    python scripts/bench/stream.py [CLIP] [--rounds 7] [--no-memory]

Prints frames per second of both (medians of alternating runs) and their ratio, which must be at
least 0.9; and the peak memory of reading 10 minutes of 1920x1080 over that of 1 minute, which must
be at most 1.05. Clips are made in a temporary folder; CLIP replaces the one that speed is measured
on. Exits 1 if a ratio is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from humantrack.video import open_source

SIZE = (1920, 1080)
FPS = 10
LOOP_FRAMES = 20
SLOWEST_RATIO, LARGEST_GROWTH = 0.9, 1.05


def main() -> int:
    """Measure, print, and say by the exit code whether the ratios hold."""
    options = parse()
    if options.child:
        read_haltingly(options.clip)
        print(peak_bytes())
        return 0
    good = True
    with tempfile.TemporaryDirectory() as folder:
        loop = make_loop(Path(folder) / "loop.mp4")
        clip = options.clip or repeat(loop, Path(folder) / "speed.mp4", seconds=30)
        good &= compare_speed(clip, options.rounds)
        if not options.no_memory:
            short = repeat(loop, Path(folder) / "short.mp4", seconds=60)
            long = repeat(loop, Path(folder) / "long.mp4", seconds=600)
            good &= compare_memory(short, long)
    return 0 if good else 1


def parse() -> argparse.Namespace:
    """The command line; ``--child`` is how this script calls itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def compare_speed(clip: Path, rounds: int) -> bool:
    """Runs of both readers in turn, so that a busy machine slows both."""
    runs: dict[str, list[float]] = {"bare PyAV": [], "open_source": []}
    for _ in range(rounds):
        for name, read in (("bare PyAV", read_bare), ("open_source", read_once)):
            start = time.perf_counter()
            frames = read(clip)
            runs[name].append(frames / (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in runs.items()}
    for name, values in runs.items():
        print(f"{name:12} {medians[name]:7.1f} frames/s  ({min(values):.1f}..{max(values):.1f})")
    ratio = medians["open_source"] / medians["bare PyAV"]
    print(f"speed ratio  {ratio:.3f}  (at least {SLOWEST_RATIO})")
    return ratio >= SLOWEST_RATIO


def compare_memory(short: Path, long: Path) -> bool:
    """Peak memory of a process of its own for each clip."""
    peaks = []
    for clip in (short, long):
        command = [sys.executable, __file__, str(clip), "--child"]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks.append(int(out))
        print(f"{clip.stem:12} {peaks[-1] / 2**20:7.1f} MiB at most")
    ratio = peaks[1] / peaks[0]
    print(f"memory ratio {ratio:.3f}  (at most {LARGEST_GROWTH})")
    return ratio <= LARGEST_GROWTH


def read_bare(clip: Path) -> int:
    """Decode and convert every frame, as plainly as PyAV allows, with the same threads."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(1 for frame in container.decode(stream) if frame.to_ndarray(format="rgb24").size)


def read_once(clip: Path) -> int:
    """Every frame of a source."""
    with open_source(clip) as source:
        return sum(1 for _ in source)


def read_haltingly(clip: Path) -> None:
    """Every frame, with pauses at first, in which the frames read ahead reach their bound.

    Without them the peak is a matter of luck: whether the thread ever was a full queue ahead.
    """
    with open_source(clip) as source:
        for frame in source:
            if frame.index < 400 and frame.index % 40 == 0:
                time.sleep(1)


def peak_bytes() -> int:
    """The most memory this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held before it started us
        line = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )


def make_loop(path: Path) -> Path:
    """A short 1080p clip of a moving gradient."""
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.max_b_frames = 0
        for n in range(LOOP_FRAMES):
            planes = ((x + 9 * n) // 9 % 256, (y + 5 * n) // 5 % 256, (x + y) // 12 % 256)
            rgb = np.stack(planes, axis=-1).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def repeat(loop: Path, path: Path, *, seconds: int, fps: int = FPS) -> Path:
    """The loop's packets over and over: a long clip without encoding it."""
    with av.open(str(loop)) as source:
        stream = source.streams.video[0]
        packets = [(bytes(p), p.pts, p.is_keyframe) for p in source.demux(stream) if p.size]
        step = packets[1][1] - packets[0][1]
        with av.open(str(path), "w") as target:
            out = target.add_stream_from_template(stream)
            for n in range(seconds * fps):
                data, _, is_keyframe = packets[n % len(packets)]
                packet = av.Packet(data)
                packet.pts = packet.dts = n * step
                packet.duration, packet.time_base = step, stream.time_base
                packet.is_keyframe = is_keyframe
                packet.stream = out
                target.mux(packet)
    return path


if __name__ == "__main__":
    sys.exit(main())
