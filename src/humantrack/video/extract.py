"""PHALP's extraction: each frame is stored as a JPEG, and what is stored is what is tracked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from humantrack.errors import OutputError
from humantrack.types import Frame, SourceInfo

_EXTRACTED = re.compile(r"[0-9]{6,}\.jpg")


def extracting(
    frames: Iterable[Frame],
    folder: Path,
    *,
    quality: int = 95,
    keys: Literal["name", "phalp"] = "name",
    key_folder: str | None = None,
    keep: bool = False,
) -> Iterator[Frame]:
    """Store each frame as ``folder/000001.jpg`` (counted in the source) and yield it as stored.

    Pictures of an earlier run in the folder (names of digits) are removed; nothing else is.

    Args:
        frames: a source, or anything that yields frames.
        folder: made if it does not exist.
        quality: JPEG quality, 1..100.
        keys: "name" keeps the frames' keys; "phalp" makes them ``key_folder/000001.jpg``.
        key_folder: spelling of the folder in the keys; default ``folder`` with forward slashes.
        keep: leave the pictures of an earlier run, which this one resumes.

    Raises:
        OutputError: if the folder or a picture cannot be written.
    """
    info = getattr(frames, "info", None)
    if isinstance(info, SourceInfo) and info.kind == "images":
        _check_not_same(info, folder)
    _prepare(folder, keep=keep)
    prefix = folder.as_posix() if key_folder is None else key_folder
    return _extract(frames, folder, quality, prefix if keys == "phalp" else None)


def _extract(
    frames: Iterable[Frame], folder: Path, quality: int, prefix: str | None
) -> Iterator[Frame]:
    import cv2  # not at import time of the package

    for frame in frames:
        name = f"{frame.source_index + 1:06d}.jpg"
        bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
        _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        try:
            (folder / name).write_bytes(jpeg.tobytes())
        except OSError as error:
            raise _cannot_write(folder / name, error) from error
        stored: Any = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        stored = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB)
        key = frame.key if prefix is None else f"{prefix}/{name}"
        yield replace(frame, rgb=np.asarray(stored, np.uint8), key=key)


def _prepare(folder: Path, *, keep: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in () if keep else folder.iterdir():
            if _EXTRACTED.fullmatch(path.name) and (path.is_file() or path.is_symlink()):
                path.unlink()
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _check_not_same(info: SourceInfo, folder: Path) -> None:
    source = info.path if info.path.is_dir() else info.path.parent
    if source.resolve() == folder.resolve():
        raise OutputError(
            "frames cannot be extracted into the folder they are read from",
            where=folder,
            hint="read the images without extraction, or choose another output folder",
        )


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError("cannot write a frame", where=path, hint=error.strerror)
