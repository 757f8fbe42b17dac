"""Parts in processes of this machine, each with cores, or a GPU, of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

from humantrack.atomic import atomic_write
from humantrack.config.options import plain
from humantrack.split.job import Job, in_this_process, workers_of
from humantrack.sweep.devices import gpus_of
from humantrack.terminal import say

_POLL_S = 0.1
_SHOWN_EVERY_S = 5.0
_LAST_WORDS_S = 30.0
"""A process that was asked to end gets so long, and then is killed: its checkpoint holds."""


def in_processes(
    job: Job, numbers: Sequence[int], stop: Event, *, tell: Callable[[str], None] = say
) -> None:
    """Do parts, as many at once as there are workers; returns when every process has ended.

    A process that is killed costs its part, and nothing else; one that fails notes why.

    Args:
        job: whose parts.
        numbers: which.
        stop: asks the processes to end.
        tell: told a line, every few seconds, of how far all parts are.
    """
    workers = min(workers_of(job.cfg), len(numbers))
    if workers < 2:
        with shown(job, tell):
            in_this_process(job, numbers, stop)
        return
    write_job(job)
    waiting, free = list(numbers), list(range(workers))
    running: dict[int, subprocess.Popen[bytes]] = {}
    with shown(job, tell):
        try:
            while (waiting or running) and not stop.is_set():
                while waiting and free:
                    slot = free.pop(0)
                    running[slot] = _start(job, waiting.pop(0), slot, workers)
                for slot in [s for s, process in running.items() if process.poll() is not None]:
                    del running[slot]
                    free.append(slot)
                stop.wait(_POLL_S)
        finally:
            _end(list(running.values()))


def write_job(job: Job) -> None:
    """Write down what a worker has to know.

    Raises:
        OutputError: if that is not possible.
    """
    kind = f"{job.kind.__module__}:{job.kind.__qualname__}"
    with atomic_write(job.folder / "job.json") as file:
        said = {"config": plain(job.cfg), "cwd": str(Path.cwd()), "kind": kind}
        file.write(json.dumps(said).encode())


@contextlib.contextmanager
def shown(job: Job, tell: Callable[[str], None] = say) -> Iterator[None]:
    """Show in a line, every few seconds, how far all parts are."""
    ended, started = threading.Event(), time.monotonic()
    before = job.frames_done()

    def show() -> None:
        while not ended.wait(_SHOWN_EVERY_S):
            tell(_line(job, job.frames_done(), before, time.monotonic() - started))

    thread = threading.Thread(target=show, name="parts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _line(job: Job, done: int, before: int, seconds: float) -> str:
    total = job.info.frame_count
    rate = (done - before) / max(seconds, 1e-9)
    whole = sum(1 for _ in job.folder.glob("part-*.obs"))
    line = f"{job.info.name}: {whole}/{len(job.plan.parts)} parts, people found in {done}"
    line += f"/{total} frames, {rate:.1f} fps" if total else f" frames, {rate:.1f} fps"
    if total and rate:
        line += f", {max(total - done, 0) / rate:.0f} s left"
    return line


def _start(job: Job, number: int, slot: int, workers: int) -> subprocess.Popen[bytes]:
    gpus = gpus_of(job.cfg.device) if job.uses_gpu else []
    device = gpus[slot % len(gpus)] if gpus else ""
    call = [sys.executable, "-m", "humantrack.split.worker", str(job.folder), str(number)]
    call += [device, ",".join(map(str, _cores(slot, workers)))]
    # A session of its own: Ctrl-C reaches us alone, and we tell it once.
    return subprocess.Popen(call, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603


def _cores(slot: int, workers: int) -> list[int]:
    """A worker's share of the cores of this process; none: all of them."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    return cores[slot::workers] if workers <= len(cores) else []


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    end = time.monotonic() + _LAST_WORDS_S
    for process in processes:
        try:
            process.wait(max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
