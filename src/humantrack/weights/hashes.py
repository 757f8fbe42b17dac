"""Hashes of model files: known ones are checked, unknown ones are noted at first sight."""

from __future__ import annotations

import hashlib
from pathlib import Path

from humantrack.atomic import atomic_write
from humantrack.errors import WeightsError

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """Hash of a file, in hexadecimal.

    Raises:
        WeightsError: if it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=path) from error
    return digest.hexdigest()


def note_path(path: Path) -> Path:
    """Where the hash of a file is noted, in the form of ``sha256sum``."""
    return path.with_name(path.name + ".sha256")


def noted(path: Path) -> str | None:
    """The hash noted for a file, or None."""
    try:
        words = note_path(path).read_text("utf-8").split()
    except (OSError, UnicodeError):
        return None
    return words[0] if words and len(words[0]) == 64 else None


def check(path: Path, known: str | None) -> bool:
    """Compare a file with its known or noted hash; note the hash if there is none yet.

    Args:
        path: the file.
        known: the catalogue's hash, if it has one.

    Returns:
        True if there was a hash to compare with, False if it was noted just now.

    Raises:
        WeightsError: if the file has changed.
        OutputError: if the note cannot be written.
    """
    have, want = sha256_of(path), known or noted(path)
    if want is None:
        with atomic_write(note_path(path)) as file:
            file.write(f"{have}  {path.name}\n".encode())
        return False
    if have != want:
        hint = "delete it and fetch it anew; if you replaced it yourself, delete the .sha256 file"
        raise WeightsError("the model file is not the one it was", where=path, hint=hint)
    return True
