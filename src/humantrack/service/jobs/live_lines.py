"""Lines that one process writes while others read them: a few files, of which the newest stay.

There is no socket, so that it works across processes, and across machines that share the folder.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

RECORDS, SCENE = "records", "scene"
"""Stems: records as humantrack-live tells them; what the page draws."""

PICTURE = "overlay.jpg"
"""Beside them, the newest picture; it is replaced as a whole."""

_WATCHED = "watched"
"""Beside them, touched by who watches: a picture is drawn for nobody else."""

_WATCHED_S = 5.0

FILE_BYTES = 2**20
KEPT = 4
"""Files of a stem that stay. Who reads and is further behind goes on with the newest."""


class LinesWriter:
    """Appends lines.

    Args:
        folder: made if it is not there.
        stem: of the files.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._stem = folder, stem
        self._number, self._size = 0, FILE_BYTES

    def write(self, line: bytes) -> None:
        """Append a line, which ends with a newline.

        Raises:
            OSError: if the disk refuses.
        """
        if self._size + len(line) > FILE_BYTES:
            self._number, self._size = self._number + 1, 0
            old = self._folder / _name(self._stem, self._number - KEPT)
            old.unlink(missing_ok=True)
        path = self._folder / _name(self._stem, self._number)
        with path.open("ab", buffering=0) as file:  # one call, so that no reader sees a half
            file.write(line)
        self._size += len(line)


def watch(folder: Path) -> None:
    """Say that somebody watches; to be said again within a few seconds."""
    with suppress(OSError):
        (folder / _WATCHED).touch()


class Watched:
    """Knows whether somebody watches. Clocks of machines differ: only its changes count.

    Args:
        folder: of the live files.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _WATCHED
        self._stamp: int | None = None
        self._changed_s = float("-inf")

    def is_so(self) -> bool:
        """Whether somebody does, or did a moment ago."""
        with suppress(OSError):
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._stamp, self._changed_s = stamp, time.monotonic()
        return time.monotonic() - self._changed_s < _WATCHED_S


class LinesReader:
    """Reads what is appended, from the newest line on. Missing files are waited for."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self._stem = folder, stem
        self._number, self._at = 0, 0
        self._rest = b""
        self.lost = 0
        """Times that lines were gone before they were read."""

    def lines(self) -> list[bytes]:
        """All whole lines that have come since, without their newlines."""
        if self._number == 0:
            return self._first()
        found: list[bytes] = []
        while True:
            more = self._read(self._number)
            if more is None:
                return found + self._skip()
            found += more
            if not (self._folder / _name(self._stem, self._number + 1)).exists():
                return found
            found += self._read(self._number) or []  # what came before the next was begun
            self._number, self._at, self._rest = self._number + 1, 0, b""

    def _first(self) -> list[bytes]:
        """The newest line alone."""
        self._number = max(self._numbers(), default=0)
        return (self._read(self._number) or [])[-1:] if self._number else []

    def _skip(self) -> list[bytes]:
        """Go on with the newest, if there is one that was not read."""
        newest = max(self._numbers(), default=0)
        if newest <= self._number:
            return []
        self.lost += 1
        self._number, self._at, self._rest = newest, 0, b""
        return (self._read(newest) or [])[-1:]

    def _numbers(self) -> list[int]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - names are all that is asked for
        except OSError:
            return []
        ends = (name.rpartition(".") for name in names)
        return [int(end) for stem, _, end in ends if stem == self._stem and end.isdecimal()]

    def _read(self, number: int) -> list[bytes] | None:
        """What a file has more; None if it is not there."""
        try:
            with (self._folder / _name(self._stem, number)).open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return None
        self._at += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return whole


def _name(stem: str, number: int) -> str:
    return f"{stem}.{number}"
