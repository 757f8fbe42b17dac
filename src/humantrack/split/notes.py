"""What workers leave beside a part for others to read: how far it is, who did it, why it failed."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from humantrack import errors
from humantrack.atomic import atomic_write
from humantrack.errors import HumantrackError, PartialSweepError
from humantrack.split.files import ObservationFile
from humantrack.split.plan import part_path

_TOLD_EVERY_S = 1.0


@dataclass(frozen=True)
class Doing:
    """Who has done a part, and how long it took."""

    where: str
    seconds: float


class Teller:
    """Notes beside a part how many frames are done, and in the end who did it."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number
        self._began = time.monotonic()
        self._last = 0.0

    def __call__(self, frames: int) -> None:
        """So many frames are done."""
        if time.monotonic() - self._last >= _TOLD_EVERY_S:
            self._last = time.monotonic()
            with suppress(OSError):
                _count_of(self._folder, self._number).write_text(str(frames))

    def end(self) -> None:
        """The part is done."""
        said = {
            "where": f"{socket.gethostname()}, process {os.getpid()}",
            "seconds": time.monotonic() - self._began,
        }
        with suppress(OSError):
            _doing_of(self._folder, self._number).write_text(json.dumps(said), "utf-8")


def frames_told(folder: Path, number: int) -> int:
    """Frames of a part whose people are found, as far as its worker has told."""
    try:
        return ObservationFile(part_path(folder, number)).end.frames
    except HumantrackError:
        pass
    try:
        return int(_count_of(folder, number).read_text() or 0)
    except (OSError, ValueError):
        return 0


def doing(folder: Path, number: int) -> Doing | None:
    """Who has done a part; None: nobody has told."""
    try:
        said = json.loads(_doing_of(folder, number).read_text("utf-8"))
        return Doing(str(said["where"]), float(said["seconds"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def note_error(folder: Path, number: int, error: HumantrackError) -> None:
    """Leave why a part failed."""
    where = None if error.where is None else str(error.where)
    said = {"kind": type(error).__name__, "what": error.what, "where": where, "hint": error.hint}
    with suppress(HumantrackError), atomic_write(_error_of(folder, number)) as file:
        file.write(json.dumps(said).encode())


def noted_error(folder: Path, number: int) -> HumantrackError | None:
    """Why a part failed; None: it has not, or nobody could tell."""
    try:
        said = json.loads(_error_of(folder, number).read_text("utf-8"))
        kind = getattr(errors, said["kind"], HumantrackError)
        error: HumantrackError = kind(said["what"], where=said["where"], hint=said["hint"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return error


def why_missing(folder: Path, numbers: Sequence[int], parts: int) -> HumantrackError:
    """Why these of so many parts are not there, in one error."""
    told = [e for n in numbers if (e := noted_error(folder, n)) is not None]
    if told and len(told) == parts:
        return told[0]
    which = ", ".join(map(str, numbers[:10])) + (" ..." if len(numbers) > 10 else "")
    again = "the same command does them again"
    return PartialSweepError(
        f"{len(numbers)} of {parts} parts are missing ({which})",
        where=folder,
        hint=f"{told[0]}; {again}" if told else f"their workers were killed or lost; {again}",
    )


def forget_error(folder: Path, number: int) -> None:
    """The part is tried again."""
    _error_of(folder, number).unlink(missing_ok=True)


def remove_notes(folder: Path, number: int) -> None:
    """All that is said of a part."""
    for path in (_count_of(folder, number), _error_of(folder, number), _doing_of(folder, number)):
        path.unlink(missing_ok=True)


def _count_of(folder: Path, number: int) -> Path:
    return folder / f".part-{number:04d}.frames"


def _error_of(folder: Path, number: int) -> Path:
    return folder / f".part-{number:04d}.error"


def _doing_of(folder: Path, number: int) -> Path:
    return folder / f".part-{number:04d}.doing"
