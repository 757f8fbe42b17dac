"""Opens results files and takes frames out of them, each as ``encode`` puts it there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from humantrack.atomic import reason_of
from humantrack.errors import ResultsError, UnsafePickleError
from humantrack.results.encode import LENGTH
from humantrack.results.safe_pickle import loads
from humantrack.results.stream import ByteStream
from humantrack.types import FrameKey

PathLike = str | os.PathLike[str]


@contextmanager
def open_stream(path: PathLike) -> Iterator[ByteStream]:
    """The file's bytes; errors from here on name the file."""
    try:
        with Path(path).open("rb") as file:
            yield ByteStream(file)
    except OSError as error:
        reason = reason_of(error)
        raise ResultsError(f"cannot read the results ({reason})", where=path) from error
    except UnsafePickleError as error:
        what = error.what if error.where is None else f"{error.what} {error.where}"
        raise UnsafePickleError(what, where=path, hint=error.hint) from error
    except ResultsError as error:
        if error.where is not None:
            raise
        raise ResultsError(error.what, where=path, hint=error.hint) from error


def next_body(stream: ByteStream, path: PathLike, max_size: int) -> bytes | None:
    """The bytes of the next frame; None if they are not all there."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    push, size, pop = LENGTH.unpack(head)
    if (push, pop) != (b"J", b"0") or size < 0:
        return None
    if size > max_size:
        raise too_large(path, max_size, hint="pass a larger max_size if you trust the file")
    body = stream.read(size)
    return body if len(body) == size else None


def entry_of(body: bytes) -> tuple[FrameKey, dict[str, Any]] | None:
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


def too_large(path: PathLike, max_size: int, hint: str) -> ResultsError:
    """The error for a file that is a bomb, or needs a higher limit."""
    return ResultsError(f"more than {max_size} bytes once decompressed", where=path, hint=hint)
