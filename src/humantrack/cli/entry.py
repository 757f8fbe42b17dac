"""The command's entry: says in a line if there is not even the memory to load the program."""

from __future__ import annotations

import sys

_EXIT_CODE = 17
"""Of OutOfMemoryError, which may not be there yet."""

_LEAST_BYTES = 900 << 20
"""Address space that no run gets by with. With less, libraries end the process while they load."""

_LIGHT = {"-h", "--help", "--version"}


def main() -> None:
    """Entry point of ``humantrack``."""
    try:
        if _is_too_small(_address_space()) and not _LIGHT & set(sys.argv):
            raise MemoryError
        from humantrack.cli.main import main as run
    except Exception as error:
        if not _is_lack_of_memory(error):
            raise
        if sys.stderr is not None:
            sys.stderr.write(
                "humantrack: not enough memory to load the program. "
                "Free some or raise the limit (ulimit -v)\n"
            )
        sys.exit(_EXIT_CODE)
    run()


def _address_space() -> int | None:
    """Bytes of it that this process may use; None for any."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _is_too_small(limit: int | None) -> bool:
    return limit is not None and limit < _LEAST_BYTES


def _is_lack_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    try:
        from humantrack.memory import is_lack_of_memory
    except (MemoryError, ImportError, OSError):
        return True
    return is_lack_of_memory(error)
