"""Paths in the data folder, and the free space there.

Every name below it is made here, from ids of our own; nothing that a client sends is part of one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from humantrack.service.jobs.job import Job

_RESERVE, _LEAST_RESERVE = 4 * 2**20, 2**17
ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class JobFolder:
    """One job's files."""

    path: Path

    @property
    def clip(self) -> Path:
        """The upload. It has no suffix: FFmpeg looks at what is in it."""
        return self.path / "clip"

    @property
    def attempts(self) -> Path:
        """A folder for each attempt that is running or was broken off."""
        return self.path / "attempts"

    @property
    def unfinished(self) -> Path | None:
        """What the newest attempt has written so far, or had when it was broken off."""
        with suppress(OSError):
            found = [p for p in self.attempts.iterdir() if p.stem.isdecimal()]
            return max(found, key=lambda path: int(path.stem), default=None)
        return None

    @property
    def output(self) -> Path:
        """What the run wrote, once it has succeeded."""
        return next(self.path.glob("out.*"), self.path / "out")

    @property
    def made(self) -> Path:
        """Exports and other files made on demand."""
        return self.path / "made"

    @property
    def results(self) -> Path | None:
        """The results, when they are whole."""
        return self.results_in(self.output)

    @staticmethod
    def results_in(output: Path) -> Path | None:
        """The whole results in a run's folder."""
        return _one(output, "results/demo_*.pkl", but=(".partial.pkl", ".world.pkl"))

    @property
    def partial(self) -> Path | None:
        """The results of a run that was stopped or failed, as far as its newest attempt got."""
        tries = [p for p in self.attempts.glob("*") if p.name.partition(".")[0].isdecimal()]
        newest = sorted(tries, key=lambda p: int(p.name.partition(".")[0]), reverse=True)
        found = [_one(one, "results/demo_*.partial.pkl") for one in [*newest, self.output]]
        found += [self.results_in(one) for one in newest]  # lost while only their end was not told
        return next(filter(None, found), None)

    def live(self, fence: int) -> Path:
        """Where the attempt of a live job tells what it sees, while it runs."""
        return self.attempts / str(fence) / "live"

    @property
    def meta(self) -> Path | None:
        """Their description."""
        return _one(self.output, "results/demo_*.meta.json")

    @property
    def overlay(self) -> Path | None:
        """The overlay video, when it is whole."""
        return _one(self.output, "PHALP_*.mp4", but=".world.mp4")

    def size(self) -> int:
        """Bytes of all its files."""
        total = 0
        for path in self.path.rglob("*"):
            with suppress(OSError):
                total += path.lstat().st_size if not path.is_dir() else 0
        return total

    def remove(self) -> None:
        """Remove all of it. A folder that cannot be removed is tried again later."""
        shutil.rmtree(self.path, ignore_errors=True)


def _one(folder: Path, pattern: str, but: str | tuple[str, ...] = "\0") -> Path | None:
    found = (p for p in folder.glob(pattern) if not p.name.endswith(but))
    return next((p for p in found if p.is_file() and not p.is_symlink()), None)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder. It may lie elsewhere on each machine, and be moved."""

    path: Path

    def make(self) -> None:
        """Make it, for this user's eyes only.

        Raises:
            OSError: if that is not possible.
        """
        for folder in (self.path, self.jobs, self.incoming):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def jobs(self) -> Path:
        """A folder for each job."""
        return self.path / "jobs"

    @property
    def incoming(self) -> Path:
        """What is being received."""
        return self.path / "incoming"

    @property
    def reserve(self) -> Path:
        """Room for the database to make room with, when there is none."""
        return self.path / "reserve"

    @property
    def secret(self) -> Path:
        """Signs the sessions of browsers."""
        return self.path / "secret"

    def job(self, id: str) -> JobFolder:
        """A job's folder.

        Raises:
            ValueError: for an id that is none of ours.
        """
        if ID.fullmatch(id) is None:
            raise ValueError("no id of a job")
        return JobFolder(self.jobs / id)

    def new_incoming(self) -> Path:
        """A name for a file that is being received."""
        return self.incoming / uuid.uuid4().hex

    def source(self, job: Job, folders: Sequence[Path] = ()) -> Path:
        """What a job reads, as this machine sees it.

        An upload lies in the job's folder, whatever the record says of another machine's paths.
        A file of an allowed folder is looked for in that folder, or in the one of that name here.

        Args:
            job: the job.
            folders: that are allowed here.
        """
        if job.live is not None:
            return self.job(job.id).path / "live"  # there is nothing to be read again
        if Path(job.source).parts[-2:] in (("clip",), (job.id, "clip")):
            return self.job(job.id).clip
        top, _, inside = job.source.partition("//")
        there = Path(job.source)
        if inside and not there.exists():
            named = [f for f in folders if f.name == Path(top).name]
            here = named or (folders if len(folders) == 1 else [])
            return next((f / inside for f in here if (f / inside).exists()), there)
        return there

    def keep_reserve(self, least_free_bytes: int = 0) -> None:
        """Lay the reserve by, if it is not there and the disk has room."""
        with suppress(OSError):
            size = min(_RESERVE, self.free_bytes() - least_free_bytes)
            if size >= _LEAST_RESERVE and not self.reserve.exists():
                self.reserve.write_bytes(bytes(size))

    def answers(self) -> bool:
        """Whether the disk is there, and lets itself be written to."""
        try:
            with tempfile.TemporaryFile(dir=self.jobs) as file:
                file.write(b"?")
                file.flush()
        except OSError:
            return False
        return True

    def free_bytes(self) -> int:
        """Free room on the disk."""
        return shutil.disk_usage(self.path).free
