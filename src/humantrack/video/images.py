"""Folders, globs and lists of images as a source of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from humantrack.errors import EmptySourceError
from humantrack.types import Frame, SourceInfo
from humantrack.video.decode_errors import Problems
from humantrack.video.span import Span

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
DEFAULT_FPS = Fraction(30)

NaturalKey = tuple[tuple[tuple[int, int, str], ...], str]


def is_image(path: Path) -> bool:
    """True for a visible file whose ending is that of an image, in any letter case."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def natural_key(text: str) -> NaturalKey:
    """Sort key that orders numbers inside names by value (2 before 10), letters without case."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return (
        tuple((0, int(p), "") if i % 2 else (1, 0, p) for i, p in enumerate(parts) if p),
        text,
    )


def read_image(path: str | Path) -> npt.NDArray[np.uint8]:
    """An image file as (H,W,3) uint8 RGB, turned as its EXIF tag says, alpha dropped.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no image.
    """
    import cv2  # not at import time of the room

    data = np.fromfile(path, np.uint8)  # not imread, which cannot open every unicode path
    try:
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error as error:
        raise ValueError(f"not an image: {path}") from error
    if bgr is None:
        raise ValueError(f"not an image: {path}")
    rgb: npt.NDArray[np.uint8] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
    return rgb


class ImageReader:
    """Images in the order given, each with its own size; times count at ``fps``.

    An image that cannot be read is skipped and counted; numbers, times and keys stay those of its
    place in the list.

    Args:
        paths: the images, as the user gave them.
        path: what the user gave for all of them.
        name: the source's short name, the folder in the frame keys.
        fps: frames per second.
        phalp_keys: key a frame by its path as given instead of ``name/file name``.

    Raises:
        EmptySourceError: if not one image can be read.
    """

    def __init__(
        self, paths: Sequence[str], *, path: Path, name: str, fps: Fraction, phalp_keys: bool
    ) -> None:
        self._paths = list(paths)
        self._keys = list(paths) if phalp_keys else _keys(name, self._paths)
        self.paths: Sequence[Path] = [Path(path) for path in paths]
        self.problems = Problems()
        first = self._first_size()
        if first is None:
            raise EmptySourceError(
                "none of the images can be read" if self._paths else "no image in the folder",
                where=path,
            )
        self.info = SourceInfo(
            name=name,
            path=path,
            kind="images",
            width=first[1],
            height=first[0],
            fps=fps,
            frame_count=len(self._paths),
            duration_s=float(len(self._paths) / fps),
            codec=Path(self._paths[0]).suffix.lower().lstrip("."),
        )

    def frames(self, span: Span) -> Iterator[Frame]:
        """The frames of the span."""
        index = 0
        for number, path in enumerate(self._paths):
            time_s = float(number / self.info.fps)
            if span.is_before(number, time_s):
                continue
            if span.is_past(number, time_s):
                break
            try:
                rgb = read_image(path)
            except (OSError, ValueError) as error:
                self.problems.add(f"{path}: {error}")
                continue
            yield Frame(
                index=index, source_index=number, time_s=time_s, rgb=rgb, key=self._keys[number]
            )
            index += 1

    def _first_size(self) -> tuple[int, int] | None:
        """(H, W) of the first image that can be read."""
        for path in self._paths:
            try:
                height, width = read_image(path).shape[:2]
            except (OSError, ValueError):
                continue
            return height, width
        return None


def _keys(name: str, paths: Sequence[str]) -> list[str]:
    """``name/file name``, with the number in front where file names are not unique."""
    files = [Path(path).name for path in paths]
    if len(set(files)) != len(files):
        files = [f"{number + 1:06d}_{file}" for number, file in enumerate(files)]
    return [f"{name}/{file}" for file in files]
