"""Facts about a clip, from the description beside its results or from the first frames."""

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
_SAME_RATE = 1e-3
"""Rates closer than this part of one another are one: 29.97 is 30000/1001."""

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

    fps_said: float | None = None
    """What the file says, where the user says otherwise; None if they agree, or one is silent."""

    width: int | None
    height: int | None
    duration_s: float | None
    frame_count: int | None
    """Frames in the results; None if the file has no description."""

    model: Mapping[str, Any] = field(default_factory=dict)
    """Which models made the results."""

    written_by: str | None = None
    """Program and version that made the results."""


def clip_facts(
    path: Path, file: ResultsFile, own_fps: float | None, slow_motion: float | None = None
) -> ClipFacts:
    """The facts of a results file. What its description says is only believed where it can be.

    Args:
        path: of the results.
        file: the same, opened.
        own_fps: frames per second, whatever the file says; None believes it, or assumes a rate.
        slow_motion: how many times slower than life the video plays.
    """
    meta = read_meta(path) or {}
    source, model, versions = (_table(meta, key) for key in ("source", "model", "versions"))
    seen = _probe(file)
    version = _text(versions.get("humantrack"))
    said = _number(source.get("fps"), _SLOWEST_FPS, _FASTEST_FPS) or seen.fps_said
    played = own_fps or said or ASSUMED_FPS
    fps = played * (slow_motion or 1.0)
    duration_s = _number(source.get("duration_s"))
    differs = said is not None and abs(played - said) > _SAME_RATE * said
    return ClipFacts(
        name=_text(source.get("name")) or readable(path.stem),
        path=_text(source.get("path")) or seen.path,
        fps=fps,
        fps_known=(own_fps or said) is not None,
        fps_said=said if differs else None,
        width=_whole(source.get("width"), _LARGEST_PX) or seen.width,
        height=_whole(source.get("height"), _LARGEST_PX) or seen.height,
        duration_s=duration_s and duration_s * ((said or played) / fps),
        frame_count=_whole(meta.get("frame_count"), _MOST_FRAMES),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the first frames themselves tell."""

    path: str | None
    fps_said: float | None
    width: int | None
    height: int | None


def _probe(file: ResultsFile) -> _Seen:
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
    return _Seen(path=path, fps_said=measured, width=width, height=height)


def _size(sizes: Any) -> tuple[int | None, int | None] | None:
    """Height and width of the first person's frame; None if there is none."""
    try:
        height, width = sizes[0]
        return _whole(int(height), _LARGEST_PX), _whole(int(width), _LARGEST_PX)
    except (TypeError, ValueError, LookupError, OverflowError):
        return None
