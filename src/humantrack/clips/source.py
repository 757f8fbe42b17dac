"""A results file as exporters see it: what is known of the clip, and its frames in batches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from humantrack.clips.facts import ClipFacts, clip_facts
from humantrack.clips.options import ExportOptions
from humantrack.errors import ResultsError
from humantrack.results import (
    DEFAULT_MAX_SIZE,
    PeopleColumns,
    ResultsFile,
    people_columns,
)
from humantrack.types import FrameKey

BATCH_FRAMES = 64
_LARGE_FRAME = 2**26
"""Bytes of a frame that are always allowed: thousands of people."""

_END_OF_TIME_S = 1e12
"""What claims to be later is no time."""


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
        if self.is_walkable:
            limit = min(max_size, max(max_size // BATCH_FRAMES, _LARGE_FRAME))
            self._file = ResultsFile(path, strict=strict, max_size=limit)
        self.facts = clip_facts(self.path, self._file, self.options.source_fps)

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
        """The frames within ``options.frames``, each later than the one before."""
        first, stop = self.options.frames
        last_s = -math.inf
        for number, (key, raw) in enumerate(self._file):
            entry = _entry(key, raw, number, self.facts, last_s)
            last_s = entry.time_s
            if stop is not None and entry.index >= stop:
                return
            if entry.index >= first:
                yield entry


def _entry(
    key: FrameKey, raw: dict[str, Any], number: int, facts: ClipFacts, last_s: float
) -> FrameEntry:
    """A frame, ``last_s`` being the time of the one before."""
    try:
        if not _is_key(key):
            raise ValueError("its key is neither text nor text and a number")
        index = int(raw.get("time", number))
        if not 0 <= index < 2**53:
            raise ValueError("its 'time' is no number of a frame")
        time_s = index / facts.fps if raw.get("time_s") is None else float(raw["time_s"])
        if not last_s < time_s < _END_OF_TIME_S:
            time_s = index / facts.fps if math.isinf(last_s) else last_s + 1 / facts.fps
        return FrameEntry(
            key=key,
            index=index,
            time_s=time_s,
            is_shot_start=bool(raw.get("shot", 0)),
            raw=raw,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error


def _is_key(key: object) -> bool:
    if isinstance(key, tuple):
        return (
            len(key) == 2
            and isinstance(key[0], str)
            and isinstance(key[1], int)
            and abs(key[1]) < 2**63
        )
    return isinstance(key, str)


def _ids(frame: FrameEntry) -> list[tuple[int, int]]:
    """(track id, frames since it was seen) of a frame's people."""
    try:
        pairs = zip(frame.raw["tid"], frame.raw["tracked_time"], strict=True)
        ids = [(int(track_id), int(missed)) for track_id, missed in pairs]
        if any(abs(track_id) >= 2**63 for track_id, _ in ids):
            raise ValueError("a track's id is too large")
        return ids
    except KeyError as error:
        raise ResultsError(f"a frame of the results lacks {error}", where=frame.key) from error
    except (TypeError, ValueError, OverflowError) as error:
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
        if key not in ("tracked_ids", "tracked_bbox")
    }
    try:
        pairs = zip(
            frame.raw.get("tracked_ids", ()), frame.raw.get("tracked_bbox", ()), strict=False
        )
        seen = [(track_id, box) for track_id, box in pairs if track_id in keep]
    except TypeError as error:
        raise ResultsError(
            f"a frame of the results is malformed ({error})", where=frame.key
        ) from error
    raw["tracked_ids"] = [track_id for track_id, _ in seen]
    raw["tracked_bbox"] = [box for _, box in seen]
    raw = {key: raw[key] for key in frame.raw}  # in the file's order
    return replace(frame, raw=raw)
