"""The pages of a TIFF: a chain of directories, by TIFF 6.0 and BigTIFF."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

_NEW_SUBFILE_TYPE = 254
_NO_PAGE = 1 | 4
"""Bits of that field: a smaller copy of another page, and a mask."""

_MOST_PAGES = 1_000_000


def is_tiff(head: bytes) -> bool:
    """True for the first bytes of a TIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def page_offsets(path: Path) -> list[int]:
    """Where the directory of each page lies; small copies of pages and masks are left out."""
    found: list[int] = []
    seen: set[int] = set()
    with path.open("rb") as file:
        head = file.read(16)
        if not is_tiff(head):
            return []
        order, is_big = "<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+")
        offset = _at(head, 8 if is_big else 4, order, is_big)
        try:
            while offset and offset not in seen and len(seen) < _MOST_PAGES:
                seen.add(offset)
                is_page, following = _directory(file, offset, order, is_big)
                if is_page:
                    found.append(offset)
                offset = following
        except (struct.error, OSError, OverflowError):  # cut short
            pass
    return found


def starting_at(data: Any, offset: int) -> None:
    """Change a file's header in memory so that it begins with the page at this place.

    Args:
        data: (N,) uint8, writable.
        offset: from :func:`page_offsets`.
    """
    head = bytes(data[:4])
    order, is_big = "<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+")
    place, layout = (8, "Q") if is_big else (4, "I")
    number = struct.pack(order + layout, offset)
    data[place : place + len(number)] = list(number)


def _directory(file: BinaryIO, offset: int, order: str, is_big: bool) -> tuple[bool, int]:
    """(whether it is a page, the next directory's place)."""
    file.seek(offset)
    count_size, entry_size = (8, 20) if is_big else (2, 12)
    count = struct.unpack(order + ("Q" if is_big else "H"), file.read(count_size))[0]
    if count > 65535:
        raise OverflowError("too many fields")
    entries = file.read(count * entry_size)
    kind = 0
    for start in range(0, len(entries) - entry_size + 1, entry_size):
        tag = struct.unpack_from(order + "H", entries, start)[0]
        if tag == _NEW_SUBFILE_TYPE:
            kind = struct.unpack_from(order + "I", entries, start + (12 if is_big else 8))[0]
    tail = file.read(8 if is_big else 4)
    return not kind & _NO_PAGE, _at(tail, 0, order, is_big)


def _at(data: bytes, place: int, order: str, is_big: bool) -> int:
    return int(struct.unpack_from(order + ("Q" if is_big else "I"), data, place)[0])
