"""Where a job's attempts write, and how one's files become the job's.

Every attempt has a folder of its own, named by its fence, so that a worker that was suspended and
wakes when the job is another's writes where nobody looks. The next attempt goes on from there:

* ``N.closed`` is the folder of an attempt that has ended and has nothing open any more; whoever
  renames it has it.
* ``N`` may still be written to, so what is in it is copied: the checkpoint's content first, so
  that all it counts on is there, and the checkpoint's file last, so that half a copy is none.

The database decides whose files are published. What follows is one rename, to ``out``, and may be
tried by several: only the decided folder is ever moved there.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from humantrack.atomic import atomic_write
from humantrack.results import read_meta
from humantrack.service.jobs.folders import JobFolder

_NAME = re.compile(r"(\d+)(\.closed)?")
_ASKED, _OWED = "asked.json", "uncounted"
_LEFT_OUT = shutil.ignore_patterns("*.checkpoint", "*.claim*", "*.tmp", _ASKED)


class Attempts:
    """A job's attempts.

    Args:
        folder: of the job.
        asked: the job's settings; work that was done with other ones is not gone on with.
    """

    def __init__(self, folder: JobFolder, asked: Mapping[str, Any]) -> None:
        self._folder, self._asked = folder, dict(asked)

    def begin(self, fence: int) -> Path:
        """The folder of a new attempt, with what the newest one before has left to go on from.

        Raises:
            OSError: if the disk refuses.
        """
        mine = self._path(fence)
        mine.parent.mkdir(exist_ok=True)
        for before in self._before(fence):
            if self._take(before, mine):
                break
        mine.mkdir(exist_ok=True)
        with atomic_write(mine / _ASKED) as file:
            file.write(json.dumps(self._asked).encode())
        for before in list(self._before(fence)):
            if before.parent == mine.parent:
                shutil.rmtree(before, ignore_errors=True)
        return mine

    def close(self, fence: int) -> None:
        """Say that an attempt has ended and has nothing open: the next one may have its folder."""
        with suppress(OSError):
            self._path(fence).rename(self._path(fence).with_name(f"{fence}.closed"))

    def owe(self, fence: int) -> None:
        """Note that a closed attempt is not to count, when the database could not be told."""
        with suppress(OSError):
            (self._path(fence).with_name(f"{fence}.closed") / _OWED).touch()

    def owes(self, mine: Path) -> bool:
        """Whether the attempt that was gone on with is not to count; said once."""
        try:
            (mine / _OWED).unlink()
        except OSError:
            return False
        return True

    def publish(self, fence: int) -> None:
        """Put the files of the attempt that was decided on in their place; may be done twice.

        Raises:
            OSError: if the disk refuses.
        """
        source = self._path(fence)
        try:
            source.rename(self._folder.path / "out")
        except FileNotFoundError:
            if not self._folder.output.is_dir():
                raise
        except OSError:
            # What humantrack 0.1 left of this job is in the way; nobody else writes there.
            if not (self._folder.path / "out").is_dir():
                raise
            with suppress(FileNotFoundError):
                source.rename(self._folder.path / f"out.{fence}")
        shutil.rmtree(self._folder.attempts, ignore_errors=True)

    def _path(self, fence: int) -> Path:
        return self._folder.attempts / str(fence)

    def _before(self, fence: int) -> Iterator[Path]:
        """Folders of earlier attempts, the newest first; last of all that of humantrack 0.1."""
        found = []
        for path in self._folder.attempts.iterdir():
            name = _NAME.fullmatch(path.name)
            if name is not None and int(name[1]) < fence:
                found.append((int(name[1]), path))
        yield from (path for _, path in sorted(found, reverse=True))
        if (old := self._folder.path / "out").is_dir():
            yield old

    def _take(self, before: Path, mine: Path) -> bool:
        """Make an earlier attempt's work ours; False if it is of no use."""
        is_old = before.parent != mine.parent
        if not (is_old or self._is_ours(before)):
            return False
        try:
            if before.suffix == ".closed":
                before.rename(mine)
                return True
            return self._copy(before, mine, or_finished=not is_old)
        except (FileNotFoundError, shutil.Error):  # another attempt has it, or still writes to it
            if shutil.disk_usage(mine.parent).free == 0:
                raise
            shutil.rmtree(mine, ignore_errors=True)
            return False

    def _copy(self, before: Path, mine: Path, *, or_finished: bool) -> bool:
        checkpoints = {p.name: p.read_bytes() for p in before.glob("results/*.checkpoint")}
        if not checkpoints and not (or_finished and is_finished(before)):
            return False
        shutil.copytree(before, mine, ignore=_LEFT_OUT)
        for name, content in checkpoints.items():
            with atomic_write(mine / "results" / name) as file:
                file.write(content)
        return True

    def _is_ours(self, before: Path) -> bool:
        try:
            return bool(json.loads((before / _ASKED).read_bytes()) == self._asked)
        except (OSError, ValueError):
            return False


def is_finished(output: Path) -> bool:
    """Whether a run's folder holds all that it was to write: the checkpoint goes last."""
    results = JobFolder.results_in(output)
    meta = None if results is None else read_meta(results)
    is_whole = meta is not None and meta.get("status") == "complete" and not meta.get("error")
    return is_whole and not any(output.glob("results/*.checkpoint"))
