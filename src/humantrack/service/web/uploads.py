"""Receiving clips: multipart files go straight to the disk, under names of our own."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from flask import Request, current_app
from werkzeug.datastructures import FileStorage

from humantrack.service.jobs.folders import DataFolder
from humantrack.service.web.problems import ProblemError

_CHECK_BYTES = 16 * 2**20
_MOST_FILES = 1
_LONGEST_NAME = 200


class IncomingFile(io.BufferedRandom):
    """A file that is being received; refuses to fill the disk.

    Args:
        path: of the new file.
        free_bytes: free space, asked periodically.
        least_free_bytes: room that has to stay.
    """

    def __init__(self, path: Path, free_bytes: Callable[[], int], least_free_bytes: int) -> None:
        super().__init__(io.FileIO(path, "x+"))
        self.path = path
        self._free_bytes, self._least = free_bytes, least_free_bytes
        self._unchecked = _CHECK_BYTES
        self._digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        """Write a piece.

        Raises:
            ProblemError: 507, when the disk is nearly full.
        """
        self._unchecked += len(data)
        if self._unchecked > _CHECK_BYTES:
            self._unchecked = 0
            if self._free_bytes() < self._least:
                raise disk_is_full()
        self._digest.update(data)
        try:
            return super().write(data)
        except OSError as error:
            raise disk_is_full() from error

    @property
    def digest(self) -> str:
        """SHA-256 of all that was written."""
        return self._digest.hexdigest()

    def settle(self) -> None:
        """See the content onto the disk and close.

        Raises:
            ProblemError: 507, if it does not fit.
        """
        try:
            self.flush()
            os.fsync(self.fileno())
            self.close()
        except OSError as error:
            raise disk_is_full() from error


def disk_is_full() -> ProblemError:
    """507."""
    return ProblemError(507, "DiskFullError", "there is no room for this on the server's disk")


class ServiceRequest(Request):
    """A request whose files are received by :class:`IncomingFile`."""

    max_form_memory_size = 2**18
    max_form_parts = 10

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.incoming: list[IncomingFile] = []

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> Any:
        if len(self.incoming) >= _MOST_FILES:
            raise ProblemError(400, "BadRequest", "one file at a time")
        return self.new_file()

    def new_file(self) -> IncomingFile:
        """A file to be received; it goes with the request unless a job takes it.

        Raises:
            ProblemError: 507, if the disk refuses.
        """
        settings = current_app.extensions["humantrack"].settings
        data: DataFolder = current_app.extensions["humantrack"].data
        try:
            file = IncomingFile(data.new_incoming(), data.free_bytes, settings.least_free_bytes)
        except OSError as error:
            raise disk_is_full() from error
        self.incoming.append(file)
        return file

    def drop_incoming(self) -> None:
        """Remove what no job has taken."""
        for file in self.incoming:
            with suppress(OSError, ValueError):
                file.close()
            with suppress(OSError):
                file.path.unlink(missing_ok=True)


def received(storage: FileStorage) -> IncomingFile:
    """The file behind a form's field."""
    return cast("IncomingFile", storage.stream)


def sent_name(name: str | None) -> str | None:
    """A file's name in a form, which browsers escape (WHATWG: HTML, multipart form data)."""
    return name and name.replace("%22", '"').replace("%0D", "").replace("%0A", "")


def display_name(name: str | None) -> str:
    """What a client calls its clip, fit to be shown; it is used for nothing else."""
    last = (name or "").replace("\\", "/").rstrip("/").rpartition("/")[2]
    spaced = (" " if unicodedata.category(c) == "Zs" else c for c in last)  # there are many sorts
    shown = "".join(c for c in spaced if c.isprintable()).strip()
    return shown[:_LONGEST_NAME] or "clip"
