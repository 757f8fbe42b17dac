"""Boxes of a HEIF file (HEIC, AVIF), read before it is decoded (ISO/IEC 23008-12)."""

from __future__ import annotations

from typing import Any

_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_META_BYTES = 1 << 16


def is_heif(data: Any) -> bool:
    """True for a picture or a sequence of pictures in a HEIF container.

    Args:
        data: (N,) uint8, a file or its first bytes.
    """
    head = bytes(data[:12])
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


def has_tiles(data: Any) -> bool:
    """True for a picture that is a grid of smaller ones, as phones write them."""
    head = bytes(data[:_META_BYTES])
    return b"grid" in head[head.find(b"iinf") :] if b"iinf" in head else False
