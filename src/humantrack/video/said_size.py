"""How large a file says it is: a recording that was cut off is smaller."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_HEAD = 1 << 16
_SEGMENT = b"\x18\x53\x80\x67"
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
"""GUID of ASF's File Properties Object; the file's size lies 40 bytes behind its start."""


def said_size(path: Path, format_name: str) -> tuple[int, int]:
    """Bytes that the file's own header lets expect, 0 if it does not tell, and those it has.

    Args:
        path: the file.
        format_name: FFmpeg's.
    """
    read = next((f for name, f in _READERS.items() if format_name.startswith(name)), None)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        try:
            return (read(file) if read else 0), size
        except (IndexError, struct.error, OSError):
            return 0, size


def is_fragmented(path: Path) -> bool:
    """True for an mp4 whose index is spread over the file (ISO/IEC 14496-12, box ``moof``)."""
    with path.open("rb") as file:
        return _boxes(file)[1]


def _boxes(file: BinaryIO) -> tuple[int, bool]:
    """(where an mp4's last box ends, whether one is a fragment)."""
    size, at, has_fragments = file.seek(0, os.SEEK_END), 0, False
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        has_fragments |= kind == b"moof"
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        if length < 8:
            break
        at += length
    return at, has_fragments


def _riff(file: BinaryIO) -> int:
    """Of an AVI's first chunk."""
    head = file.read(8)
    return 8 + int.from_bytes(head[4:], "little") if head[:4] == b"RIFF" else 0


def _matroska(file: BinaryIO) -> int:
    """By the size of the Segment element (RFC 8794, RFC 9559); it may be unknown."""
    head = file.read(_HEAD)
    place = head.find(_SEGMENT) + len(_SEGMENT)
    if place < len(_SEGMENT):
        return 0
    width = 9 - head[place].bit_length()
    value = int.from_bytes(head[place : place + width], "big") & ((1 << 7 * width) - 1)
    return 0 if value == (1 << 7 * width) - 1 else place + width + value


def _asf(file: BinaryIO) -> int:
    head = file.read(_HEAD)
    place = head.find(_ASF_FILE)
    return 0 if place < 0 else int(struct.unpack_from("<Q", head, place + 40)[0])


def _flv(file: BinaryIO) -> int:
    """By ``filesize`` of the script data, a number by AMF 0."""
    head = file.read(_HEAD)
    place = head.find(b"filesize\0")
    told = 0.0 if place < 0 else float(struct.unpack_from(">d", head, place + 9)[0])
    return int(told) if 0 < told < 2**62 else 0


_READERS: dict[str, Callable[[BinaryIO], int]] = {
    "avi": _riff,
    "matroska": _matroska,
    "asf": _asf,
    "flv": _flv,
    "mov": lambda file: _boxes(file)[0],
}
