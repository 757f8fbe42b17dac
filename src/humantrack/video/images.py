"""Folders, globs and lists of images as a source of frames."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from humantrack.errors import EmptySourceError, HumantrackError
from humantrack.types import Frame, SourceInfo
from humantrack.types.arrays import ByteArray
from humantrack.video.container import holds_a_picture
from humantrack.video.decode_errors import Problems
from humantrack.video.heif import has_tiles, is_heif
from humantrack.video.levels import Levels
from humantrack.video.several import several
from humantrack.video.span import Span
from humantrack.video.video_file import VideoReader

_log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".hif"),
    }
)
DEFAULT_FPS = Fraction(30)

NaturalKey = tuple[tuple[tuple[int, int, str], ...], str]


def is_image(path: Path) -> bool:
    """True for a visible file whose ending is that of an image, in any letter case."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def begins_a_picture(path: Path) -> bool:
    """Whether a file begins as pictures do; a video may have the ending of one.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if is_heif(np.frombuffer(head, np.uint8)):
        return True
    try:
        with Image.open(path):
            return True
    except Exception:  # noqa: BLE001 - whatever a decoder raises: it is none that Pillow knows
        import cv2  # not at import time of the package; reads more, as TIFF of floats

        return bool(cv2.haveImageReader(str(path)))


def natural_key(text: str) -> NaturalKey:
    """Sort key that orders numbers inside names by value (2 before 10), letters without case."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return (
        tuple((0, int(p), "") if i % 2 else (1, 0, p) for i, p in enumerate(parts) if p),
        text,
    )


def read_image(path: str | Path, levels: Levels | None = None) -> ByteArray:
    """An image file as (H,W,3) uint8 RGB, upright, alpha dropped; of an animation the first frame.

    Args:
        path: the file.
        levels: how pictures of more than 8 bits are shown; None finds out from this one.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not an image.
    """
    values = _values(path)
    return (levels or Levels()).apply(values)


def _values(path: str | Path) -> Any:
    """An image at its own depth; errors as for :func:`read_image`."""
    data = np.fromfile(path, np.uint8)  # not imread, which cannot open every unicode path
    values = None if is_heif(data) else decode(data)  # OpenCV does not turn HEIF upright
    return _by_ffmpeg(Path(path), data) if values is None else values


def decode(data: Any) -> Any | None:
    """(H,W,3) RGB of what OpenCV can decode, at its own depth; None for anything else.

    Args:
        data: (N,) uint8, a file.
    """
    import cv2  # not at import time of the package

    for flags in (cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, cv2.IMREAD_UNCHANGED):
        try:
            bgr: Any = cv2.imdecode(data, flags) if data.size else None
        except cv2.error:
            bgr = None
        if bgr is None:
            continue
        if bgr.ndim == 2:
            return np.repeat(bgr[..., None], 3, axis=2)
        return np.ascontiguousarray(bgr[..., 2::-1])
    return None


def _by_ffmpeg(path: Path, data: Any) -> ByteArray:
    """The first frame as FFmpeg decodes it.

    Raises:
        ValueError: if it does not.
    """
    if is_heif(data) and has_tiles(data):
        raise ValueError("made of tiles, which FFmpeg's libraries do not join; convert it to JPEG")
    try:
        if not is_heif(data) and not holds_a_picture(path):
            raise ValueError(f"not an image: {path}")
        return next(VideoReader(path, name="image", phalp_keys=False).frames(Span())).rgb
    except (HumantrackError, StopIteration) as error:
        raise ValueError(f"not an image: {path}") from error


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
        self._levels = Levels()
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
                rgb = read_image(path, self._levels)
            except (OSError, ValueError) as error:
                self.problems.add(f"{path}: {error}")
                continue
            yield Frame(
                index=index, source_index=number, time_s=time_s, rgb=rgb, key=self._keys[number]
            )
            index += 1

    def _first_size(self) -> tuple[int, int] | None:
        """(H, W) of the first image that can be read, whose levels count for all."""
        for path in self._paths:
            try:
                values = _values(path)
            except (OSError, ValueError):
                continue
            self._levels = Levels.of(values)
            if len(self._paths) > 1 and several(Path(path)):
                _log.warning("%s holds several pictures; of each file only the first is read", path)
            height, width = values.shape[:2]
            return height, width
        return None


def _keys(name: str, paths: Sequence[str]) -> list[str]:
    """``name/file name``, with the number in front where file names are not unique."""
    files = [Path(path).name for path in paths]
    if len(set(files)) != len(files):
        files = [f"{number + 1:06d}_{file}" for number, file in enumerate(files)]
    return [f"{name}/{file}" for file in files]
