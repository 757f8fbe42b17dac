"""Reads results files, of humantrack and of PHALP, without running anything they name."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from humantrack.errors import ResultsError
from humantrack.results.collection import Results
from humantrack.results.encode import END, HEADER
from humantrack.results.framed import PathLike, entry_of, next_body, open_stream, too_large
from humantrack.results.meta import read_meta
from humantrack.results.safe_pickle import loads
from humantrack.results.stream import ByteStream
from humantrack.results.world import HEADER as WORLD_HEADER
from humantrack.types import FrameKey

DEFAULT_MAX_SIZE = 4 * 2**30
"""Decompressed bytes; about 200,000 people-frames with all features."""

_Frame = dict[str, Any]


class TruncatedResultsWarning(UserWarning):
    """A results file of humantrack is cut short or damaged; the whole frames before were read."""


def load_results(
    path: PathLike, *, strict: bool = False, max_size: int = DEFAULT_MAX_SIZE
) -> Results:
    """Read a whole results file, and the ``.meta.json`` beside it.

    Args:
        path: written by humantrack, by PHALP (joblib, any of its compressions but lz4) or by
            ``pickle``.
        strict: raise for a file that is cut short, instead of a warning.
        max_size: most decompressed bytes to accept.

    Returns:
        A dict of frames under their keys, in the file's order, see docs/results.md; with records
        and more, see docs/python.md.

    Raises:
        UnsafePickleError: if the file names anything but plain data. Nothing of it has run.
        ResultsError: if it is missing, no results file, too large, or cut short (a file of
            humantrack only if ``strict``).
    """
    results = Results(meta=read_meta(path), path=path)
    left = max_size
    for key, frame, size in _walk(path, strict, max_size):
        left -= size
        if left < 0:
            raise too_large(path, max_size, hint="use iter_results, or a larger max_size")
        results[key] = frame
    return results


def iter_results(
    path: PathLike, *, strict: bool = False, max_size: int = DEFAULT_MAX_SIZE
) -> Iterator[tuple[FrameKey, _Frame]]:
    """Walk a results file frame by frame.

    A file of humantrack is read as it is walked, one frame in memory at a time; any other is
    loaded whole first. Arguments and errors are those of :func:`load_results`, raised while
    walking; ``max_size`` bounds what is in memory at a time.
    """
    for key, frame, _ in _walk(path, strict, max_size):
        yield key, frame


class ResultsFile:
    """A results file that can be walked more than once: ``for key, frame in file``.

    A file of humantrack is read anew by each walk, one frame in memory at a time; any other is
    loaded whole when this is made. Arguments and errors are those of :func:`load_results`.

    Args:
        kept_size: bytes of frames that are taken apart once for all walks and kept, from the first
            on; nobody may change them.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        strict: bool = False,
        max_size: int = DEFAULT_MAX_SIZE,
        kept_size: int = 0,
    ) -> None:
        self.path = Path(path)
        self._strict, self._max_size = strict, max_size
        self._loaded: dict[FrameKey, _Frame] | None = None
        self._kept = _Kept(kept_size)
        with open_stream(path) as stream:
            self.is_walkable = _is_ours(stream)
            """True if humantrack wrote it."""
            if not self.is_walkable:
                self._loaded = _whole(stream, path, max_size)

    def has_key(self, key: str) -> bool:
        """Whether any frame has this key; what is damaged has none.

        A file of humantrack is searched for the word, and only frames with it are taken apart,
        which is some five times as fast as a walk.
        """
        if self._loaded is not None:
            return any(key in frame for frame in self._loaded.values())
        word = key.encode()
        try:
            with open_stream(self.path) as stream:
                stream.read(len(HEADER))
                while stream.peek(1) != END:
                    body = next_body(stream, self.path, self._max_size)
                    if body is None:
                        return False
                    entry = entry_of(body) if word in body else None
                    if entry is not None and key in entry[1]:
                        return True
        except ResultsError:
            pass  # for a walk to tell, if it comes so far
        return False

    def __iter__(self) -> Iterator[tuple[FrameKey, _Frame]]:
        if self._loaded is not None:
            return iter(self._loaded.items())
        walk = _walk(self.path, self._strict, self._max_size, self._kept)
        return ((key, frame) for key, frame, _ in walk)


@dataclass
class _Kept:
    """The first frames of a file, as far as they were walked, up to a size in bytes."""

    most: int
    entries: list[tuple[FrameKey, _Frame]] = field(default_factory=list)
    size: int = 0

    def entry(self, number: int, body: bytes) -> tuple[FrameKey, _Frame] | None:
        """Key and value of the frame of this number; None if it is damaged."""
        if number < len(self.entries):
            return self.entries[number]
        entry = entry_of(body)
        if entry is not None and number == len(self.entries):
            self.size += len(body)
            if self.size <= self.most:
                self.entries.append(entry)
        return entry


def _walk(
    path: PathLike, strict: bool, max_size: int, kept: _Kept | None = None
) -> Iterator[tuple[FrameKey, _Frame, int]]:
    """Key, frame and decompressed size of each frame."""
    with open_stream(path) as stream:
        if _is_ours(stream):
            stream.read(len(HEADER))
            yield from _framed(stream, path, strict, max_size, kept)
        else:
            for key, frame in _whole(stream, path, max_size).items():
                yield key, frame, 0


def _is_ours(stream: ByteStream) -> bool:
    """True if the stream begins as humantrack writes it.

    Raises:
        ResultsError: if a later humantrack wrote it.
    """
    head = stream.peek(len(HEADER))
    mark = HEADER.index(b"humantrack")
    if head.startswith(WORLD_HEADER):
        raise ResultsError("a world file, not results", hint="name the results beside it")
    if head != HEADER and head[mark:].startswith(b"humantrack results "):
        raise ResultsError("results of a version of humantrack that is not known here")
    return head == HEADER


def _whole(stream: ByteStream, path: PathLike, max_size: int) -> dict[FrameKey, _Frame]:
    """Load a file that cannot be walked."""
    data = stream.read(max_size + 1)
    if len(data) > max_size:
        raise too_large(path, max_size, hint="pass a larger max_size if you trust the file")
    if not data:
        raise ResultsError("the results file is empty or damaged", where=path)
    results = loads(data)
    if not isinstance(results, dict) or not all(isinstance(f, dict) for f in results.values()):
        raise ResultsError("not a results file: it holds something else", where=path)
    return results


def _framed(
    stream: ByteStream, path: PathLike, strict: bool, max_size: int, kept: _Kept | None
) -> Iterator[tuple[FrameKey, _Frame, int]]:
    """Walk a file of humantrack, up to the last frame that is whole."""
    count = 0
    while stream.peek(1) != END:
        body = next_body(stream, path, max_size)
        entry = None
        if body is not None:
            entry = entry_of(body) if kept is None else kept.entry(count, body)
        if body is None or entry is None:
            break
        yield *entry, len(body)
        count += 1
    else:
        stream.read(1)
        if not stream.read(1) and stream.whole:
            return
    message = f"cut short or damaged after {count} whole frames"
    if strict:
        raise ResultsError(f"the results are {message}", where=path)
    warnings.warn(f"{path} is {message}", TruncatedResultsWarning, stacklevel=4)
