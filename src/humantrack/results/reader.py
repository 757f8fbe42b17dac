"""Reads results files, of humantrack and of PHALP, without running anything they name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from humantrack.errors import ResultsError, UnsafePickleError
from humantrack.results.collection import Results
from humantrack.results.encode import END, HEADER, LENGTH
from humantrack.results.meta import read_meta
from humantrack.results.safe_pickle import loads
from humantrack.results.stream import ByteStream
from humantrack.types import FrameKey

DEFAULT_MAX_SIZE = 4 * 2**30
"""Decompressed bytes; about 200,000 people-frames with all features."""

_PathLike = str | os.PathLike[str]
_Frame = dict[str, Any]


class TruncatedResultsWarning(UserWarning):
    """A results file of humantrack is cut short or damaged; the whole frames before were read."""


def load_results(
    path: _PathLike, *, strict: bool = False, max_size: int = DEFAULT_MAX_SIZE
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
    results = Results(meta=read_meta(path))
    left = max_size
    for key, frame, size in _walk(path, strict, max_size):
        left -= size
        if left < 0:
            raise _too_large(path, max_size, hint="use iter_results, or a larger max_size")
        results[key] = frame
    return results


def iter_results(
    path: _PathLike, *, strict: bool = False, max_size: int = DEFAULT_MAX_SIZE
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
    """

    def __init__(
        self, path: _PathLike, *, strict: bool = False, max_size: int = DEFAULT_MAX_SIZE
    ) -> None:
        self.path = Path(path)
        self._strict, self._max_size = strict, max_size
        self._loaded: dict[FrameKey, _Frame] | None = None
        with _open(path) as stream:
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
            with _open(self.path) as stream:
                stream.read(len(HEADER))
                while stream.peek(1) != END:
                    body = _body(stream, self.path, self._max_size)
                    if body is None:
                        return False
                    entry = _entry(body) if word in body else None
                    if entry is not None and key in entry[1]:
                        return True
        except ResultsError:
            pass  # for a walk to tell, if it comes so far
        return False

    def __iter__(self) -> Iterator[tuple[FrameKey, _Frame]]:
        if self._loaded is not None:
            return iter(self._loaded.items())
        return iter_results(self.path, strict=self._strict, max_size=self._max_size)


def _walk(path: _PathLike, strict: bool, max_size: int) -> Iterator[tuple[FrameKey, _Frame, int]]:
    """Key, frame and decompressed size of each frame."""
    with _open(path) as stream:
        if _is_ours(stream):
            stream.read(len(HEADER))
            yield from _framed(stream, path, strict, max_size)
        else:
            for key, frame in _whole(stream, path, max_size).items():
                yield key, frame, 0


@contextmanager
def _open(path: _PathLike) -> Iterator[ByteStream]:
    """The file's bytes; errors from here on name the file."""
    try:
        with Path(path).open("rb") as file:
            yield ByteStream(file)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ResultsError(f"cannot read the results ({reason})", where=path) from error
    except UnsafePickleError as error:
        what = error.what if error.where is None else f"{error.what} {error.where}"
        raise UnsafePickleError(what, where=path, hint=error.hint) from error
    except ResultsError as error:
        if error.where is not None:
            raise
        raise ResultsError(error.what, where=path, hint=error.hint) from error


def _is_ours(stream: ByteStream) -> bool:
    """True if the stream begins as humantrack writes it.

    Raises:
        ResultsError: if a later humantrack wrote it.
    """
    head = stream.peek(len(HEADER))
    mark = HEADER.index(b"humantrack")
    if head != HEADER and head[mark:].startswith(b"humantrack results "):
        raise ResultsError("results of a version of humantrack that is not known here")
    return head == HEADER


def _whole(stream: ByteStream, path: _PathLike, max_size: int) -> dict[FrameKey, _Frame]:
    """Load a file that cannot be walked."""
    data = stream.read(max_size + 1)
    if len(data) > max_size:
        raise _too_large(path, max_size, hint="pass a larger max_size if you trust the file")
    if not data:
        raise ResultsError("the results file is empty or damaged", where=path)
    results = loads(data)
    if not isinstance(results, dict) or not all(isinstance(f, dict) for f in results.values()):
        raise ResultsError("not a results file: it holds something else", where=path)
    return results


def _framed(
    stream: ByteStream, path: _PathLike, strict: bool, max_size: int
) -> Iterator[tuple[FrameKey, _Frame, int]]:
    """Walk a file of humantrack, up to the last frame that is whole."""
    count = 0
    while stream.peek(1) != END:
        body = _body(stream, path, max_size)
        entry = None if body is None else _entry(body)
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


def _body(stream: ByteStream, path: _PathLike, max_size: int) -> bytes | None:
    """The bytes of the next frame; None if they are not all there."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    push, size, pop = LENGTH.unpack(head)
    if (push, pop) != (b"J", b"0") or size < 0:
        return None
    if size > max_size:
        raise _too_large(path, max_size, hint="pass a larger max_size if you trust the file")
    body = stream.read(size)
    return body if len(body) == size else None


def _entry(body: bytes) -> tuple[FrameKey, _Frame] | None:
    """Key and value of a frame; None if it is damaged.

    Raises:
        UnsafePickleError: if it names anything but plain data.
    """
    try:
        # The frame would put key and value into the dict; here they become a pair.
        key, frame = loads(b"\x80\x03" + body.removesuffix(b"s") + b"\x86.")
    except UnsafePickleError:
        raise
    except (ResultsError, TypeError, ValueError):
        return None
    return (key, frame) if isinstance(frame, dict) else None


def _too_large(path: _PathLike, max_size: int, hint: str) -> ResultsError:
    return ResultsError(f"more than {max_size} bytes once decompressed", where=path, hint=hint)
