"""One zip of many files, written while it is sent: it is never on the disk, nor in memory."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from humantrack.service.web.names import saved_name

_CHUNK = 2**18
_PACKED = {".mp4", ".pkl", ".npz", ".parquet", ".zip", ".glb", ".usdc"}
"""Suffixes of what does not get smaller."""

_MISSING = "NOT-INCLUDED.txt"


class CannotMakeError(Exception):
    """A file cannot be had; says why in one line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the zip."""

    name: str
    """In the zip, with ``/`` between folders."""

    path: Callable[[], Path]
    """Where it is; may make it first. Raises CannotMakeError if that does not work."""


class _Pipe(io.RawIOBase):
    """What is written is kept until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        out, self._parts = b"".join(self._parts), []
        return out


def stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """The bytes of the zip, piece by piece.

    What cannot be had is named, with the reason, in a last file ``NOT-INCLUDED.txt``.
    """
    pipe, missing = _Pipe(), []
    with zipfile.ZipFile(pipe, "w", allowZip64=True) as archive:
        for entry in entries:
            try:
                path = entry.path()
                with path.open("rb") as file:
                    when = time.localtime(path.stat().st_mtime)[:6]
                    with archive.open(_info(entry.name, when), "w", force_zip64=True) as out:
                        while piece := file.read(_CHUNK):
                            out.write(piece)
                            yield pipe.take()
            except (CannotMakeError, FileNotFoundError) as error:
                missing.append(f"{entry.name}: {error}")
            yield pipe.take()
        if missing:
            archive.writestr(_info(_MISSING, time.localtime()[:6]), "\n".join([*missing, ""]))
    yield pipe.take()


def _info(name: str, when: tuple[int, ...]) -> zipfile.ZipInfo:
    earliest = (1980, 1, 1, 0, 0, 0)
    info = zipfile.ZipInfo(name, max(tuple(when), earliest))  # type: ignore[arg-type]
    packed = Path(name).suffix in _PACKED
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def unique_names(names: Iterable[str]) -> list[str]:
    """Names that can be folders of a zip on any system, each once; clips may share a name."""
    out: list[str] = []
    for name in names:
        stem = saved_name(name, "results")
        found, number = stem, 2
        while found.lower() in {other.lower() for other in out}:
            found, number = f"{stem} ({number})", number + 1
        out.append(found)
    return out
