"""Outputs that cannot be read back or replaced: standard output, pipes and devices."""

from __future__ import annotations

import os
import re
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

STDOUT = "-"

_DESCRIPTOR = re.compile(r"/(?:dev|proc/(?:self|thread-self|\d+))/fd/(\d+)")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_WINDOWS_DEVICE = "\\\\.\\"
_MOST_LINKS = 40


def is_stream(path: str | Path) -> bool:
    """True for what is written as a stream: ``-``, a pipe, a device, an open descriptor.

    A descriptor (``/dev/stdout``, ``/dev/fd/3``, a shell's ``>(...)``) is one even if it leads to
    an ordinary file: whoever opened it holds that file.
    """
    name = str(path)
    if name == STDOUT or descriptor_of(name) is not None:
        return True
    if os.name == "nt" and name.replace("/", "\\").startswith(_WINDOWS_DEVICE):
        return True
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116 - a name, as the system takes it
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def descriptor_of(name: str) -> int | None:
    """The number of the open descriptor that a path, or a link to it, names; None if none."""
    if os.name == "nt":
        return None
    with suppress(OSError, ValueError):
        for _ in range(_MOST_LINKS):
            if name in _STANDARD:
                return _STANDARD[name]
            if found := _DESCRIPTOR.fullmatch(name):
                return int(found[1]) if _is_own(name) else None
            if not os.path.islink(name):  # noqa: PTH114
                return None
            name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))  # noqa: PTH115, PTH118, PTH120
    return None


def _is_own(name: str) -> bool:
    """Whether a folder of descriptors is this process's."""
    number = name.split("/")[2] if name.startswith("/proc/") else "self"
    return not number.isdigit() or int(number) == os.getpid()


def open_stream(path: str | Path) -> BinaryIO:
    """Begin to write; a named pipe waits for who reads it.

    Raises:
        OSError: if the system refuses.
    """
    name = str(path)
    number = 1 if name == STDOUT else descriptor_of(name)
    if number == 1:
        if sys.stdout is None:
            raise OSError(9, os.strerror(9))
        return cast("BinaryIO", sys.stdout.buffer)
    if number is not None:
        return os.fdopen(os.dup(number), "wb")
    return Path(name).open("wb")
