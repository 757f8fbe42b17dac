"""Pictures of several frames that FFmpeg does not read whole: animated WebP, TIFF of many pages."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from humantrack.errors import EmptySourceError
from humantrack.types import Frame, SourceInfo
from humantrack.types.arrays import ByteArray
from humantrack.video.container import MOST_PIXELS
from humantrack.video.decode_errors import Problems
from humantrack.video.images import decode
from humantrack.video.levels import Levels
from humantrack.video.span import Span
from humantrack.video.tiff import page_offsets, starting_at

_SHORTEST_MS, _INSTEAD_MS = 10, 100
"""A frame shown no longer than the first is shown for the second, as browsers do it."""


class Pages(Protocol):
    """A file of several pictures."""

    codec: str

    def durations(self) -> Sequence[Fraction]:
        """Seconds for which each is shown."""

    def pictures(self, first: int) -> Iterator[ByteArray | None]:
        """Those from this one on; None for one that cannot be read.

        Raises:
            OSError, ValueError: if nothing more can be read.
        """


class AnimationReader:
    """The frames of an animated picture, or the pages of a document, as a video.

    Args:
        path: the file, as the user gave it.
        pages: what reads it.
        name: the source's short name.
        phalp_keys: key a frame by PHALP's (path, milliseconds) instead of ``name/000001.jpg``.

    Raises:
        EmptySourceError: if not one frame can be read.
    """

    def __init__(self, path: Path, pages: Pages, *, name: str, phalp_keys: bool) -> None:
        self._path, self._pages, self._phalp_keys = path, pages, phalp_keys
        self.paths: Sequence[Path] = [path]
        self.problems = Problems()
        first = next((p for p in self._readable(0) if p is not None), None)
        if first is None:
            raise EmptySourceError(
                "not one frame can be read",
                where=path,
                hint=next(iter(self.problems.messages), None),
            )
        self.problems.clear()
        durations = pages.durations()
        self._starts = [Fraction(0)]
        for duration in durations:
            self._starts.append(self._starts[-1] + duration)
        length = self._starts.pop()
        self.info = SourceInfo(
            name=name,
            path=path,
            kind="video",
            width=first.shape[1],
            height=first.shape[0],
            fps=Fraction(len(durations) / length).limit_denominator(1001),
            frame_count=len(durations),
            duration_s=float(length),
            codec=pages.codec,
        )

    def frames(self, span: Span) -> Iterator[Frame]:
        """The frames of the span."""
        times = [float(start) for start in self._starts]
        wanted = (i for i, time_s in enumerate(times) if not span.is_before(i, time_s))
        first = next(wanted, len(times))
        index, seen = 0, first
        with closing(self._readable(first)) as pictures:
            for number, rgb in enumerate(pictures, first):
                if number >= len(times) or span.is_past(number, times[number]):
                    return
                seen = number + 1
                if rgb is None:
                    continue
                yield Frame(
                    index=index,
                    source_index=number,
                    time_s=times[number],
                    rgb=rgb,
                    key=self._key(number),
                )
                index += 1
        if seen < len(times):
            self.problems.add(f"only {seen} of {len(times)} frames could be read")

    def _readable(self, first: int) -> Generator[ByteArray | None, None, None]:
        """The pictures up to where the file is damaged."""
        try:
            for number, picture in enumerate(self._pages.pictures(first), first):
                if picture is None:
                    self.problems.add(f"picture {number} cannot be read")
                yield picture
        except (OSError, ValueError, SyntaxError, struct.error) as error:  # Pillow's for damage
            self.problems.add(f"{type(error).__name__}: {error}")

    def _key(self, number: int) -> Any:
        if self._phalp_keys:
            return (str(self._path), round(self._starts[number] * 1000))
        return f"{self.info.name}/{number + 1:06d}.jpg"


class WebpPages:
    """The frames of an animated WebP; decoded one after the other, as each builds on the last."""

    codec = "webp"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._times = list(_webp_durations(path))

    def durations(self) -> Sequence[Fraction]:
        """Seconds for which each is shown."""
        return self._times

    def pictures(self, first: int) -> Iterator[ByteArray | None]:
        """Those from this one on."""
        from PIL import Image  # rarely needed

        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # of large pictures; there is a limit of our own
            image = stack.enter_context(Image.open(self._path, formats=["WEBP"]))
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width}x{image.height} is too large")
            for number in range(first, len(self._times)):
                try:
                    image.seek(number)
                except EOFError:
                    return
                yield np.asarray(image.convert("RGB"), np.uint8)


def _webp_durations(path: Path) -> Iterator[Fraction]:
    """Seconds for which each frame is shown, from the ANMF chunks of the WebP container."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"ANMF":
                told = int.from_bytes(file.read(16)[12:15], "little")
                yield Fraction(told if told > _SHORTEST_MS else _INSTEAD_MS, 1000)
                file.seek(-16, 1)
            file.seek(size + size % 2, 1)


class TiffPages:
    """The pages of a TIFF.

    Args:
        path: the file.
        fps: pages a second.
    """

    codec = "tiff"

    def __init__(self, path: Path, fps: Fraction) -> None:
        self._path, self._fps = path, fps
        self._offsets = page_offsets(path)
        self._levels: Levels | None = None

    def durations(self) -> Sequence[Fraction]:
        """Seconds for which each is shown."""
        return [1 / self._fps] * len(self._offsets)

    def pictures(self, first: int) -> Iterator[ByteArray | None]:
        """Those from this one on."""
        data: Any = np.memmap(self._path, np.uint8, mode="c")  # a copy only of what is changed
        for offset in self._offsets[first:]:
            starting_at(data, offset)
            values = decode(np.asarray(data))
            if values is None:
                yield None
                continue
            self._levels = self._levels or Levels.of(values)
            yield self._levels.apply(values)
