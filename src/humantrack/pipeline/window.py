"""Holds the newest frames until no track can be filled back into them any more."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from humantrack.errors import CheckpointError
from humantrack.types import (
    Frame,
    FrameRecord,
    FrameUpdate,
    Observation,
    Revised,
    TrackedPerson,
)


class BackFillWindow:
    """The newest ``length`` frames; older ones come out as final.

    A track counts from its ``n_init``-th detection on and is then also written into the frames of
    the earlier ones, which lie at most ``n_init - 1`` frames back.

    Args:
        length: frames held, at least 1 (= n_init).
    """

    def __init__(self, length: int) -> None:
        self._length = max(1, length)
        self._held: deque[tuple[Frame, FrameRecord]] = deque()
        self._revised: dict[tuple[int, int], Revised] = {}
        """By frame and row, of frames held: a track may be filled in after it was revised."""

    @property
    def held(self) -> tuple[tuple[Frame, FrameRecord], ...]:
        """The frames that are not final yet, oldest first."""
        return tuple(self._held)

    @property
    def revised(self) -> tuple[Revised, ...]:
        """What has turned out of people in the frames held."""
        return tuple(self._revised.values())

    def revise(self, observations: Sequence[Observation]) -> None:
        """Put right what observations of a later frame say of people in the frames held."""
        # The genuine packages' tracker takes detections of its own, which revise nothing.
        revisions = [r for one in observations for r in getattr(one, "revises", ())]
        held = {record.index for _, record in self._held}
        revisions = [r for r in revisions if r.frame_index in held]
        if not revisions:
            return
        self._revised |= {(r.frame_index, r.row): r for r in revisions}
        self._held = deque(
            (frame, replace(record, people=tuple(map(self._as_known, record.people))))
            for frame, record in self._held
        )

    def _as_known(self, person: TrackedPerson) -> TrackedPerson:
        seen = person.observation
        revised = self._revised.get((seen.frame_index, seen.row))
        if revised is None:
            return person
        values: dict[str, Any] = dict(revised.values)
        return replace(person, observation=replace(seen, **values))

    def push(
        self, frame: Frame, update: FrameUpdate, seen: Sequence[Any] = ()
    ) -> Iterator[tuple[Frame, FrameRecord]]:
        """Take a frame with what the tracker said after it; yield what has become final.

        Args:
            frame: the next one.
            update: the tracker's.
            seen: what it was told of the frame.
        """
        record = FrameRecord(
            index=frame.index,
            source_index=frame.source_index,
            key=frame.key,
            time_s=frame.time_s,
            is_shot_start=frame.is_shot_start,
            image_size=(frame.height, frame.width),
            people=update.people,
            others=(*update.others, *_others(seen, update.people)),
        )
        self._held.append((frame, record))
        for entry in update.back_fill:
            self._fill(entry.frame_index, entry.person)
        while len(self._held) > self._length:
            yield self._popped()

    def _popped(self) -> tuple[Frame, FrameRecord]:
        oldest = self._held.popleft()
        index = oldest[1].index
        self._revised = {k: r for k, r in self._revised.items() if k[0] > index}
        return oldest

    def _fill(self, frame_index: int, person: TrackedPerson) -> None:
        for i, (frame, record) in enumerate(self._held):
            if record.index == frame_index:
                self._held[i] = (
                    frame,
                    replace(record, people=(*record.people, self._as_known(person))),
                )

    def restore(
        self,
        frames: Sequence[Frame],
        states: Sequence[Mapping[str, Any]],
        revised: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Hold what another window held.

        Args:
            frames: decoded again.
            states: a ``held_state`` for each.
            revised: a ``revised_state`` for each of its ``revised``.

        Raises:
            CheckpointError: if a frame is not the one that was held.
        """
        for frame, state in zip(frames, states, strict=True):
            record = record_of(state)
            place = frame.index, frame.source_index, frame.key, frame.time_s
            told = record.index, record.source_index, record.key, record.time_s
            if place != told or _checksum(frame) != state["checksum"]:
                raise CheckpointError(
                    "the video does not show what it did", where=f"frame {frame.source_index}"
                )
            self._held.append((frame, record))
        for values in revised:
            known = Revised(**values)
            self._revised[known.frame_index, known.row] = known

    def flush(self) -> Iterator[tuple[Frame, FrameRecord]]:
        """Yield all that is left, in order."""
        while self._held:
            yield self._popped()


def held_state(frame: Frame, record: FrameRecord) -> dict[str, Any]:
    """A held frame as plain values; in place of the picture its checksum."""
    return {**record_state(record), "checksum": _checksum(frame)}


def record_state(record: FrameRecord) -> dict[str, Any]:
    """What is stored of a frame as plain values."""
    state: dict[str, Any] = {f.name: getattr(record, f.name) for f in fields(record)}
    state["people"] = [
        {
            "track_id": person.track_id,
            "missed": person.missed,
            "observation": _values(person.observation),
        }
        for person in record.people
    ]
    state["others"] = [_values(seen) for seen in record.others]
    return state


def _values(seen: Observation) -> dict[str, Any]:
    """As plain values; no result shows a texture, and each takes a megabyte."""
    names = (f.name for f in fields(seen) if f.name not in {"uv", "revises", "evidence"})
    return {name: getattr(seen, name) for name in names}


def _others(seen: Sequence[Any], people: Sequence[TrackedPerson]) -> list[Observation]:
    """Those seen whom no track has claimed; the genuine tracker's detections are told by itself."""
    claimed = {person.observation.row for person in people if person.missed == 0}
    return [
        one
        for one in seen
        if isinstance(one, Observation) and (one.row < 0 or one.row not in claimed)
    ]


def revised_state(revised: Revised) -> dict[str, Any]:
    """As plain values."""
    return {
        "frame_index": revised.frame_index,
        "row": revised.row,
        "values": dict(revised.values),
    }


def record_of(state: Mapping[str, Any]) -> FrameRecord:
    """The inverse of ``record_state``."""
    people = tuple(
        TrackedPerson(
            track_id=person["track_id"],
            missed=person["missed"],
            observation=Observation(**person["observation"]),
        )
        for person in state["people"]
    )
    others = tuple(Observation(**values) for values in state.get("others", ()))
    kept = {f.name: state[f.name] for f in fields(FrameRecord)}
    return FrameRecord(**{**kept, "people": people, "others": others})


def _checksum(frame: Frame) -> int:
    picture: Any = np.ascontiguousarray(frame.rgb)
    return zlib.crc32(picture)
