"""Paths in the data folder, and the free space there.

Every name below it is made here, from ids of our own; nothing that a client sends is part of one.
"""

from __future__ import annotations

import re
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
    def output(self) -> Path:
        """What a run writes."""
        return self.path / "out"

    @property
    def made(self) -> Path:
        """Exports and other files made on demand."""
        return self.path / "made"

    @property
    def results(self) -> Path | None:
        """The results, when they are whole."""
        return self._one("results/demo_*.pkl", but=(".partial.pkl", ".world.pkl"))

    @property
    def meta(self) -> Path | None:
        """Their description."""
        return self._one("results/demo_*.meta.json")

    @property
    def overlay(self) -> Path | None:
        """The overlay video, when it is whole."""
        return self._one("PHALP_*.mp4", but=".world.mp4")

    def _one(self, pattern: str, but: str | tuple[str, ...] = "\0") -> Path | None:
        found = (p for p in self.output.glob(pattern) if not p.name.endswith(but))
        return next((p for p in found if p.is_file() and not p.is_symlink()), None)

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


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder."""

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
    def queue(self) -> Path:
        """The embedded queue."""
        return self.path / "queue.db"

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

    def free_bytes(self) -> int:
        """Free room on the disk."""
        return shutil.disk_usage(self.path).free
