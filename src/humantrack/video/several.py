"""Whether a picture's file holds several pictures, and who can read them all."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from humantrack.video.heif import is_heif
from humantrack.video.tiff import is_tiff, page_offsets

Several = Literal["webp", "tiff", "ffmpeg"]
"""Animated WebP, several pages of TIFF, or an animation that FFmpeg knows (PNG, AVIF, GIF)."""

_HEAD_BYTES = 1 << 16
_SEQUENCES = (b"avis", b"msf1", b"hevc", b"hevx")
"""Brands of HEIF for sequences of pictures."""


def several(path: Path) -> Several | None:
    """What the file's own header promises; None for one picture, and for anything else.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if is_tiff(head):
        return "tiff" if len(page_offsets(path)) > 1 else None
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        has_animation = len(head) > 20 and head[20] & 2
        return "webp" if has_animation and head.count(b"ANMF") != 1 else None
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "ffmpeg" if b"acTL" in head[: head.find(b"IDAT")] else None
    if is_heif(head):
        brands = head[8 : int.from_bytes(head[:4], "big")]
        return "ffmpeg" if any(brand in brands for brand in _SEQUENCES) else None
    return "ffmpeg" if head[:4] == b"GIF8" else None
