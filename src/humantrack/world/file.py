"""Writes ``<name>.world.pkl`` frame by frame; ``results.world`` reads it and tells its layout."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from humantrack.atomic import atomic_write
from humantrack.errors import OutputError
from humantrack.results import ResultsFile
from humantrack.results.encode import END, encode_frame
from humantrack.results.framed import PathLike
from humantrack.results.meta import to_json
from humantrack.results.world import (
    FRAMES,
    FRAMES_END,
    HEADER,
    World,
    frame_to_plain,
    iter_world,
    load_world,
    read_facts,
    stamp_of,
    world_path,
)
from humantrack.types import FrameKey
from humantrack.types.world import WorldFrame

__all__ = ["World", "WorldWriter", "iter_world", "load_world", "read_facts", "world_path"]


class Mark(NamedTuple):
    """What a world file says of the frame of the results that a frame of it is of."""

    key: FrameKey
    number: Any
    """None if the frame does not say."""

    stamp: int


def marks_of(results: Iterable[tuple[FrameKey, Mapping[str, Any]]]) -> Iterator[Mark]:
    """The marks of frames of results, as they are asked for."""
    for key, value in results:
        yield Mark(key, value.get("time"), stamp_of(key, value))


class WorldWriter:
    """Writes the world of a results file, one frame for each of its frames; a context manager.

    >>> with WorldWriter("outputs/results/demo_clip.pkl") as writer:  # doctest: +SKIP
    ...     for frame in frames:
    ...         writer.write(frame)
    ...     writer.facts["lens"] = {"focal_px": 1100.0, "how": "given"}

    The keys come from the results, which are read once more, in step with what is written, unless
    their marks are given. The file takes its name when the last frame is in it; after an error
    nothing of it is left, and an earlier file stays. Memory does not grow with the length.

    Args:
        results: path of the results.
        path: of the world file; None for the one beside the results.
        marks: of all frames of the results, from :func:`marks_of`, for who reads them anyway.

    Raises:
        ResultsError: if the results cannot be read.
        OutputError: if the file cannot be written, or a fact is no plain value.
        ValueError: on leaving, if frames are missing.
    """

    def __init__(
        self,
        results: PathLike,
        path: PathLike | None = None,
        *,
        marks: Iterator[Mark] | None = None,
    ) -> None:
        self.path = world_path(results) if path is None else Path(path)
        self.facts: dict[str, Any] = {}
        """How everything was found, to be filled before leaving; stored as JSON would hold it."""
        self.frame_count = 0
        self._results = ResultsFile(results)
        self._marks = marks_of(self._results) if marks is None else marks
        self._stack = ExitStack()
        self._zlib = zlib.compressobj(3)

    def __enter__(self) -> WorldWriter:
        self._file = self._stack.enter_context(atomic_write(self.path))
        self._put(HEADER + encode_frame("results", {"name": self._results.path.name}) + FRAMES)
        return self

    def write(self, frame: WorldFrame) -> None:
        """Append the world of the next frame of the results.

        Raises:
            ValueError: if its number is not that of this frame, or there is no further frame.
        """
        mark = next(self._marks, None)
        number: Any = "none"
        if mark is not None:
            number = self.frame_count if mark.number is None else mark.number
        if mark is None or number != frame.index:
            raise ValueError(f"frame {frame.index}: the next frame of the results is {number}")
        self._put(encode_frame(mark.key, frame_to_plain(frame, mark.stamp)))
        self.frame_count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            if next(self._marks, None) is not None:
                raise ValueError(f"the world ends after {self.frame_count} frames, the results not")
            try:
                facts = to_json(self.facts)
            except TypeError as wrong:
                raise OutputError(f"cannot store the facts: {wrong}", where=self.path) from wrong
            self._put(FRAMES_END + encode_frame("facts", facts) + END)
            self._file.write(self._zlib.flush())

    def _put(self, data: bytes) -> None:
        self._file.write(self._zlib.compress(data))
