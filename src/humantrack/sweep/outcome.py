"""Outcomes of jobs, and the folder in which the jobs of one sweep record them.

Jobs and the sweep share nothing but this folder. Every name in it says what it means, so that a
listing is enough: ``7.begun``, ``7.ok``, ``9.failed``, ``stop``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from humantrack.atomic import atomic_write
from humantrack.errors import OutputError

OK, SKIPPED, FAILED, STOPPED = "ok", "skipped", "failed", "stopped"
"""How a job ends for good. ``SKIPPED``: it was finished before."""

HELD, PREEMPTED = "held", "pre-empted"
"""How it ends for now. Another sweep is at the clip; or the job alone was stopped, by its node."""

BEGUN, NOT_BEGUN = "begun", "not begun"

ENDED = (OK, SKIPPED, FAILED, STOPPED)
SUCCEEDED = (OK, SKIPPED)

JOBS, TABLE = "jobs", "table"
"""Whom room on the disk is kept for."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one job ended."""

    status: str
    frames: int | None = None
    people: int | None = None
    """Most people seen in one frame."""

    fps: float | None = None
    seconds: float | None = None
    output: str | None = None
    """The results file."""

    error: str | None = None
    """One line."""

    exit_code: int = 0
    warnings: tuple[str, ...] = ()
    """What may be wrong with the clip, a line each."""


class Reports:
    """The folder that the jobs of one sweep report to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, number: str, what: str) -> None:
        """Say something of a job, such as ``BEGUN``."""
        self._write(f"{number}.{what}", b"")

    def begin(self, number: str) -> None:
        """Say that a job runs, however it ended before."""
        self.forget(int(number), HELD, PREEMPTED, *ENDED)
        self.say(number, BEGUN)

    def has_said(self, number: str, what: str) -> bool:
        """True if this was said of a job."""
        return (self.folder / f"{number}.{what}").exists()

    def has_ended(self, number: int) -> bool:
        """True if a job has said how it ended for good."""
        return any(self.has_said(str(number), status) for status in ENDED)

    def end(self, number: str, outcome: Outcome) -> None:
        """Say how a job ended; on a full disk by the file's name alone."""
        text = json.dumps(dataclasses.asdict(outcome), ensure_ascii=False)
        name = f"{number}.{outcome.status}"
        try:
            self._write(name, text.encode("utf-8", "backslashreplace"))
        except OutputError as error:
            try:
                (self.folder / name).touch()
            except OSError:
                raise error from None

    def keep_room(self, whose: str, size: int) -> None:
        """Occupy ``size`` bytes, for :meth:`make_room` to give when the disk is full."""
        self._write(f"room.{whose}", bytes(size))

    def make_room(self, whose: str) -> None:
        """Free what was kept."""
        with contextlib.suppress(OSError):
            (self.folder / f"room.{whose}").unlink(missing_ok=True)

    def stop(self) -> None:
        """Ask all jobs to finish the current frame, and those not begun to stay so."""
        self._write("stop", b"")

    def enough(self) -> None:
        """Let running jobs finish, and begin no more."""
        self._write("enough", b"")

    @property
    def is_over(self) -> bool:
        """True once no more jobs are to be begun.

        Also when the folder is gone: the sweep has ended, and tasks that it left in a queue are
        not to begin.
        """
        gone = not self.folder.exists()
        return gone or self.is_stopped or (self.folder / "enough").exists()

    @property
    def is_stopped(self) -> bool:
        """True once the jobs were asked to stop."""
        return (self.folder / "stop").exists()

    def failures(self) -> int:
        """How many jobs have failed so far."""
        return sum(status == FAILED for _, status in self.statuses())

    def statuses(self) -> Iterator[tuple[int, str]]:
        """(job number, what it says), in no order; a job may say several things."""
        for path in self.folder.iterdir():
            number, _, status = path.name.partition(".")
            if number.isdecimal():
                yield int(number), status

    def outcome(self, number: int, status: str) -> Outcome:
        """What a job wrote when it ended in this way."""
        text = (self.folder / f"{number}.{status}").read_bytes()
        if not text:
            return _without_words(status)
        said = json.loads(text)
        return Outcome(**{**said, "warnings": tuple(said.get("warnings", ()))})

    def forget(self, number: int, *statuses: str) -> None:
        """Take back what was said of a job, before it is run again."""
        for status in statuses:
            (self.folder / f"{number}.{status}").unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._write_once(name, data)
        except OutputError:
            self.make_room(JOBS)
            self._write_once(name, data)

    def _write_once(self, name: str, data: bytes) -> None:
        with atomic_write(self.folder / name) as file:
            file.write(data)


def _without_words(status: str) -> Outcome:
    """Of a job that had no room to say more."""
    if status in SUCCEEDED:
        return Outcome(status=status)
    error = "cannot write (no space left on device)"
    return Outcome(status=status, error=error, exit_code=OutputError.exit_code)
