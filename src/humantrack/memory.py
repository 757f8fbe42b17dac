"""Recognises a lack of memory by the errors of libraries; bounds the search for garbage."""

from __future__ import annotations

import contextlib
import errno
import gc
import mmap
from collections.abc import Iterator

from humantrack.errors import DependencyError, HumantrackError, OutOfMemoryError, StageError

_WORDS = (
    *("bad_alloc", "bad alloc", "out of memory", "allocate memory", "allocate cuda memory"),
    *("failed to allocate", "unable to allocate", "cannot allocate", "alloc_failed"),
    *("insufficient memory", "not enough memory", "memory allocation", "std::length_error"),
    *("failed to map segment", "start new thread", "start a new thread", "pthread_create"),
    *("thread creation failed", "thread constructor failed"),
)
"""Of numpy, OpenCV, ONNX Runtime, PyTorch on CPU, CUDA and MPS, FFmpeg, the dynamic linker, C++."""

_WRAPPERS = (StageError, DependencyError)
"""Our errors that only pass on what a library said. Others know better: a damaged file may ask for
more memory than there is in the world."""

_HINT = "free some or raise the limit (ulimit -v); batch_frames=1 and render.enable=false need less"


_RESERVE_BYTES = 512 << 20
"""Address space that a run needs beyond its models. Short of it, numpy's libraries end the process
on the spot, with whatever it was doing."""


def check_room() -> None:
    """See that there is memory to begin a run with, where a limit has been set on it.

    Raises:
        OutOfMemoryError: if there is not.
    """
    try:
        import resource

        if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            mmap.mmap(-1, _RESERVE_BYTES).close()
    except ImportError:  # Windows has no such limit
        return
    except (OSError, MemoryError) as error:
        raise OutOfMemoryError("not enough memory", hint=_HINT) from error


def is_lack_of_memory(error: BaseException | None) -> bool:
    """True if it is due to a lack of memory, or of threads, which look the same to a program."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if isinstance(error, HumantrackError):
            if not isinstance(error, _WRAPPERS):
                return False
        elif any(word in str(error).lower() for word in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def out_of_memory(error: BaseException, where: object = None) -> OutOfMemoryError:
    """The error to raise in place of a library's."""
    if isinstance(error, OutOfMemoryError):
        return error
    where = error.where if where is None and isinstance(error, HumantrackError) else where
    hint = error.hint if isinstance(error, HumantrackError) else None
    kept = [part for part in (hint or "").split("; ") if part.startswith(("the same", "the res"))]
    return OutOfMemoryError("not enough memory", where=where, hint="; ".join([_HINT, *kept]))


@contextlib.contextmanager
def collecting_new_only() -> Iterator[None]:
    """Let Python look for garbage only among what is made inside the block.

    What is there before, libraries and models, is hundreds of thousands of objects that stay
    anyway. It is looked at again afterwards. Of blocks one in another the outermost counts.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
