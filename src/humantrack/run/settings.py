"""Options of a run, frozen as ``RunOptions``; its device, chunk size, seed and fingerprint."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from humantrack._version import __version__
from humantrack.errors import ConfigError
from humantrack.extras import missing, need_torch
from humantrack.fingerprint import config_fingerprint, source_fingerprint
from humantrack.types import SourceInfo
from humantrack.video import LinkOptions, LiveOptions, StreamChoice
from humantrack.video.source import Keys
from humantrack.world.options import WorldOptions


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What is read."""

    path: str
    """A video, a folder or glob of images, or a .pkl of given boxes."""

    frames_folder: str | None = None
    """Where the frames lie whose boxes ``path`` gives."""

    start_frame: int | None = None
    end_frame: int | None = None
    start_time_s: float | None = None
    end_time_s: float | None = None

    keys: Keys = "name"
    """How frames are named in the results."""

    fps: float | None = None
    """Frames per second of images."""

    streams: StreamChoice = field(default_factory=StreamChoice)
    """Which of several video and audio streams."""

    links: LinkOptions = field(default_factory=LinkOptions)
    """Where an address may lead, and where videos behind them are kept."""

    live: LiveOptions = field(default_factory=LiveOptions)
    """How a camera or an endless stream is read."""

    read_ahead: int = 8
    extract: bool = False
    """Read the frames through JPEG files."""


@dataclass(frozen=True, kw_only=True)
class BoxesOptions:
    """Boxes that the user gives in place of a detector."""

    path: str
    format: Literal["xywh", "xyxy"] = "xywh"


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """Whether and how often a run writes down where it stands."""

    enable: bool = True
    resume: bool = True
    every_s: float = 30.0


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """All that a run is told. Built once, from the configuration (``config.options``)."""

    source: SourceOptions
    boxes: BoxesOptions | None = None
    checkpoint: CheckpointOptions = field(default_factory=CheckpointOptions)

    output_dir: Path = Path("outputs")
    results_prefix: str = "demo"
    overlay_prefix: str = "PHALP"
    overlay: bool = True
    """Draw the overlay video."""

    blur_faces: bool = False
    """Blur the faces of everybody tracked, in every video that is drawn."""

    overlay_fps: float | None = None
    """Frames per second of the overlay; None for the source's."""

    features: bool = True
    """Store appearance, location and pose of every person."""

    overwrite: bool = True
    seed: int = 42
    detect_shots: bool = False
    batch_frames: int | None = None
    lost_after_s: float = 120.0
    """Another run that has been silent for so long has ended."""

    n_init: int = 5
    """Frames that the back-fill window holds."""

    segment_s: float | None = None
    """Length of the segments that a live run is written in; None: in one piece."""

    keep_segments: int = 0
    """How many of them stay; 0: all."""

    target_delay_s: float | None = None
    """Work on a live source adapts to the machine from this delay on; None: never."""

    world: WorldOptions = field(default_factory=WorldOptions)
    """Whether people are put into one world at the end, and what is known of it."""

    world_video: bool = False
    """Whether the clip is drawn beside its world at the end."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """The whole configuration as plain containers, for the record: the meta file, fingerprints."""


def without_return(options: RunOptions) -> RunOptions:
    """For a source that cannot be read again.

    Raises:
        ConfigError: for what needs a source with an end.
    """
    if options.source.extract:
        raise ConfigError(
            "frames of a source without an end are not stored one by one",
            where="video.extract_video=true",
            hint="leave video=extract out",
        )
    if options.world_video:
        raise ConfigError(
            "a source without an end cannot be drawn a second time", where="render.world=true"
        )
    checkpoint = replace(options.checkpoint, enable=False)
    return replace(options, checkpoint=checkpoint)


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


CHUNK_BYTES = 256 * 2**20
"""Memory that the pictures of a chunk may take."""


def chunk_size(batch_frames: int | None, info: SourceInfo, device: str) -> int:
    """``batch_frames``, or how many frames fit: on a CPU more than 8 gain nothing."""
    if batch_frames is not None:
        return batch_frames
    fit = CHUNK_BYTES // max(info.width * info.height * 3, 1)
    return int(min(max(fit, 1), 8 if device == "cpu" else 32))


WAITING = 8
"""Frames that may wait for a thread that reads or writes, on a CPU."""


def frames_waiting(info: SourceInfo, device: str) -> int:
    """Frames that may wait for decoding and drawing threads: a GPU's whole chunk.

    A GPU takes and gives a chunk at once. With less room, decoding and drawing would stand still
    while it works, and it while they do.
    """
    return WAITING if device == "cpu" else chunk_size(None, info, device)


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and, where torch is in use, torch's global random numbers."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def run_fingerprint(
    settings: Mapping[str, Any],
    source: str | Path | Sequence[str | Path],
    *,
    content: str | None = None,
) -> dict[str, str]:
    """What the same run is known by: its source's content, and the keys that change a result.

    Args:
        settings: the whole configuration, resolved, as plain containers.
        source: a file, a folder, or files.
        content: the source's own fingerprint, where it is known.

    Raises:
        OSError: if the source cannot be read.
    """
    return {
        "source": source_fingerprint(source) if content is None else content,
        "config": config_fingerprint(settings, version=__version__),
    }
