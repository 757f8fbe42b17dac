"""The lens as a file's metadata names it: the focal length of the same view on 35 mm film."""

from __future__ import annotations

import math
import re
from pathlib import Path

DIAGONAL_MM = math.hypot(36, 24)
"""Of a frame of 35 mm film; CIPA DCG-001 compares lenses by the diagonal angle of view."""

_EXIF, _FOCAL_IN_35MM = 0x8769, 0xA405
"""EXIF 2.32: the tag of the Exif IFD, and FocalLengthIn35mmFilm in it."""

_SHORTEST_MM, _LONGEST_MM = 4.0, 3000.0
_NAME = re.compile(r"35\s*mm", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(\.\d+)?")


def focal_px_of(focal_35mm: float, width: int, height: int) -> float:
    """The focal length in pixels of a frame."""
    return focal_35mm * math.hypot(width, height) / DIAGONAL_MM


def focal_35mm(path: Path) -> float | None:
    """Millimetres that a file names; None if it names none, or cannot be read.

    Videos: any tag of the container or of a video stream whose name says 35 mm, such as
    Apple's ``com.apple.quicktime.camera.focal_length.35mm_equivalent``. Pictures: EXIF.

    Args:
        path: a video, a picture, or a folder of pictures.
    """
    path = path.expanduser()
    try:
        if path.is_dir():
            first = next((p for p in sorted(path.iterdir()) if p.is_file()), None)
            return None if first is None else _of_picture(first)
        if not path.is_file():
            return None
        found = _of_video(path)
        return _of_picture(path) if found is None else found
    except Exception:  # noqa: BLE001 - metadata is a convenience, and files are anybody's
        return None


def _of_video(path: Path) -> float | None:
    import av

    try:
        with av.open(str(path)) as container:
            tags = dict(container.metadata)
            for stream in container.streams.video:
                tags |= stream.metadata
    except (av.FFmpegError, ValueError):
        return None
    for name, value in tags.items():
        if _NAME.search(name):
            number = _NUMBER.search(str(value))
            if number:
                return sensible_35mm(float(number.group()))
    return None


def _of_picture(path: Path) -> float | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            value = image.getexif().get_ifd(_EXIF).get(_FOCAL_IN_35MM)
    except (UnidentifiedImageError, OSError, SyntaxError):
        return None
    return None if value is None else sensible_35mm(float(value))


def sensible_35mm(focal: float) -> float | None:
    """The focal length, if a lens may have it; else None."""
    return focal if _SHORTEST_MM <= focal <= _LONGEST_MM else None
