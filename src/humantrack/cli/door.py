"""The command's entry: says in a line if there is not even the memory to load the program."""

from __future__ import annotations

import sys

_EXIT_CODE = 17
"""Of OutOfMemoryError, which may not be there yet."""


def main() -> None:
    """Entry point of ``humantrack``."""
    try:
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


def _is_lack_of_memory(error: BaseException) -> bool:
    try:
        from humantrack.memory import is_lack_of_memory
    except (MemoryError, ImportError, OSError):
        return True
    return is_lack_of_memory(error)
