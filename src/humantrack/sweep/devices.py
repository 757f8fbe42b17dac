"""GPUs among the processes of a sweep: never two at one, never more processes than GPUs."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from humantrack.claims import Claim, HeldError
from humantrack.extras import missing

FOREVER_S = 1e9
"""A process holds its GPU for as long as it lives, which its machine can tell."""


def gpus_of(device: str) -> list[str]:
    """The GPUs that ``device`` lets a sweep on this machine share out; empty if it uses none.

    Without torch none can be used.
    """
    if device == "mps" or device.startswith("cuda:"):
        return [device]
    if device not in ("auto", "cuda") or missing("torch"):
        return []
    import torch

    return [f"cuda:{n}" for n in range(torch.cuda.device_count())]


def worker_count(asked: int, gpus: int, cores: int) -> int:
    """How many processes to run at once: those asked for (-1: all there is room for).

    Args:
        asked: as the user has it; -1 = as many as there is room for, -2 = one less.
        gpus: GPUs to share out; 0 if the processes use none.
        cores: cores that may be used, as far as there is memory for as many processes.
    """
    room = gpus or cores
    wanted = asked if asked > 0 else max(room + 1 + asked, 1)
    return min(wanted, gpus) if gpus else wanted


_own: dict[Path, tuple[Claim | None, str]] = {}
"""This process's GPU by sweep, held until it ends."""


def own_gpu(folder: Path, device: str, gpus: list[str]) -> str:
    """What this process is to use where the configuration says ``device``.

    The first GPU that no other process of the sweep on this machine has.

    Args:
        folder: where the processes of a sweep note which GPU each has.
        device: of the configuration.
        gpus: from :func:`gpus_of`.
    """
    if len(gpus) < 2:
        return device
    if folder not in _own:
        _own[folder] = _take(folder / socket.gethostname(), gpus)
    return _own[folder][1]


def _take(folder: Path, gpus: list[str]) -> tuple[Claim | None, str]:
    for name, gpu in zip(_lasting_names(gpus), gpus, strict=True):
        claim = Claim(folder / name, lost_after_s=FOREVER_S)
        with contextlib.suppress(HeldError):
            return claim.__enter__(), gpu
    return None, gpus[os.getpid() % len(gpus)]  # more processes than the sweep knows of


def _lasting_names(gpus: list[str]) -> list[str]:
    """Names of GPUs that mean the same in processes that see different ones."""
    visible = [v.strip() for v in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if len(visible) == len(gpus) and all(visible):
        return [f"gpu-{v.replace('/', '_')}" for v in visible]
    return [gpu.replace(":", "-") for gpu in gpus]
