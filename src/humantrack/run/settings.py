"""What a run's configuration says, checked: device, sizes, seeds, and what the run is known by."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import OmegaConf

from humantrack._version import __version__
from humantrack.errors import ConfigError
from humantrack.extras import missing, need_torch
from humantrack.fingerprint import config_fingerprint, source_fingerprint
from humantrack.types import SourceInfo

_DEVICES = "use auto, cpu, cuda, cuda:1 or mps"


def choose_device(name: str) -> str:
    """'auto' -> 'cuda', 'mps' or 'cpu', the first there is; any other name is checked.

    Without torch there is only the CPU, and 'cpu' is known without asking torch.

    Raises:
        ConfigError: if this machine has no such device.
        DependencyError: if torch, which is not installed, is needed to use it.
    """
    if name == "cpu" or (name == "auto" and missing("torch")):
        return "cpu"
    if re.fullmatch(r"(cuda|mps)(:\d+)?", name):
        need_torch(f"device={name}", "torch")
    elif missing("torch"):
        raise ConfigError("unknown device", where=f"device={name}", hint=_DEVICES)
    import torch

    have = ["cpu"]
    if torch.backends.mps.is_available():
        have.insert(0, "mps")
    if torch.cuda.is_available():
        have.insert(0, "cuda")
    if name == "auto":
        return have[0]
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError("unknown device", where=f"device={name}", hint=_DEVICES) from error
    if device.type not in have or (device.index or 0) >= max(torch.cuda.device_count(), 1):
        raise ConfigError(
            "this machine has no such device",
            where=f"device={name}",
            hint=f"it has {', '.join(have)}; device=auto picks one",
        )
    return name


def box_aspect(cfg: Any) -> tuple[int, int] | None:
    """``expand_bbox_shape`` as (width, height).

    Raises:
        ConfigError: if it is not two positive numbers or null.
    """
    shape = cfg.expand_bbox_shape
    if shape is None:
        return None
    if len(shape) != 2 or min(shape) <= 0:
        raise ConfigError(
            "a shape has a width and a height above 0", where=f"expand_bbox_shape={list(shape)}"
        )
    return int(shape[0]), int(shape[1])


CHUNK_BYTES = 256 * 2**20
"""Memory that the pictures of a chunk may take."""


def chunk_size(cfg: Any, info: SourceInfo, device: str) -> int:
    """``batch_frames``, or how many frames fit: on a CPU more than 8 gain nothing.

    Raises:
        ConfigError: if it is less than 1.
    """
    if cfg.batch_frames is None:
        fit = CHUNK_BYTES // max(info.width * info.height * 3, 1)
        return int(min(max(fit, 1), 8 if device == "cpu" else 32))
    if cfg.batch_frames < 1:
        raise ConfigError("must be at least 1", where=f"batch_frames={cfg.batch_frames}")
    return int(cfg.batch_frames)


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and, where torch is in use, torch's global random numbers."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def run_fingerprint(cfg: Any, source: str | Path | Sequence[str | Path]) -> dict[str, str]:
    """What the same run is known by: its source's content, and the keys that change a result.

    Raises:
        OSError: if the source cannot be read.
    """
    settings = cast("dict[str, Any]", OmegaConf.to_container(cfg, resolve=True))
    return {
        "source": source_fingerprint(source),
        "config": config_fingerprint(settings, version=__version__),
    }
