"""Summary of a run, for the program that called it and for the table a user sees."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from humantrack.types import Frame, FrameRecord, is_guessed


@dataclass
class TrackCounter:
    """Counts tracks and people as frames become final. A pipeline sink in all but its context."""

    frames: int = 0
    seen: int = 0
    """Person-frames: people seen, summed over the frames."""

    guessed: int = 0
    """Those of them whose pose as a whole is held or made up."""

    most_at_once: int = 0
    track_ids: set[int] = field(default_factory=set)
    empty_since_s: float | None = None
    """Time of the first of the newest frames in which nobody is seen."""

    longest_empty: tuple[float, float] = (0.0, 0.0)
    """Times of the first and the last frame of the longest stretch without anybody."""

    @property
    def longest_empty_s(self) -> float:
        """Length of that stretch."""
        return self.longest_empty[1] - self.longest_empty[0]

    def write(self, frame: Frame, record: FrameRecord) -> None:
        """Count one frame."""
        seen = [p.track_id for p in record.people if p.missed == 0]
        self.frames += 1
        self.seen += len(seen)
        self.guessed += sum(p.missed == 0 and is_guessed(p.observation) for p in record.people)
        self.most_at_once = max(self.most_at_once, len(seen))
        self.track_ids.update(seen)
        if seen:
            self.empty_since_s = None
            return
        if self.empty_since_s is None:
            self.empty_since_s = record.time_s
        if record.time_s - self.empty_since_s > self.longest_empty_s:
            self.longest_empty = self.empty_since_s, record.time_s

    def state_dict(self) -> dict[str, Any]:
        """All counts."""
        return {**vars(self), "track_ids": set(self.track_ids)}

    @staticmethod
    def of(state: Mapping[str, Any]) -> TrackCounter:
        """The inverse of ``state_dict``."""
        return TrackCounter(**{f.name: state[f.name] for f in fields(TrackCounter)})


class Stopwatch:
    """Adds up the time spent in parts of a run.

    Args:
        before: ``seconds()`` of a run that this one resumes.
    """

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        self._parts = dict(before or {})
        self._start = time.perf_counter() - self._parts.pop("total", 0.0)

    @property
    def total_s(self) -> float:
        """Seconds since it was made, and before."""
        return time.perf_counter() - self._start

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Count what happens inside towards ``part``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._parts[part] = self._parts.get(part, 0.0) + time.perf_counter() - start

    def seconds(self) -> dict[str, float]:
        """Seconds by part, and in ``total``."""
        return {**self._parts, "total": self.total_s}


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """The outcome of ``PHALP.track``."""

    name: str
    """The clip's short name."""

    results: Path
    """The results file."""

    overlay: Path | None
    """The overlay video, if one was drawn."""

    meta: Path | None
    """The .meta.json beside the results."""

    world: Path | None = None
    """The world file, if one was written."""

    world_video: Path | None = None
    """The world video, if one was drawn."""

    world_line: str | None = None
    """How camera, lens, floor and scale were found, or why there is no world."""

    world_notes: tuple[str, ...] = ()
    """What could not be known of them, a sentence each."""

    frames: int = 0
    people: int = 0
    """Most people seen in one frame."""

    tracks: int = 0
    """Different identities."""

    seen: int = 0
    """Person-frames."""

    guessed: int = 0
    """Those of them whose pose as a whole is held from an earlier frame or made up."""

    seconds: float = 0.0
    decode_errors: int = 0
    resumed_from: int = 0
    """Frames taken over from a run that was stopped or killed."""

    segments: int | None = None
    """Segments that a live run was written in; the files are those of the last. None: in one."""

    segments_kept: int | None = None
    """Those of them that are still there."""

    warnings: tuple[str, ...] = ()
    """What may be wrong with the clip, such as that it was cut off; a line each."""

    note: str | None = None
    """What the user may wonder about, in one line."""

    skipped: bool = False
    """True if the results were there already and ``overwrite`` is off."""

    @property
    def fps(self) -> float:
        """Frames per second of the whole run."""
        return self.frames / self.seconds if self.seconds else 0.0

    def print(self, console: Console) -> None:
        """Draw the table a user sees at the end."""
        if self.skipped:
            console.print(
                f"{self.name}: results are there already ({self.results}); overwrite=true redoes",
                highlight=False,
                soft_wrap=True,
                markup=False,
            )
            return
        table = Table(title=Text(self.name), show_header=False, title_justify="left", min_width=40)
        table.add_row("frames", str(self.frames))
        table.add_row("people", f"{self.people} at most in a frame")
        table.add_row("tracks", str(self.tracks))
        if self.guessed:
            share = 100 * self.guessed / max(self.seen, 1)
            table.add_row("poses guessed", f"{share:.1f} % (held or made up)")
        table.add_row("speed", f"{self.fps:.1f} frames/s ({self.seconds:.1f} s)")
        if self.resumed_from:
            table.add_row("continued", f"at frame {self.resumed_from}")
        if self.segments is not None:
            table.add_row("segments", f"{self.segments}, the newest {self.segments_kept} kept")
        if self.decode_errors:
            table.add_row("decode errors", str(self.decode_errors))
        console.print(table)
        for label, path in (
            ("results", self.results),
            ("about", self.meta),
            ("overlay", self.overlay),
            ("world", self.world),
            ("world video", self.world_video),
        ):
            if path is not None:  # outside the table, so that a long path can be copied whole
                console.print(f"{label}: {path}", highlight=False, soft_wrap=True, markup=False)
        if self.world_line:
            console.print(
                f"in the world: {self.world_line}", highlight=False, soft_wrap=True, markup=False
            )
        for line in self.world_notes:
            console.print(f"note: {line}", highlight=False, soft_wrap=True, markup=False)
        for line in self.warnings:
            console.print(f"warning: {line}", highlight=False, soft_wrap=True, markup=False)
        if self.note:
            console.print(f"note: {self.note}", highlight=False, soft_wrap=True)
