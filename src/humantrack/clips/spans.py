"""Spans of frames in which each track is seen, gathered in one pass that keeps no frame."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from humantrack.clips.facts import ClipFacts
from humantrack.clips.frames import FrameEntry
from humantrack.clips.source import ResultsSource
from humantrack.errors import ResultsError, printable
from humantrack.types import JointSource, pose_source
from humantrack.types.arrays import FloatArray

_INT64 = 2**63


@dataclass(slots=True)
class TrackSpans:
    """Where one track is seen; frames are numbered as in the results."""

    track_id: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    """First and last frame of each stretch without a gap."""

    seen: int = 0
    """Frames in which the person was seen."""

    missed: int = 0
    """Frames within the gaps."""

    guessed: int = 0
    """Frames in which the person was seen, but the pose as a whole is held or made up."""

    _row: int = -1
    _score_sum: float = 0.0
    _score_count: int = 0

    @property
    def first(self) -> int:
        """The first frame with the person."""
        return self.spans[0][0]

    @property
    def last(self) -> int:
        """The last one."""
        return self.spans[-1][1]

    @property
    def length(self) -> int:
        """Frames from the first to the last, gaps included."""
        return self.seen + self.missed

    @property
    def gaps(self) -> int:
        """How many times the person was lost and found again."""
        return len(self.spans) - 1

    @property
    def mean_score(self) -> float | None:
        """Mean of the scores that are numbers; None if none is."""
        return self._score_sum / self._score_count if self._score_count else None

    def see(self, row: int, frame: int, score: float, guessed: bool = False) -> None:
        """Take a frame with the person, the ``row``-th of the walk."""
        if row == self._row:  # PHALP can list a track twice
            return
        if self.spans and row == self._row + 1:
            self.spans[-1] = (self.spans[-1][0], frame)
        else:
            self.missed += row - self._row - 1 if self.spans else 0
            self.spans.append((frame, frame))
        self._row = row
        self.seen += 1
        self.guessed += guessed
        if math.isfinite(score):
            self._score_sum += score
            self._score_count += 1

    def cover(self, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
        """How full each cell of a time line is.

        Args:
            edges: (N+1,) rising; cell i holds the frames from ``edges[i]`` up to ``edges[i+1]``.

        Returns:
            (N,) frames in which the person is seen, and (N,) frames from its first to its last.
        """
        bounds = np.array(self.spans, float) + np.array([0, 1])
        before = np.concatenate([[0], np.cumsum(bounds[:, 1] - bounds[:, 0])])
        counts = np.stack([before[:-1], before[1:]], axis=1)
        seen = np.diff(np.interp(edges, bounds.ravel(), counts.ravel()))
        there = np.diff(np.clip(edges, self.first, self.last + 1))
        return seen, there


@dataclass(slots=True)
class ClipSpans:
    """The tracks of one results file."""

    name: str
    facts: ClipFacts
    frames: int = 0
    """Frames looked at."""

    first: int = 0
    last: int = 0
    tracks: list[TrackSpans] = field(default_factory=list)
    """By id; those that are never seen are left out."""

    @property
    def duration_s(self) -> float:
        """Of the frames looked at, at the clip's rate."""
        return self.frames / self.facts.fps


def clip_spans(source: ResultsSource, advance: Callable[[int], None] | None = None) -> ClipSpans:
    """Walk through a file.

    Args:
        source: the file, with the selection of frames and tracks.
        advance: told how many frames each step took.

    Raises:
        ResultsError: if the file cannot be read, or a frame is malformed.
    """
    clip = ClipSpans(source.path.name, source.facts)
    tracks: dict[int, TrackSpans] = {}
    for batch in source.batches(advance):
        for frame in batch.frames:
            if clip.frames == 0:
                clip.first = frame.index
            clip.last = frame.index
            for track_id, score, guessed in _seen(frame):
                track = tracks.setdefault(track_id, TrackSpans(track_id))
                track.see(clip.frames, frame.index, score, guessed)
            clip.frames += 1
    clip.tracks = [tracks[i] for i in sorted(tracks)]
    return clip


def _seen(frame: FrameEntry) -> list[tuple[int, float, bool]]:
    """Id, score, and whether the pose is a guess, of the people in a frame.

    Entries left from earlier frames are none.
    """
    try:
        columns = [frame.raw[key] for key in ("tid", "tracked_time", "conf")]
        guessed = [False] * len(columns[0])
        if "joint_source" in frame.raw:
            guessed = [_is_guessed(source) for source in frame.raw["joint_source"]]
        rows = [
            (int(i), int(missed), float(score), guess)
            for i, missed, score, guess in zip(*columns, guessed, strict=True)
        ]
        if any(not -_INT64 <= row[0] < _INT64 for row in rows):
            raise ValueError("a track's id is too large")
    except KeyError as error:
        raise ResultsError(f"a frame of the results lacks {error}", where=frame.key) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultsError(
            f"a frame of the results is malformed ({error})", where=frame.key
        ) from error
    return [(track_id, score, guess) for track_id, missed, score, guess in rows if missed <= 0]


def _is_guessed(source: Any) -> bool:
    """Whether a pose as a whole is held or made up, ``source`` being what a file says."""
    if np.shape(source) != (45,):
        raise ValueError("'joint_source' is not 45 numbers")
    return bool(pose_source(np.asarray(source, np.int64)) >= JointSource.HELD)


def facts_of(clip: ClipSpans) -> list[str]:
    """What is known of the clip, in words."""
    facts = clip.facts
    total = facts.frame_count
    part = f" of {total}" if total and total > clip.frames else ""
    known = "" if facts.fps_known else " (assumed)"
    out = [
        f"{clip.frames}{part} frames",
        f"{facts.fps:.6g} fps{known}",
        f"{clip.duration_s:.2f} s",
    ]
    if facts.width and facts.height:
        out.append(f"{facts.width} x {facts.height} px")
    out.append({0: "nobody", 1: "1 track"}.get(len(clip.tracks), f"{len(clip.tracks)} tracks"))
    if guessed := sum(track.guessed for track in clip.tracks):
        share = guessed / sum(track.seen for track in clip.tracks)
        out.append(f"{100 * share:.1f} % of poses held or made up")
    if facts.written_by:
        out.append(f"written by {printable(facts.written_by)[:60]}")
    return out
