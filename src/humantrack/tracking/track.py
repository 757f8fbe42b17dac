"""One track: its life, its short history, and what it is compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from humantrack.tracking.box_motion import BoxMotion
from humantrack.tracking.cost import Sample
from humantrack.types import Observation
from humantrack.types.arrays import FloatArray


class TrackState(Enum):
    """tentative -> confirmed -> gone, or tentative -> gone."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    GONE = "gone"


class Memory(Protocol):
    """Mixes what a track remembers of a person's looks with a new detection."""

    def first(self, observation: Observation) -> Sample:
        """The sample of a detection alone."""

    def blend(self, old: Sample, observation: Observation) -> Sample:
        """The detection's location and pose, and the looks after this detection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An entry of a track's history."""

    time: int
    """Frame index."""

    location: FloatArray
    """(99,)"""

    pose: FloatArray
    """(229,)"""


@dataclass(slots=True, kw_only=True)
class Track:
    """A person followed through time. Changes in place, and never leaves this package."""

    id: int
    newest: Observation
    history: list[Sighting]
    """A fixed number, oldest first; a young track's is padded with its first sighting."""

    samples: list[Sample]
    """What the track is compared by, newest last: one per frame, as many as are looked back on."""

    state: TrackState = TrackState.TENTATIVE
    hits: int = 1
    """Detections so far."""

    age: int = 1
    """Frames since the first detection, that one included."""

    missed: int = 0
    """Frames since the last detection."""

    recent: list[Observation] = field(default_factory=list)
    """The first detections, until there are enough to confirm; for the back-fill."""

    motion: BoxMotion | None = None
    """Of the box, where tracks are associated by it."""

    @staticmethod
    def born(
        track_id: int, observation: Observation, memory: Memory, *, history: int, is_confirmed: bool
    ) -> Track:
        """A track of one detection."""
        return Track(
            id=track_id,
            newest=observation,
            history=[_sighting(observation)] * history,
            samples=[memory.first(observation)],
            state=TrackState.CONFIRMED if is_confirmed else TrackState.TENTATIVE,
            recent=[observation],
        )

    def grow_older(self) -> None:
        """One more frame, in which nobody has been found yet."""
        self.age += 1
        self.missed += 1

    def extend(
        self,
        observation: Observation,
        memory: Memory,
        *,
        n_init: int,
        is_certain: bool,
        is_shot_start: bool,
    ) -> bool:
        """Take the detection of this frame; True if it confirms the track.

        One that is certain does so at once, others when there are ``n_init``. After a cut all
        earlier locations are replaced by the new one: the old motion is void.
        """
        self.newest = observation
        self.history = [*self.history[1:], _sighting(observation)]
        if is_shot_start:
            here = observation.location_vector
            self.history = [replace(sighting, location=here) for sighting in self.history]
        self.samples.append(memory.blend(self.samples[-1], observation))
        self.hits += 1
        self.missed = 0
        self.recent = [*self.recent, observation] if self.hits <= n_init else []
        if self.state is TrackState.TENTATIVE and (is_certain or self.hits >= n_init):
            self.state = TrackState.CONFIRMED
            return True
        return False

    def miss(self, max_age: int) -> None:
        """No detection in this frame: a tentative track ends, a confirmed one after ``max_age``."""
        if self.state is TrackState.TENTATIVE or self.missed > max_age:
            self.state = TrackState.GONE
        self.samples.append(self.samples[-1])

    def expect(self, location: FloatArray, pose: FloatArray) -> None:
        """Set what the next frame is compared with."""
        looks = self.samples[-1]
        self.samples[-1] = Sample(location=location, pose=pose, code=looks.code, uv=looks.uv)

    def forget(self, lookback: int) -> None:
        """Keep as many samples as are looked back on."""
        self.samples = self.samples[-lookback:]


def _sighting(observation: Observation) -> Sighting:
    return Sighting(
        time=observation.frame_index,
        location=observation.location_vector,
        pose=observation.pose_vector,
    )


def stacked_samples(tracks: Sequence[Track]) -> tuple[list[Sample], list[int]]:
    """All samples of all tracks, and the row at which each track's begin."""
    samples: list[Sample] = []
    starts: list[int] = []
    for track in tracks:
        starts.append(len(samples))
        samples.extend(track.samples)
    return samples, starts
