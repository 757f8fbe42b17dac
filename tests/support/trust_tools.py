"""Records whose observations say how far their joints are to be trusted, for tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from humantrack.results import ResultsWriter, load_results, record_from_phalp
from humantrack.types import FrameRecord, JointSource, Observation, TrackedPerson

SourceOf = Callable[[int, int], np.ndarray | JointSource | None]
"""Track and frame -> where its joints come from, one for all or (45,); None says nothing."""


def rated_observation(seen: Observation, source: np.ndarray | JointSource | None) -> Observation:
    """The observation with numbers made from its frame's number, the same every time."""
    if source is None:
        return seen
    rng = np.random.default_rng(seen.frame_index)
    half = rng.uniform(5, 150, 45)
    return dataclasses.replace(
        seen,
        joint_confidence=rng.uniform(0, 1, 45).astype(np.float32),
        joint_error_mm=np.stack([half, half * 2.2], axis=1).astype(np.float32),
        joint_source=np.broadcast_to(np.asarray(source, np.uint8), (45,)).copy(),
    )


def rated(records: Iterable[FrameRecord], source_of: SourceOf) -> list[FrameRecord]:
    """The records with everybody rated; a missed person is rated as when it was last seen."""

    def person(one: TrackedPerson) -> TrackedPerson:
        seen = one.observation
        source = source_of(one.track_id, seen.frame_index)
        return dataclasses.replace(one, observation=rated_observation(seen, source))

    return [dataclasses.replace(r, people=tuple(map(person, r.people))) for r in records]


def rate_file(path: Path, source_of: SourceOf) -> Path:
    """A results file of humantrack, written anew with everybody in it rated."""
    records = [record_from_phalp(key, frame) for key, frame in load_results(path).items()]
    with ResultsWriter(path, features=False) as writer:
        for record in rated(records, source_of):
            writer.write(None, record)
    return path
