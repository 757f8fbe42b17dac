"""Tables beside the rows: one of the tracks, one of the frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from humantrack.clips.frames import Batch
from humantrack.export.formats.base import Exporter
from humantrack.export.formats.tabular import Columns, Tabular
from humantrack.results.table import key_text

_FRAMES = 4096
"""Rows of frames in memory at a time."""


@dataclass(slots=True)
class _Track:
    """What is known of a track when all rows have passed."""

    first: int
    last: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    seen: int = 0
    predicted: int = 0
    score: float = 0.0
    scored: int = 0
    betas: Any = field(default_factory=lambda: np.zeros(10))
    shaped: int = 0


class Beside:
    """The tables that ``ExportOptions.tables`` asks for, in files of their own.

    Args:
        exporter: of the rows.
        begin: begins a file with columns of no rows.
    """

    def __init__(self, exporter: Exporter, begin: Callable[[BinaryIO, Columns], Tabular]) -> None:
        self._tracks: dict[int, _Track] = {}
        self._waiting: list[tuple[Any, ...]] = []
        self._files: dict[str, Tabular] = {}
        empty = {"tracks": _tracks({}), "frames": _frames([])}
        for name in exporter.options.tables:
            suffix = f".{name}{exporter.suffix}"
            self._files[name] = begin(exporter.outputs.open_beside(suffix), empty[name])

    def write(self, batch: Batch) -> None:
        """Take note of frames."""
        people = batch.people
        if "frames" in self._files:
            self._note_frames(batch)
        if "tracks" not in self._files:
            return
        columns = (people.frame_row, people.track_id, people.missed, people.score)
        rows = zip(*(column.tolist() for column in columns), people.betas, strict=True)
        for row, track_id, missed, score, betas in rows:
            frame = batch.frames[row]
            track = self._tracks.get(track_id)
            if track is None:
                track = self._tracks[track_id] = _Track(frame.index, first_s=frame.time_s)
            track.last, track.last_s = frame.index, frame.time_s
            if missed != 0:
                track.predicted += 1
                continue
            track.seen += 1
            if math.isfinite(score):
                track.score += score
                track.scored += 1
            if np.isfinite(betas).all():
                track.betas += betas
                track.shaped += 1

    def _note_frames(self, batch: Batch) -> None:
        people = batch.people
        count = len(batch.frames)
        seen = np.bincount(people.frame_row[people.missed == 0], minlength=count)
        listed = np.bincount(people.frame_row, minlength=count)
        size = np.full((count, 2), -1, np.int64)
        size[people.frame_row] = people.size
        for i, frame in enumerate(batch.frames):
            self._waiting.append(
                (
                    *(frame.index, key_text(frame.key), frame.time_s, frame.is_shot_start),
                    *(int(seen[i]), int(listed[i] - seen[i]), *size[i, ::-1].tolist()),
                )
            )
        if len(self._waiting) >= _FRAMES:
            self._files["frames"].write(_frames(self._waiting))
            self._waiting = []

    def close(self, metadata: dict[str, Any]) -> None:
        """Write what is left, with the rows' metadata."""
        if "tracks" in self._files:
            self._files["tracks"].write(_tracks(self._tracks))
        if "frames" in self._files:
            self._files["frames"].write(_frames(self._waiting))
        for file in self._files.values():
            file.close(metadata)


def _tracks(tracks: dict[int, _Track]) -> Columns:
    """A row per track, by id."""
    ids = sorted(tracks)
    rows = [tracks[i] for i in ids]

    def column(of: Callable[[_Track], Any], kind: str) -> Any:
        return np.array([of(row) for row in rows], kind)

    mean = [row.betas / row.shaped if row.shaped else np.full(10, np.nan) for row in rows]
    betas = np.array(mean, np.float32).reshape(len(rows), 10)
    return {
        "track_id": np.array(ids, np.int64),
        "first_frame": column(lambda t: t.first, "i8"),
        "last_frame": column(lambda t: t.last, "i8"),
        "first_time_s": column(lambda t: t.first_s, "f8"),
        "last_time_s": column(lambda t: t.last_s, "f8"),
        "observed_frames": column(lambda t: t.seen, "i8"),
        "predicted_frames": column(lambda t: t.predicted, "i8"),
        "mean_score": column(lambda t: t.score / t.scored if t.scored else np.nan, "f4"),
        **{f"betas_{k}": betas[:, k] for k in range(10)},
    }


def _frames(rows: list[tuple[Any, ...]]) -> Columns:
    """A row per frame, also of those in which nobody is; a size of -1 is not known."""
    kinds = {
        "frame": "i8",
        "key": "O",
        "time_s": "f8",
        "shot": "?",
        "observed_people": "i8",
        "predicted_people": "i8",
        "image_width": "i8",
        "image_height": "i8",
    }
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return {n: np.array(c, k) for (n, k), c in zip(kinds.items(), columns, strict=True)}
