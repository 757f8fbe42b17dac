"""A results file as exporters see it: what is known of the clip, and its frames in batches."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from humantrack.errors import ResultsError
from humantrack.export.options import ExportOptions
from humantrack.results import (
    DEFAULT_MAX_SIZE,
    PeopleColumns,
    ResultsFile,
    people_columns,
    read_meta,
)
from humantrack.types import FrameKey

BATCH_FRAMES = 64
ASSUMED_FPS = 30.0
_PROBED_FRAMES = 500
"""Frames looked at for the rate and size that a file without a description has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEntry:
    """A frame of the results, after the selection of tracks."""

    key: FrameKey
    index: int
    """Number of the frame in the run."""

    time_s: float
    """Seconds since the start of the source."""

    is_shot_start: bool
    raw: dict[str, Any]
    """The frame under PHALP's keys."""


@dataclass(frozen=True)
class Batch:
    """Some frames one after the other."""

    frames: list[FrameEntry]

    @cached_property
    def people(self) -> PeopleColumns:
        """Their people.

        Raises:
            ResultsError: if a frame is malformed.
        """
        return people_columns([(frame.key, frame.raw) for frame in self.frames])


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


class ResultsSource:
    """One results file to export.

    Args:
        path: of humantrack or PHALP; a ``.meta.json`` beside it is read too, if there is one.
        options: which frames and tracks.
        strict: raise for a file that is cut short, instead of a warning.
        max_size: most decompressed bytes to accept (of humantrack's files: per frame).

    Raises:
        UnsafePickleError: if the file names anything but plain data. Nothing of it has run.
        ResultsError: if it cannot be read.
    """

    def __init__(
        self,
        path: str | Path,
        options: ExportOptions | None = None,
        *,
        strict: bool = False,
        max_size: int = DEFAULT_MAX_SIZE,
    ) -> None:
        self.path = Path(path)
        self.options = options or ExportOptions()
        self._file = ResultsFile(path, strict=strict, max_size=max_size)
        self.is_walkable = self._file.is_walkable
        self.facts = _facts(self.path, self._file, self.options.source_fps)

    def batches(self, advance: Callable[[int], None] | None = None) -> Iterator[Batch]:
        """The selected frames, with the selected tracks.

        Args:
            advance: told how many frames of the file each batch took, for a progress bar.
        """
        keep = self.kept_tracks
        entries = self._entries()
        while some := list(itertools.islice(entries, BATCH_FRAMES)):
            yield Batch([_only(frame, keep) for frame in some])
            if advance is not None:
                advance(len(some))

    @cached_property
    def kept_tracks(self) -> frozenset[int] | None:
        """Ids of the tracks to keep; None keeps all."""
        options = self.options
        if options.min_length <= 1:
            return options.tracks
        seen: dict[int, int] = {}
        for frame in self._entries():
            for track_id, missed in _ids(frame):
                seen[track_id] = seen.get(track_id, 0) + (missed <= 0)
        long = frozenset(i for i, count in seen.items() if count >= options.min_length)
        return long if options.tracks is None else long & options.tracks

    def _entries(self) -> Iterator[FrameEntry]:
        """The frames within ``options.frames``."""
        first, stop = self.options.frames
        for number, (key, raw) in enumerate(self._file):
            entry = _entry(key, raw, number, self.facts)
            if stop is not None and entry.index >= stop:
                return
            if entry.index >= first:
                yield entry


def _entry(key: FrameKey, raw: dict[str, Any], number: int, facts: ClipFacts) -> FrameEntry:
    try:
        index = int(raw.get("time", number))
        time_s = raw.get("time_s")
        return FrameEntry(
            key=key,
            index=index,
            time_s=index / facts.fps if time_s is None else float(time_s),
            is_shot_start=bool(raw.get("shot", 0)),
            raw=raw,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error


def _ids(frame: FrameEntry) -> list[tuple[int, int]]:
    """(track id, frames since it was seen) of a frame's people."""
    try:
        pairs = zip(frame.raw["tid"], frame.raw["tracked_time"], strict=True)
        return [(int(track_id), int(missed)) for track_id, missed in pairs]
    except KeyError as error:
        raise ResultsError(f"a frame of the results lacks {error}", where=frame.key) from error
    except (TypeError, ValueError) as error:
        raise ResultsError(
            f"a frame of the results is malformed ({error})", where=frame.key
        ) from error


def _only(frame: FrameEntry, keep: frozenset[int] | None) -> FrameEntry:
    """The frame with the people of these tracks."""
    if keep is None:
        return frame
    ids = [track_id for track_id, _ in _ids(frame)]
    if keep.issuperset(ids):
        return frame
    rows = [i for i, track_id in enumerate(ids) if track_id in keep]
    raw = {
        key: [value[i] for i in rows]
        if isinstance(value, list) and len(value) == len(ids)
        else value
        for key, value in frame.raw.items()
        if not key.startswith("tracked_") or key == "tracked_time"
    }
    pairs = zip(frame.raw.get("tracked_ids", ()), frame.raw.get("tracked_bbox", ()), strict=False)
    seen = [(track_id, box) for track_id, box in pairs if track_id in keep]
    raw["tracked_ids"] = [track_id for track_id, _ in seen]
    raw["tracked_bbox"] = [box for _, box in seen]
    raw = {key: raw[key] for key in frame.raw}  # in the file's order
    return replace(frame, raw=raw)


# -- what is known of the clip ------------------------------------------------------------------


def _facts(path: Path, file: ResultsFile, assumed_fps: float | None) -> ClipFacts:
    meta = read_meta(path) or {}
    source, model, versions = (_table(meta, key) for key in ("source", "model", "versions"))
    seen = _probe(file, assumed_fps)
    version = versions.get("humantrack")
    fps = _number(source.get("fps"))
    return ClipFacts(
        name=str(source.get("name") or path.stem),
        path=source.get("path") or seen.path,
        fps=fps or seen.fps,
        fps_known=bool(fps) or seen.fps_known,
        width=_whole(source.get("width")) or seen.width,
        height=_whole(source.get("height")) or seen.height,
        duration_s=_number(source.get("duration_s")),
        frame_count=_whole(meta.get("frame_count")) if meta else seen.frame_count,
        model=model,
        written_by=f"humantrack {version}" if version else None,
    )


def _table(meta: dict[str, Any], key: str) -> dict[str, Any]:
    """A part of the description; {} if it is missing or something else."""
    value = meta.get(key)
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and math.isfinite(value) and value > 0
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int) and value > 0 else None


def _probe(file: ResultsFile, assumed_fps: float | None) -> ClipFacts:
    """What the first frames themselves tell."""
    times, size, path = [], None, None
    for key, frame in itertools.islice(file, _PROBED_FRAMES):
        if isinstance(frame.get("time_s"), float):
            times.append(frame["time_s"])
        if size is None and frame.get("size"):
            size = frame["size"][0]
        if path is None and isinstance(key, tuple):
            path = str(key[0])
        if size is not None and (len(times) > 60 or not times):
            break
    steps = [b - a for a, b in itertools.pairwise(times) if b > a]
    measured = 1 / statistics.median(steps) if steps else None
    try:
        height, width = (None, None) if size is None else (int(size[0]), int(size[1]))
    except (TypeError, ValueError, IndexError):
        height, width = None, None
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
