"""How many cores and how much memory this process may use, and its share of them beside others."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

CORES = "HUMANTRACK_CORES"
"""Environment variable: cores that this process is to use, of those that it may."""

_SLURMS = "SLURM_CPUS_PER_TASK"
"""What Slurm lent; not every cluster binds a task to it."""

_LIBRARIES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"),
)
"""Environment variables that libraries take their number of threads from when they are loaded."""

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60
"""Version 1 of cgroups gives a number of about this size where there is no limit."""


@functools.cache
def available_cores() -> int:
    """Cores that this process is to use: its share of those it may. Never changes."""
    return min(allowed_cores(), imposed_threads() or allowed_cores())


def allowed_cores() -> int:
    """Cores that this process may use: by its affinity, its cgroups' quotas and what Slurm lent."""
    if hasattr(os, "sched_getaffinity"):
        bound = len(os.sched_getaffinity(0))
    else:
        bound = os.cpu_count() or 1
    quota = quota_of(_CGROUPS, _MEMBERSHIP)
    limits = [bound, _number(os.environ.get(_SLURMS)), math.ceil(quota or 0)]
    return max(1, min(limit for limit in limits if limit))


def imposed_threads() -> int:
    """This process's share, if the cores were shared out; else 0, a library's own choice."""
    return _number(os.environ.get(CORES))


@contextlib.contextmanager
def shared_among(workers: int) -> Iterator[None]:
    """Processes begun inside the block are to use a fair share of the cores each."""
    if workers < 2:
        yield
        return
    before = os.environ.get(CORES)
    os.environ[CORES] = str(max(1, (imposed_threads() or allowed_cores()) // workers))
    try:
        yield
    finally:
        if before is None:
            del os.environ[CORES]
        else:
            os.environ[CORES] = before


def fit_libraries() -> None:
    """Bound the threads of OpenCV, torch, numba and BLAS by this process's share, if it has one.

    What the user says with an environment variable of a library's own stands.
    """
    threads = imposed_threads()
    if not threads:
        return
    chosen = {name for name in _LIBRARIES if name in os.environ}
    os.environ.update({name: str(threads) for name in _LIBRARIES if name not in chosen})
    import cv2  # 0.1 s, which any run pays

    cv2.setNumThreads(threads)
    torch, numba = sys.modules.get("torch"), sys.modules.get("numba")
    if torch is not None and "OMP_NUM_THREADS" not in chosen:
        torch.set_num_threads(threads)
    if numba is not None and "NUMBA_NUM_THREADS" not in chosen:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))


def memory_bytes() -> int | None:
    """Memory that is free for this process: of the machine, and by its cgroups; None = unknown."""
    limits = [_free_memory(Path("/proc/meminfo")), memory_limit_of(_CGROUPS, _MEMBERSHIP)]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def quota_of(cgroups: Path, membership: Path) -> float | None:
    """CPUs' worth of time that cgroups (versions 1 and 2) grant; None = no limit.

    Args:
        cgroups: where they are mounted.
        membership: which ones a process is in, as ``/proc/self/cgroup`` says it.
    """
    quotas = []
    for folder, version in _folders(cgroups, membership, "cpu"):
        if version == 2:
            quota, _, period = _read(folder / "cpu.max").partition(" ")
        else:
            quota = _read(folder / "cpu.cfs_quota_us")
            period = _read(folder / "cpu.cfs_period_us")
        if _number(quota) and _number(period):
            quotas.append(_number(quota) / _number(period))
    return min(quotas, default=None)


def memory_limit_of(cgroups: Path, membership: Path) -> int | None:
    """Bytes that cgroups (versions 1 and 2) grant; None = no limit."""
    names = {1: "memory.limit_in_bytes", 2: "memory.max"}
    found = [
        _number(_read(folder / names[version]))
        for folder, version in _folders(cgroups, membership, "memory")
    ]
    return min((limit for limit in found if 0 < limit < _NO_LIMIT), default=None)


def _folders(cgroups: Path, membership: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """The folders of a process's cgroup and of those above it, and the version of each."""
    for line in _read(membership).splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            top, version = cgroups, 2
        elif controller in names.split(","):
            top, version = cgroups / names, 1
            top = top if top.is_dir() else cgroups / controller
        else:
            continue
        inside = Path(path.lstrip("/"))
        for part in (inside, *inside.parents):  # a container sees its own as the topmost
            if ".." not in part.parts:
                yield top / part, version


def _free_memory(meminfo: Path) -> int | None:
    for line in _read(meminfo).splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return _number(rest.split()[0]) << 10
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(text: str | None) -> int:
    """A whole number above 0; 0 for anything else, such as 'max' and -1."""
    return int(text) if text is not None and text.isdecimal() else 0
