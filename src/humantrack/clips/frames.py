"""A frame of results as exporters see it, and some of them together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from humantrack.clips.world import WorldPeople, world_people
from humantrack.errors import ResultsError
from humantrack.results import PEOPLE_KEYS, PeopleColumns, people_columns
from humantrack.types import FrameKey
from humantrack.types.world import WorldFrame


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

    world: WorldFrame | None = None
    """The frame in the world, if that was asked for."""

    is_selected: bool = True
    """False if it is only there as context of the frames that were asked for."""


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

    @cached_property
    def world(self) -> WorldPeople:
        """Their people in the world; only if frames have it (``ResultsSource.batches``).

        Raises:
            ResultsError: if a frame is malformed.
        """
        return world_people(self.people, [world_of(frame) for frame in self.frames])

    @cached_property
    def selected(self) -> Batch:
        """Those of the frames that were asked for."""
        if all(frame.is_selected for frame in self.frames):
            return self
        return Batch([frame for frame in self.frames if frame.is_selected])


def sound(frame: FrameEntry) -> FrameEntry:
    """The frame, or, if it is malformed and mere context, one without people."""
    if frame.is_selected:
        return frame
    try:
        people_columns([(frame.key, frame.raw)])
        ids_of(frame)
    except ResultsError:
        return replace(frame, raw={key: [] for key in PEOPLE_KEYS})
    return frame


def ids_if_sound(frame: FrameEntry) -> list[tuple[int, int]]:
    """As ``ids_of``; nobody if the frame is malformed and mere context."""
    try:
        return ids_of(frame)
    except ResultsError:
        if frame.is_selected:
            raise
        return []


def ids_of(frame: FrameEntry) -> list[tuple[int, int]]:
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


def world_of(frame: FrameEntry) -> WorldFrame:
    """The frame's world.

    Raises:
        ValueError: if it was not read.
    """
    if frame.world is None:
        raise ValueError(f"frame {frame.index} was not read with its world")
    return frame.world


def only(frame: FrameEntry, keep: frozenset[int] | None) -> FrameEntry:
    """The frame with the people of these tracks."""
    if keep is None:
        return frame
    if frame.world is not None:
        kept = tuple(person for person in frame.world.people if person.track_id in keep)
        frame = replace(frame, world=replace(frame.world, people=kept))
    ids = [track_id for track_id, _ in ids_of(frame)]
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
