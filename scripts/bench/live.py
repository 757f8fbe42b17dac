"""Delay of a live source from capture to record, over time, and MediaPipe's beside it.

usage: python scripts/bench/live.py [--minutes M] [--peer-minutes M] [--video CLIP] [KEY=VALUE...]

A process sends a clip of one person, 854x480 at 30 fps, as MPEG-TS over UDP, at its own pace; each
picture carries its number. The delay is from the moment the picture was due to the line of JSON
that humantrack-live makes of it (the provisional one). Reading and decoding are part of it.

Before and after, MediaPipe's pose landmarker (a process, live mode, landmarks only) gets frames of
the same stream from the same reader, each as soon as it is done with the one before. It is
installed into build/bench. KEY=VALUE are keys of humantrack, such as live.target_delay_ms=300.

Goals: a 95th percentile of at most 300 ms on 2 cores; a delay, memory and open files that do not
grow over 30 minutes (--minutes 30).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.bench_peers import LIB, UnavailableError, mediapipe

from humantrack import load_config
from humantrack.config.options import run_options
from humantrack.live import as_line, watch
from humantrack.pipeline.stopping import Stop
from humantrack.run.source import open_source
from humantrack.session import choose_tracker
from humantrack.types import Frame

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "demo_small.mp4"
WIDTH, HEIGHT, FPS = 854, 480, 30
CELL_PX, CELLS = 12, 10
"""A picture's number is drawn into its corner, a cell for each bit."""

SETTLE_S = 8.0
"""At the start, in which networks are loaded, that are left out."""

FILES = Path("/proc/self/fd")
GOAL_MS = 300


def prepare(clip: Path, path: Path) -> int:
    """Make the clip that is sent, forwards and backwards; gives its number of frames."""
    with open_source_of(clip) as source:
        pictures = [cv2.resize(frame.rgb, (WIDTH, HEIGHT)) for frame in source]
    pictures += pictures[-2:0:-1]
    with av.open(str(path), "w") as out:
        options = {"preset": "veryfast", "tune": "zerolatency", "crf": "23"}
        stream = out.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.gop_size = 15
        for number, picture in enumerate(pictures):
            for bit in range(CELLS):
                x = bit * CELL_PX
                picture[:CELL_PX, x : x + CELL_PX] = 255 * (number >> bit & 1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    return len(pictures)


def open_source_of(clip: Path) -> Any:
    """The clip's frames."""
    from humantrack.video import open_source as open_video

    return open_video(clip)


@dataclass
class Sent:
    """The stream."""

    address: str
    began: float
    loop: int

    def number(self, frame: Frame) -> int:
        """Which picture this is, counted from the first one sent."""
        half = CELL_PX // 2
        cells = frame.rgb[half, half : CELLS * CELL_PX : CELL_PX].mean(axis=-1) > 127
        code = int((cells << np.arange(CELLS)).sum())
        newest = int((time.monotonic() - self.began) * FPS)
        return newest - (newest - code) % self.loop

    def delay_s(self, number: int) -> float:
        """Seconds since a picture was due."""
        return time.monotonic() - self.began - number / FPS


@contextlib.contextmanager
def sending(clip: Path) -> Iterator[Sent]:
    """The stream, sent by another process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "loop.mp4")
        loop = prepare(clip, path)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, str(LIB / "live_sender.py"), str(path), str(port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                began = float(process.stdout.readline())
                yield Sent(f"udp://127.0.0.1:{port}", began, loop)
            finally:
                process.kill()


@dataclass
class Measured:
    """What came of a while of the stream."""

    name: str
    at_s: list[float] = field(default_factory=list)
    delay_s: list[float] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    memory: list[tuple[float, float, int]] = field(default_factory=list)
    cpu_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    def note(self, sent: Sent, number: int, told_s: float | None = None) -> None:
        """A picture has its record."""
        self.at_s.append(time.monotonic() - sent.began)
        self.delay_s.append(sent.delay_s(number))
        self.numbers.append(number)
        if told_s is not None:
            self.told_s.append(told_s)

    def kept(self) -> float:
        """Share of the frames sent that have a record."""
        return len(self.numbers) / max(1, self.numbers[-1] - self.numbers[0] + 1)

    def percentiles_ms(self) -> tuple[float, float]:
        """p50 and p95."""
        p50, p95 = np.percentile(self.delay_s, [50, 95])
        return 1000 * float(p50), 1000 * float(p95)

    def slope(self) -> tuple[float, float]:
        """Of the delay in ms per minute, and its standard error, from means of 10 s."""
        at, delay = np.array(self.at_s) / 60, 1000 * np.array(self.delay_s)
        group = (at * 6).astype(int)
        minutes = np.array([at[group == g].mean() for g in np.unique(group)])
        means = np.array([delay[group == g].mean() for g in np.unique(group)])
        if len(minutes) < 4:
            return float("nan"), float("nan")
        fit, covariance = np.polyfit(minutes, means, 1, cov=True)
        return float(fit[0]), float(np.sqrt(covariance[0, 0]))


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def ours(sent: Sent, seconds: float, keys: list[str]) -> Measured:
    """What humantrack-live does."""
    out = Measured(f"humantrack {' '.join(keys)}".strip())
    cfg = load_config(
        f"video.source={sent.address}",
        f"live.duration={seconds + SETTLE_S}",
        "tracker=embedded",
        "render.enable=false",
        "checkpoint.enable=false",
        *keys,
    )
    kind, _ = choose_tracker(cfg)
    stages, options = kind(cfg), run_options(cfg)
    with open_source(options.source, None) as source, Path(os.devnull).open("wb") as sink:
        began, cpu, numbers = time.monotonic(), 0.0, {}

        class Numbered:
            """The source, whose frames are known by their numbers."""

            live = source.live

            def __iter__(self) -> Iterator[Frame]:
                for frame in source:
                    number = numbers[frame.index] = sent.number(frame)
                    if time.monotonic() - began >= SETTLE_S:
                        age_s = source.live.age_s(frame.index) or 0.0
                        out.read_s.append(sent.delay_s(number) - age_s)
                    yield frame

        def tell(state: str, _: Any, record: Any) -> None:
            nonlocal cpu
            line = as_line(state, record, source.live)
            sink.write(line)
            if state != "provisional":
                return
            number, now = numbers.pop(record.index), time.monotonic()
            if now - began < SETTLE_S:
                cpu = time.process_time()
                return
            told = float(line.partition(b'"delay_ms":')[2].partition(b",")[0]) / 1000
            out.note(sent, number, told)
            if not out.memory or now - out.memory[-1][0] >= 10:
                out.memory.append((now, resident_mib(), len(list(FILES.iterdir()))))

        watch(stages, options, Numbered(), Stop(), tell)
        out.cpu_s = (time.process_time() - cpu) / max(1, len(out.numbers))
        pace = source.live.facts.get("pace")
    if pace is not None:
        out.notes.append(f"reduced at the end: {', '.join(pace['reduced']) or 'nothing'}")
    return out


def peer(sent: Sent, seconds: float, kind: str) -> Measured:
    """MediaPipe's landmarker, on what the same reader gives."""
    job = mediapipe()
    out = Measured(f"MediaPipe {kind}, live mode")
    command = [job.python, str(LIB / "live_mediapipe.py"), str(WIDTH), str(HEIGHT), kind]
    cfg = load_config(f"video.source={sent.address}", f"live.duration={seconds + SETTLE_S}")
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with open_source(run_options(cfg).source, None) as source:
            began = time.monotonic()
            for frame in source:
                number = sent.number(frame)
                process.stdin.write(np.ascontiguousarray(frame.rgb).data)
                process.stdin.flush()
                if not process.stdout.readline():
                    raise UnavailableError("MediaPipe's process ended")
                if time.monotonic() - began >= SETTLE_S:
                    out.note(sent, number)
        process.stdin.close()
    return out


def told(measured: Measured) -> None:
    """Print it."""
    p50, p95 = measured.percentiles_ms()
    slope, error = measured.slope()
    minutes = (measured.at_s[-1] - measured.at_s[0]) / 60
    print(f"{measured.name}: {len(measured.numbers)} records in {minutes:.1f} minutes")
    print(f"  delay p50 {p50:.0f} ms, p95 {p95:.0f} ms; {100 * measured.kept():.0f} % of frames")
    if measured.read_s:
        read50, read95 = 1000 * np.percentile(measured.read_s, [50, 95])
        print(f"  of which until the picture is decoded: p50 {read50:.0f} ms, p95 {read95:.0f} ms")
    print(f"  slope of the delay {slope:+.1f} ms a minute (standard error {error:.1f})")
    if measured.told_s:
        off = 1000 * (np.array(measured.told_s) - np.array(measured.delay_s))
        low, middle, high = np.percentile(off, [5, 50, 95])
        print(f"  delay_ms in the lines is off by {middle:+.0f} ms ({low:+.0f} to {high:+.0f})")
    if measured.cpu_s:
        print(f"  CPU of the process {1000 * measured.cpu_s:.0f} ms a record")
    if measured.memory:
        first, last = measured.memory[0], measured.memory[-1]
        print(f"  memory {first[1]:.0f} -> {last[1]:.0f} MiB, open files {first[2]} -> {last[2]}")
    for line in measured.notes:
        print(f"  {line}")


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("keys", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--peer-minutes", type=float, default=1.0, help="0 leaves MediaPipe out")
    parser.add_argument("--peer", choices=["full", "heavy"], default="full")
    parser.add_argument("--video", type=Path, default=CLIP)
    options = parser.parse_args()
    jobs: list[Callable[[Sent], Measured]] = []
    half_s = 30 * options.peer_minutes
    if half_s:
        jobs.append(lambda sent: peer(sent, half_s, options.peer))
    jobs.append(lambda sent: ours(sent, 60 * options.minutes, options.keys))
    jobs += jobs[:-1]
    done: list[Measured] = []
    with sending(options.video.resolve()) as sent:
        for job in jobs:
            try:
                done.append(job(sent))
                told(done[-1])
            except UnavailableError as error:
                print(f"MediaPipe: left out, as {error}")
    (own,) = (one for one in done if one.name.startswith("humantrack"))
    p50, p95 = own.percentiles_ms()
    peers = [one.percentiles_ms() for one in done if one is not own]
    if peers:
        their50, their95 = np.mean(peers, axis=0)
        print(f"ours over MediaPipe's: p50 {p50 / their50:.2f}, p95 {p95 / their95:.2f}")
    print(f"p95 {p95:.0f} ms (goal: at most {GOAL_MS})")
    return int(p95 > GOAL_MS)


if __name__ == "__main__":
    sys.exit(main())
