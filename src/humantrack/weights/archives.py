"""Unpacks archives, known by their first bytes, without letting them write outside their folder."""

from __future__ import annotations

import bz2
import gzip
import logging
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import IO, Any

from humantrack.atomic import cannot_write, replace
from humantrack.errors import WeightsError

_log = logging.getLogger(__name__)

_COMPRESSED = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}
_UNKNOWN = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"\x28\xb5\x2f\xfd": "zstd"}
_BLOCK = 512
"""Bytes of a tar file's header."""

_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError),
    *(gzip.BadGzipFile, NotImplementedError, RuntimeError, UnicodeError, ValueError, KeyError),
)
"""What a damaged, encrypted or oddly compressed archive can raise."""


def kind_of(path: Path) -> str | None:
    """What a file is, whatever its name says: "zip", "tar", "gz", "bz2", "xz" or None.

    A tar file is known by the checksum of its first header (POSIX pax, "ustar Interchange Format"),
    the others by their first bytes. The end of the file is not looked at: a zip file that lies last
    in a tar file makes the whole of it look like a zip file from there.

    Raises:
        WeightsError: if it cannot be read, or is an archive of a kind that is not unpacked here.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_BLOCK)
    except OSError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=path) from error
    for start, kind in _UNKNOWN.items():
        if head.startswith(start):
            hint = "unpack it with a program of your own and import the folder"
            raise WeightsError(f"archives of the kind {kind} are not read", where=path, hint=hint)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    for start, kind in _COMPRESSED.items():
        if head.startswith(start):
            return kind
    return "tar" if _is_tar_header(head) else None


def _is_tar_header(head: bytes) -> bool:
    if len(head) < _BLOCK:
        return False
    digits = head[148:156].strip(b" \0")
    if not re.fullmatch(rb"[0-7]+", digits):
        return False
    return int(digits, 8) == sum(head[:148]) + sum(head[156:]) + 8 * 32


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack the files of a tar (plain or compressed) or zip archive, all or none.

    Links to other places and what macOS adds (``._name``, ``__MACOSX``) are left out. Files that
    are there already are replaced.

    Args:
        archive: the archive.
        folder: where its tree is put.

    Returns:
        The files.

    Raises:
        WeightsError: if it is damaged, no archive, or names a place outside the folder.
        OutputError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as scratch:
            names = extract(archive, Path(scratch))
            for name in names:
                put(Path(scratch) / name, folder / name)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return [folder / name for name in names]


def put(source: Path, target: Path) -> None:
    """Move an unpacked file to its place on the same disk.

    Raises:
        OSError: if that fails.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    replace(source, target)


def extract(archive: Path, scratch: Path) -> list[PurePosixPath]:
    """Write every file of the archive below an empty folder, and give their names below it.

    Raises:
        WeightsError: as :func:`unpack`.
        OSError: if the folder cannot be written.
    """
    names: dict[PurePosixPath, None] = {}
    try:
        for member, content in _members(archive):
            name = _safe(member, archive)
            target = scratch / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            names[name] = None
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk, not of the data
            raise
        hint = "it is cut short, damaged or no archive; fetch it anew"
        raise WeightsError(f"cannot unpack ({error})", where=archive, hint=hint) from error
    return list(names)


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every regular file."""
    kind = kind_of(archive)
    if kind is None:
        raise tarfile.ReadError("neither a tar nor a zip file")
    yield from _zipped(archive) if kind == "zip" else _tarred(archive, kind)


def _zipped(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            is_link = (info.external_attr >> 28) == 0xA
            if is_link:
                _log.warning("%s: left out %s, which is a link", archive, info.filename)
            elif not info.is_dir() and not _is_added_by_macos(info.filename):
                yield info.filename, packed.open(info)


def _tarred(archive: Path, kind: str) -> Iterator[tuple[str, IO[bytes]]]:
    with ExitStack() as stack:
        plain: IO[bytes] = stack.enter_context(archive.open("rb"))
        file = stack.enter_context(_decompressed(plain, kind))
        tar = stack.enter_context(tarfile.open(fileobj=file, mode="r:", tarinfo=_Member))
        for member in tar:
            if _is_added_by_macos(member.name) or member.isdir():
                continue
            content = tar.extractfile(member) if member.isreg() or member.islnk() else None
            if content is not None:
                yield member.name, content
            else:
                _log.warning("%s: left out %s, which is not a regular file", archive, member.name)
        if not getattr(tar, "has_end", False):
            raise tarfile.ReadError("unexpected end of data")
        while file.read(1 << 20):  # a compressed file has a checksum at its end
            pass


def _decompressed(file: IO[bytes], kind: str) -> Any:
    if kind == "tar":
        return file
    module = {"gz": gzip, "bz2": bz2, "xz": lzma}[kind]
    return module.open(file, "rb")


class _Member(tarfile.TarInfo):
    """Notes in the archive that its end mark was met; ``tarfile`` takes any stop for the end."""

    @classmethod
    def fromtarfile(cls, tar: Any) -> Any:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            tar.has_end = True
            raise


def _is_added_by_macos(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1].startswith("._"))


def _safe(name: str, archive: Path) -> PurePosixPath:
    """The name as a path below the folder."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or not path.parts
    if outside or "\\" in name or "\0" in name or re.match(r"[A-Za-z]:", name):
        raise WeightsError(f"the archive would write outside its folder ({name})", where=archive)
    return path
