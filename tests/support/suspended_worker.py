"""A worker process that stops itself, as by SIGSTOP, at any line of the service's own code.

It reads a command a line, runs one job, and stops once more when that is done, so that whoever
started it has but to wait until it is stopped.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

FRAMES = 12
_HERE = Path(__file__).resolve()
_WATCHED = ("humantrack/service/jobs/", "humantrack/service/workers/", "humantrack/atomic.py")
_WATCHED += ("humantrack/results/writer.py", "humantrack/pipeline/checkpoint.py", _HERE.name)


def frame(number: int) -> dict[str, Any]:
    """What the stub writes of a frame."""
    return {"time": number, "tid": [number % 3], "noise": [number * 7919 % 1000] * 50}


class StubRunner:
    """Writes results frame by frame with checkpoints, as a run does, in milliseconds."""

    def __init__(self) -> None:
        self.checkpoints = 0

    def run(self, job: Any, source: Path, output: Path, progress: Any, stop: Any) -> None:
        from humantrack.pipeline.checkpoint import read_checkpoint, write_checkpoint
        from humantrack.pipeline.stopping import check, confirm
        from humantrack.results import ResultsWriter, check_partial, write_meta
        from humantrack.results.meta import meta_path
        from humantrack.service.jobs.attempts import is_finished

        assert source.read_bytes() == b"a clip"
        results = output / "results" / "demo_clip.pkl"
        checkpoint = results.with_suffix(".checkpoint")
        if is_finished(output):
            progress.tell(FRAMES)
            return
        state = read_checkpoint(checkpoint)["results"] if checkpoint.exists() else None
        if state is not None:
            check_partial(results, state)
        with ResultsWriter(results, state=state) as writer:
            progress.tell(writer.frame_count)
            for number in range(writer.frame_count, FRAMES):
                check(stop)
                writer.write_frame(f"{number:03d}", frame(number))
                progress.tell(number + 1)
                if number % 3 == 2:
                    confirm(stop)
                    write_checkpoint(checkpoint, {"results": writer.state_dict()})
                    self.checkpoints += 1
            confirm(stop)
        write_meta(meta_path(results), {"status": "complete", "frame_count": FRAMES})
        checkpoint.unlink(missing_ok=True)

    def drop(self) -> None:
        """There are no models."""


def worker(data: Path, url: str | None, name: str) -> tuple[Any, StubRunner]:
    """A worker with a runner that takes milliseconds."""
    from humantrack.service.settings import Settings
    from humantrack.service.workers import worker as module
    from humantrack.service.workers.runner import Progress

    def tell(self: Any, count: int) -> None:
        self._frames, self._total = count, FRAMES

    Progress.tell = tell  # type: ignore[attr-defined]
    settings = Settings(data=data, store=url, least_free_bytes=0, lease_s=3600.0)
    runner = StubRunner()
    return module.Worker(settings, name, Event(), runner), runner  # type: ignore[arg-type]


@contextmanager
def stopping_at(line: int) -> Iterator[list[int]]:
    """Stop this process when so many lines of the watched code have been run; counts them."""
    count = [0]

    def trace(at: Any, event: str, argument: Any) -> Any:
        if not any(part in at.f_code.co_filename for part in _WATCHED):
            return None
        if event == "line":
            count[0] += 1
            if count[0] == line:
                os.kill(os.getpid(), signal.SIGSTOP)
        return trace

    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(None)


def main() -> None:
    """Do as told on standard input. A worker of its own is made at first, and now and then."""
    made: list[Any] = []
    for text in sys.stdin:
        told = json.loads(text)
        before = 0
        with stopping_at(told["line"]) as count:
            if told["anew"] or not made:
                made[:] = worker(Path(told["data"]), told["url"], f"asleep-{os.getpid()}")
            one, runner = made
            before = runner.checkpoints
            state = one.step()
        said = {"state": state, "lines": count[0], "checkpoints": runner.checkpoints - before}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGSTOP)


class Suspended:
    """The process, seen from outside."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(_HERE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._is_stopped = False
        self.answer: dict[str, Any] | None = None
        """What it said when it was done; None while it is stopped on the way."""

    def begin(self, **told: Any) -> None:
        """Let it take a job, until it stops."""
        assert self._process.stdin is not None
        self.answer = None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        self._go()

    def wake(self) -> dict[str, Any]:
        """Let it go on to its end; gives what it says."""
        while self.answer is None:
            self._go()
        return self.answer

    def _go(self) -> None:
        if self._is_stopped:
            self._process.send_signal(signal.SIGCONT)
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"the worker died: {status}"
        self._is_stopped = True
        import select

        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], 0)[0]:
            self.answer = json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    main()
