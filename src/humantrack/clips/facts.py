"""What is known of a clip from the description beside its results, or from the first frames."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from humantrack.results import ResultsFile, read_meta
from humantrack.results.table import readable

ASSUMED_FPS = 30.0
_PROBED_FRAMES = 500
"""Frames looked at for the rate and size that a file without a description has."""

_SLOWEST_FPS, _FASTEST_FPS = 1e-3, 1e6
_LARGEST_PX = 1 << 20
_MOST_FRAMES = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """What is known of the clip; None where nobody says."""

    name: str
    path: str | None
    """As it was given to the run."""

    fps: float
    fps_known: bool
    """False if the file does not say, and a rate was assumed."""

    width: int | None
    height: int | None
    duration_s: float | None
    frame_count: int | None
    """Frames in the results; None if the file has no description."""

    model: Mapping[str, Any] = field(default_factory=dict)
    """Which models made the results."""

    written_by: str | None = None
    """Program and version that made the results."""


def clip_facts(path: Path, file: ResultsFile, assumed_fps: float | None) -> ClipFacts:
    """The facts of a results file. What its description says is only believed where it can be.

    Args:
        path: of the results.
        file: the same, opened.
        assumed_fps: frames per second where nothing says.
    """
    meta = read_meta(path) or {}
    source, model, versions = (_table(meta, key) for key in ("source", "model", "versions"))
    seen = _probe(file, assumed_fps)
    version = _text(versions.get("humantrack"))
    fps = _number(source.get("fps"), _SLOWEST_FPS, _FASTEST_FPS)
    return ClipFacts(
        name=_text(source.get("name")) or readable(path.stem),
        path=_text(source.get("path")) or seen.path,
        fps=fps or seen.fps,
        fps_known=bool(fps) or seen.fps_known,
        width=_whole(source.get("width"), _LARGEST_PX) or seen.width,
        height=_whole(source.get("height"), _LARGEST_PX) or seen.height,
        duration_s=_number(source.get("duration_s")),
        frame_count=_whole(meta.get("frame_count"), _MOST_FRAMES) if meta else seen.frame_count,
        model=model if _is_json(model) else {},
        written_by=f"humantrack {version}" if version else None,
    )


def _table(meta: dict[str, Any], key: str) -> dict[str, Any]:
    """A part of the description; {} if it is missing or something else."""
    value = meta.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return readable(value) if isinstance(value, str) else None


def _number(value: Any, least: float = 0.0, most: float = math.inf) -> float | None:
    """A number above 0 and within bounds."""
    good = type(value) in (int, float) and 0 < value < math.inf and least <= value <= most
    try:
        return float(value) if good else None
    except OverflowError:
        return None


def _whole(value: Any, most: int) -> int | None:
    return value if type(value) is int and 0 < value <= most else None


def _is_json(value: Any) -> bool:
    """Whether it can be written again, with a few levels around it."""
    try:
        orjson.dumps([[[value]]])
    except TypeError:
        return False
    return True


def _probe(file: ResultsFile, assumed_fps: float | None) -> ClipFacts:
    """What the first frames themselves tell."""
    times: list[float] = []
    size: tuple[int | None, int | None] | None = None
    path = None
    for key, frame in itertools.islice(file, _PROBED_FRAMES):
        if isinstance(frame.get("time_s"), float):
            times.append(frame["time_s"])
        if size is None:
            size = _size(frame.get("size"))
        if path is None and isinstance(key, tuple) and key and isinstance(key[0], str):
            path = readable(key[0])
        if size is not None and (len(times) > 60 or not times):
            break
    steps = [b - a for a, b in itertools.pairwise(times) if b > a]
    step = statistics.median(steps) if steps else 0.0
    measured = _number(1 / step if step else None, _SLOWEST_FPS, _FASTEST_FPS)
    height, width = size or (None, None)
    return ClipFacts(
        name="",
        path=path,
        fps=measured or assumed_fps or ASSUMED_FPS,
        fps_known=measured is not None or assumed_fps is not None,
        width=width,
        height=height,
        duration_s=None,
        frame_count=None,
    )


def _size(sizes: Any) -> tuple[int | None, int | None] | None:
    """Height and width of the first person's frame; None if there is none."""
    try:
        height, width = sizes[0]
        return _whole(int(height), _LARGEST_PX), _whole(int(width), _LARGEST_PX)
    except (TypeError, ValueError, LookupError, OverflowError):
        return None
