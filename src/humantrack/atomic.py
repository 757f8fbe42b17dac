"""Files that are either whole or not there, and what all who write and check files need."""

from __future__ import annotations

import glob
import os
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from humantrack.errors import OutputError

_AT_ONCE = 1 << 20
"""Bytes of a file that are checked at a time."""


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
    sync_folder(target.parent)


def sync_folder(path: Path) -> None:
    """See the names in a folder onto the disk: a rename alone is not safe from a power cut.

    Raises:
        OSError: if there is no such folder.
    """
    if os.name == "posix":
        folder = os.open(path, os.O_RDONLY)
        try:
            with suppress(OSError):  # some network file systems refuse to sync a folder
                os.fsync(folder)
        finally:
            os.close(folder)


def cannot_write(path: Path, error: OSError, hint: str | None = None) -> OutputError:
    """The error to raise when the system refuses to write ``path``."""
    return OutputError(f"cannot write ({reason_of(error)})", where=path, hint=hint)


def reason_of(error: OSError) -> str:
    """What the system says, in a few small words."""
    return (error.strerror or type(error).__name__).lower()


def put_all(file: BinaryIO, data: bytes) -> None:
    """Write all of these bytes to a file without a buffer, which may take a part at a time.

    Raises:
        OSError: if the system refuses.
    """
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def crc_of_next(file: BinaryIO, size: int) -> int | None:
    """Checksum of the next ``size`` bytes; None if there are not so many.

    Raises:
        OSError: if they cannot be read.
    """
    crc = 0
    while size > 0 and (data := file.read(min(size, _AT_ONCE))):
        crc = zlib.crc32(data, crc)
        size -= len(data)
    return None if size else crc
