"""Files that are either whole or not there: temporary file, fsync, rename."""

from __future__ import annotations

import glob
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from humantrack.errors import OutputError


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when the block ends without an error.

    Missing folders are made. The temporary file lies in the same folder and is removed if the
    block raises; a file that was there before is left as it was.

    Args:
        path: the final name.

    Yields:
        A binary file.

    Raises:
        OutputError: if the folder, the file or the rename fails.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("xb")
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def remove_leftovers(path: Path) -> None:
    """Remove what writers of ``path`` that were killed have left; nobody may be writing it now."""
    with suppress(OSError):
        for left in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.tmp"):
            left.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Rename ``source``, whose content is on disk already, over ``target``, durably.

    Raises:
        OSError: if the rename fails.
    """
    source.replace(target)
    if os.name == "posix":
        # The rename itself is only safe from a power cut once the folder is on disk.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems refuse to sync a folder
                os.fsync(folder)
        finally:
            os.close(folder)


def cannot_write(path: Path, error: OSError, hint: str | None = None) -> OutputError:
    """The error to raise when the system refuses to write ``path``."""
    reason = error.strerror or type(error).__name__
    return OutputError(f"cannot write ({reason.lower()})", where=path, hint=hint)
