"""A results file as exporters see it: what is known of the clip, and its frames in batches."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from humantrack.clips.facts import ClipFacts, clip_facts
from humantrack.clips.frames import Batch, FrameEntry, ids_if_sound, only, sound
from humantrack.clips.options import ExportOptions
from humantrack.errors import ConfigError, ResultsError, SelectionError
from humantrack.results import (
    DEFAULT_MAX_SIZE,
    TRUST_KEYS,
    ResultsFile,
    iter_world_of,
    world_path,
)
from humantrack.types import FrameKey
from humantrack.types.world import WorldFrame

BATCH_FRAMES = 64
_LARGE_FRAME = 2**26
"""Bytes of a frame that are always allowed: thousands of people."""

_NEAR_A_FRAME = 0.1
"""Part of a frame that a clock may be off."""

_SHOWN_IDS = 12
"""Ids that an error names before it only counts."""

_END_OF_TIME_S = 1e12
"""What claims to be later is not a time."""


class ResultsSource:
    """One results file to export.

    Args:
        path: of humantrack or PHALP; a ``.meta.json`` beside it is read too, if there is one.
        options: which frames and tracks.
        strict: raise for a file that is cut short, instead of a warning.
        max_size: most decompressed bytes to accept (of humantrack's files: per frame).
        kept_size: bytes of frames that are kept for further walks; see :class:`ResultsFile`.

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
        kept_size: int = 0,
    ) -> None:
        self.path = Path(path)
        self.options = options or ExportOptions()
        self._file = ResultsFile(path, strict=strict, max_size=max_size)
        self.is_walkable = self._file.is_walkable
        if self.is_walkable:
            limit = min(max_size, max(max_size // BATCH_FRAMES, _LARGE_FRAME))
            self._file = ResultsFile(path, strict=strict, max_size=limit, kept_size=kept_size)
        options = self.options
        self.facts = clip_facts(self.path, self._file, options.source_fps, options.slow_motion)
        if self.facts.fps_said is not None:
            warnings.warn(
                f"{path} says {self.facts.fps_said:.6g} frames per second; "
                f"--source-fps {options.source_fps:g} is taken instead",
                stacklevel=2,
            )

    @cached_property
    def has_world(self) -> bool:
        """Whether a world file lies beside the results."""
        return world_path(self.path).exists()

    def is_in_world(self, *, is_motion: bool) -> bool:
        """Whether an export, of motion or of anything else, is of people in the world.

        Raises:
            ConfigError: if the world was asked for and there is none.
        """
        options = self.options
        if options.space is None:
            return is_motion and self.has_world and options.focal_px is None
        if options.space == "world" and not self.has_world:
            raise ConfigError(
                f"no world file lies beside {self.path}",
                where="--space world",
                hint=f"make it: humantrack-world {self.path}",
            )
        return options.space == "world"

    def batches(
        self,
        advance: Callable[[int], None] | None = None,
        *,
        context: bool = False,
        world: bool = False,
    ) -> Iterator[Batch]:
        """The selected frames, with the selected tracks.

        Args:
            advance: told how many frames of the file each batch took, for a progress bar.
            context: give the frames before and after the selection as well, marked as not
                selected. Those of them that are malformed are given without people.
            world: give the frames of the world with them.
        """
        keep = self.kept_tracks
        entries = self._entries(context=context, world=world)
        while some := list(itertools.islice(entries, BATCH_FRAMES)):
            yield _batch(some, keep)
            if advance is not None:
                advance(len(some))

    @cached_property
    def kept_tracks(self) -> frozenset[int] | None:
        """Ids of the tracks to keep; None keeps all."""
        options = self.options
        if options.min_length <= 1 and not options.track_ranges:
            return options.tracks
        seen: dict[int, int] = {}
        for frame in self._entries(context=True):
            for track_id, missed in ids_if_sound(frame):
                seen[track_id] = seen.get(track_id, 0) + (missed <= 0)
        least = options.min_length if options.min_length > 1 else 0
        long = frozenset(i for i, count in seen.items() if count >= least)
        if options.tracks is None and not options.track_ranges:
            return long
        return frozenset(i for i in long if _is_named(i, options))

    @cached_property
    def is_rated(self) -> bool:
        """Whether any frame of the file says how far its joints are to be trusted."""
        return self._file.has_key(TRUST_KEYS[0])

    def check_selection(self) -> None:
        """Walk until all tracks and a frame that were asked for are found.

        Raises:
            SelectionError: if there is no such track, or no such frame, in the file.
        """
        options = self.options
        wanted = set(options.tracks or ())
        ranges = set(options.track_ranges)
        if not wanted and not ranges and options.frames == (0, None):
            return
        first, last, ids, is_found = None, 0, set[int](), options.frames == (0, None)
        for frame in self._entries(context=True):
            first, last = frame.index if first is None else first, frame.index
            is_found |= frame.is_selected
            ids.update(i for i, _ in ids_if_sound(frame))
            wanted -= ids
            ranges = {(a, b) for a, b in ranges if not any(a <= i <= b for i in ids)}
            if is_found and not wanted and not ranges:
                return
        if wanted or ranges:
            raise _no_track(self.path, wanted, ranges, ids)
        if first is not None:
            a, b = options.frames
            what = f"no frame is within --frames {a}:{'' if b is None else b}"
            hint = f"the file has {first} to {last}"
            raise SelectionError(what, where=self.path, hint=hint)

    def _entries(self, *, context: bool = False, world: bool = False) -> Iterator[FrameEntry]:
        """The frames within ``options.frames``, each later than the one before.

        With ``context`` all frames; with ``world`` those of the world are in them.
        """
        first, stop = self.options.frames
        last_s = -math.inf
        clock = _Clock(self.facts, self.options)
        for number, (key, raw, there) in enumerate(self._frames(world)):
            try:
                entry = replace(_entry(key, raw, number, clock, last_s), world=there)
            except ResultsError:
                if context and number >= (math.inf if stop is None else stop):
                    return  # the context ends here
                raise
            last_s = entry.time_s
            is_after = stop is not None and entry.index >= stop
            if is_after and not context:
                return
            if entry.index >= first and not is_after:
                yield entry
            elif context:
                yield replace(entry, is_selected=False)

    def _frames(self, world: bool) -> Iterator[tuple[FrameKey, Any, WorldFrame | None]]:
        """Key, frame and, if asked for, the world of each frame."""
        if world:
            yield from iter_world_of(self._file, world_path(self.path))
        else:
            for key, raw in self._file:
                yield key, raw, None


class _Clock:
    """When the frames of a file are: as it says, unless the user says otherwise."""

    def __init__(self, facts: ClipFacts, options: ExportOptions) -> None:
        self.fps = facts.fps
        self._is_even = options.source_fps is not None
        self._slow_motion = options.slow_motion or 1.0
        self._fps_said = facts.fps_said or options.source_fps
        self._offset: float | None = None

    def time_s(self, index: int, said: Any) -> float:
        """When a frame is, ``said`` being the file's time or None."""
        if self._is_even:
            return (index + self._before(index, said)) / self.fps
        if said is None:
            return index / self.fps
        return float(said) / self._slow_motion

    def _before(self, index: int, said: Any) -> float:
        """Frames of the source before the first of the file, which may be a cut from its midst."""
        if self._offset is None:
            frames = 0.0 if said is None else float(said) * (self._fps_said or 0.0) - index
            whole = round(frames) if math.isfinite(frames) else 0
            self._offset = float(whole) if abs(frames - whole) < _NEAR_A_FRAME else frames
            if not abs(self._offset) < _END_OF_TIME_S:
                self._offset = 0.0
        return self._offset


def _entry(
    key: FrameKey, raw: dict[str, Any], number: int, clock: _Clock, last_s: float
) -> FrameEntry:
    """A frame, ``last_s`` being the time of the one before."""
    try:
        if not _is_key(key):
            raise ValueError("its key is neither text nor text and a number")
        index = int(raw.get("time", number))
        if not 0 <= index < 2**53:
            raise ValueError("its 'time' is not a number of a frame")
        time_s = clock.time_s(index, raw.get("time_s"))
        if not last_s < time_s < _END_OF_TIME_S:
            time_s = index / clock.fps if math.isinf(last_s) else last_s + 1 / clock.fps
        return FrameEntry(
            key=key,
            index=index,
            time_s=time_s,
            is_shot_start=bool(raw.get("shot", 0)),
            raw=raw,
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error


def _batch(frames: list[FrameEntry], keep: frozenset[int] | None) -> Batch:
    """The frames with the people of these tracks; malformed context has none."""
    try:
        batch = Batch([only(frame, keep) for frame in frames])
        if not all(frame.is_selected for frame in frames):
            _ = batch.people  # looks at every frame
        return batch
    except ResultsError:
        return Batch([only(sound(frame), keep) for frame in frames])


def _is_named(track_id: int, options: ExportOptions) -> bool:
    """Whether a track is among those to keep."""
    return track_id in (options.tracks or ()) or any(
        first <= track_id <= last for first, last in options.track_ranges
    )


def _no_track(
    path: Path, wanted: Collection[int], ranges: Collection[tuple[int, int]], ids: Collection[int]
) -> SelectionError:
    names = [*map(str, sorted(wanted)), *(f"{a}-{b}" for a, b in sorted(ranges))]
    nearest = sorted(ids, key=lambda i: min(abs(i - w) for w in [*wanted, *sum(ranges, ())]))
    shown = sorted(nearest[:_SHOWN_IDS])
    more = f" and {len(ids) - len(shown)} more" if len(ids) > len(shown) else ""
    hint = f"there are {', '.join(map(str, shown))}{more}" if ids else "it has no tracks at all"
    what = f"no track {', '.join(names[:_SHOWN_IDS])} in the results"
    return SelectionError(what, where=path, hint=hint)


def _is_key(key: object) -> bool:
    if isinstance(key, tuple):
        return (
            len(key) == 2
            and isinstance(key[0], str)
            and isinstance(key[1], int)
            and abs(key[1]) < 2**63
        )
    return isinstance(key, str)
