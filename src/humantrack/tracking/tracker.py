"""The tracker: gives every person of a video an identity, one frame at a time.

Per frame, as in PHALP: every track, tentative ones too, is compared with every detection by
location, pose and appearance (``cost``), as it was expected to look in this frame; the cheapest
assignment wins (``assignment``). Or tracks are associated by boxes and colours in several stages
(``box_association``), where PHALP's cues are too weak. A matched track takes the detection in; an
unmatched tentative track ends at once, an unmatched confirmed one after ``max_age`` frames; an
unmatched detection starts a track.
Then each track's next location and pose are forecast (``location``, ``pose``).

A track is confirmed by its ``n_init``-th detection, and reported from then on in every frame until
it ends, also while nobody is seen. The frames before are filled in afterwards (``back_fill``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from humantrack.errors import ConfigError, StageError
from humantrack.tracking.assignment import assign
from humantrack.tracking.box_association import associate, crowded, newcomers
from humantrack.tracking.box_motion import BoxMotion
from humantrack.tracking.colour import colour_component
from humantrack.tracking.cost import AssociationCost, SampleBatch, code_distances
from humantrack.tracking.fields import Location
from humantrack.tracking.location import forecast_locations, is_forecastable
from humantrack.tracking.memory import AppearanceMemory, score
from humantrack.tracking.options import AppearanceOptions, AssociationOptions, LifeOptions
from humantrack.tracking.pose import PoseForecaster
from humantrack.tracking.state import track_from_dict, track_to_dict
from humantrack.tracking.texture import Embedder
from humantrack.tracking.track import Track, TrackState, stacked_samples
from humantrack.types import BackFill, FrameUpdate, Observation, TrackedPerson
from humantrack.types.arrays import FloatArray, IntArray

STATE_VERSION = 2

_ASSOCIATION, _LIFE, _APPEARANCE = AssociationOptions(), LifeOptions(), AppearanceOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """What happened in the last frame, for tests and for whoever asks why."""

    track_ids: tuple[int, ...] = ()
    """Tracks before the frame: the rows of ``cost``."""

    cost: FloatArray | None = None
    """(T,D) gated costs; None if there were no tracks or no detections."""

    matches: tuple[tuple[int, int], ...] = ()
    """(track id, index of the detection)"""

    born: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()


class PhalpTracker:
    """PHALP's tracker. Ids count from 1 in every run, in the order of the detections.

    Given identities (``Observation.gt_id``) are carried along, never used; a detection with an
    annotation is confirmed at once. Unlike the genuine program: a NaN never matches; a depth that
    is not positive matches nobody and fails nothing; a person is back-filled once, where he was
    seen; ``n_init`` = 1 confirms at once; a person seen once can be found again.

    Args:
        association: how tracks and detections are compared.
        life: when a track begins, counts and ends.
        appearance: what a person's appearance is.
        embedder: compares texture maps; needed if ``predict`` has a T.
        pose_forecaster: default holds the newest pose.
        reference_quirks: behave exactly like the genuine program, defects included.

    Raises:
        ConfigError: for T without an embedder, or association by boxes without colours.
    """

    def __init__(
        self,
        association: AssociationOptions = _ASSOCIATION,
        life: LifeOptions = _LIFE,
        appearance: AppearanceOptions = _APPEARANCE,
        *,
        embedder: Embedder | None = None,
        pose_forecaster: PoseForecaster | None = None,
        reference_quirks: bool = False,
    ) -> None:
        by_colour = appearance.kind == "colour"
        self._by_boxes = association.method == "boxes"
        if self._by_boxes and not by_colour:
            raise ConfigError("association by boxes needs colour signatures", where=appearance.kind)
        self._cost = AssociationCost(
            predict=association.predict,
            distance_type=association.distance_type,
            pose_distance=association.pose_distance,
            code_distance=colour_component() if by_colour else code_distances,
            embedder=embedder,
            nan_matches=reference_quirks,
        )
        self._memory = AppearanceMemory(
            uses_texture="T" in association.predict, alpha=appearance.alpha, by_colour=by_colour
        )
        self._remembers_not = replace(self._memory, rate=0.0)
        self._pose_forecaster = pose_forecaster if "P" in association.predict else None
        self._options, self._life = association, life
        self._quirks = reference_quirks
        self.reset()

    def reset(self) -> None:
        """Forget everything; ids start at 1 again."""
        self._tracks: list[Track] = []
        self._next_id = 1
        self._peopled_frames: list[int] = []
        self._association = Association()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The live tracks; to look at, not to touch."""
        return tuple(self._tracks)

    @property
    def association(self) -> Association:
        """What happened in the last frame."""
        return self._association

    def update(
        self, frame_index: int, observations: Sequence[Observation], *, is_shot_start: bool
    ) -> FrameUpdate:
        """The confirmed tracks after this frame; to be called for every frame, also empty ones.

        Raises:
            StageError: if textures are compared and an observation has none; with
                ``reference_quirks`` also if a track comes to hold a depth that is not positive.
        """
        for track in self._tracks:
            track.grow_older()
        cost, matches = self._match(observations, is_shot_start)
        before = self._tracks
        back_fill: list[BackFill] = []
        memories = self._memories(observations)
        for row, column in matches:
            confirms = before[row].extend(
                observations[column],
                memories[column],
                n_init=self._life.n_init,
                is_certain=_has_annotation(observations[column]),
                is_shot_start=is_shot_start,
            )
            back_fill += self._back_fill(before[row], confirms)
        for row in set(range(len(before))) - {row for row, _ in matches}:
            before[row].miss(self._life.max_age_track)
        starts = self._starts(observations, [column for _, column in matches])
        born = self._births([observations[i] for i in starts])
        alive = [t for t in before if t.state is not TrackState.GONE]
        if not self._by_boxes or self._quirks:  # boxes are expected in a way of their own
            self._forecast(alive, frame_index)
        for track in alive:
            track.forget(self._options.past_lookback)
        self._tracks = [*alive, *born]
        if self._by_boxes:
            _follow_boxes(self._tracks, is_shot_start=is_shot_start)
        if self._tracks and self._quirks:
            self._peopled_frames = [*self._peopled_frames, frame_index][-self._life.n_init :]
        self._association = Association(
            track_ids=tuple(t.id for t in before),
            cost=cost,
            matches=tuple((before[row].id, column) for row, column in matches),
            born=tuple(t.id for t in born),
            gone=tuple(t.id for t in before if t.state is TrackState.GONE),
        )
        people = tuple(
            TrackedPerson(track_id=t.id, missed=t.missed, observation=t.newest)
            for t in self._tracks
            if t.state is TrackState.CONFIRMED
        )
        return FrameUpdate(people=people, back_fill=tuple(back_fill))

    def _match(
        self, observations: Sequence[Observation], is_shot_start: bool
    ) -> tuple[FloatArray | None, tuple[tuple[int, int], ...]]:
        if not self._tracks or not observations:
            return None, ()
        if self._by_boxes:
            return associate(
                self._tracks, observations, strong=self._life.low_th_c, is_shot_start=is_shot_start
            )
        samples, starts = stacked_samples(self._tracks)
        cost = self._cost(
            SampleBatch.stack(samples),
            SampleBatch.stack([self._memory.first(o) for o in observations]),
            is_shot_start=is_shot_start,
            # The genuine NaN may come from a texture that is then not worth comparing.
            threshold=np.inf if self._quirks else self._options.hungarian_th,
        )
        found = assign(np.minimum.reduceat(cost, starts, axis=0), self._options.hungarian_th)
        return found.cost, found.matches

    def _memories(self, observations: Sequence[Observation]) -> list[AppearanceMemory]:
        """What blends each detection's looks: not those of somebody else in front."""
        if not self._by_boxes or not observations:
            return [self._memory] * len(observations)
        return [
            self._remembers_not if mixed else self._memory
            for mixed in crowded(observations).tolist()
        ]

    def _starts(self, observations: Sequence[Observation], taken: list[int]) -> list[int]:
        """Detections that start a track."""
        enough = [score(o) >= self._life.low_th_c for o in observations]
        if self._by_boxes:
            return newcomers(observations, taken, enough.__getitem__)
        return [i for i, may in enumerate(enough) if may and i not in set(taken)]

    def _births(self, observations: Sequence[Observation]) -> list[Track]:
        born = []
        for observation in observations:
            at_once = self._life.n_init == 1 and not self._quirks
            track = Track.born(
                self._next_id,
                observation,
                self._memory,
                history=self._life.track_history,
                is_confirmed=at_once or _has_annotation(observation),
            )
            self._next_id += 1
            born.append(track)
        return born

    def _back_fill(self, track: Track, confirms: bool) -> list[BackFill]:
        """Entries for the detections before the one that confirms a track.

        The genuine program counts detections even of tracks confirmed (and stored) from birth, and
        takes it that they were seen in each of the last frames that had any track.
        """
        earlier = track.recent[:-1]
        frames = [o.frame_index for o in earlier]
        if self._quirks:
            confirms = track.hits == self._life.n_init
            frames = self._peopled_frames[-len(earlier) :]
        if not confirms:
            return []
        return [
            BackFill(
                frame_index=frame,
                person=TrackedPerson(track_id=track.id, missed=0, observation=observation),
            )
            for frame, observation in zip(frames, earlier, strict=True)
        ]

    def _forecast(self, tracks: Sequence[Track], frame_index: int) -> None:
        if not tracks:
            return
        times = np.array([[s.time for s in t.history] for t in tracks])
        missed = np.array([t.missed for t in tracks])
        poses: Iterable[FloatArray] = [t.newest.pose_vector for t in tracks]
        if self._pose_forecaster is not None:
            history = np.array([[s.pose for s in t.history] for t in tracks])
            poses = self._pose_forecaster.forecast(history, times, missed)
        locations = np.concatenate([s.location for t in tracks for s in t.history])
        locations = locations.reshape(*times.shape, Location.SIZE)
        next_locations = locations[:, -1]
        if "L" in self._options.predict:
            next_locations = self._forecast_locations(locations, times, missed, frame_index)
        for track, location, pose in zip(tracks, next_locations, poses, strict=True):
            track.expect(location, pose)

    def _forecast_locations(
        self, locations: FloatArray, times: IntArray, missed: IntArray, frame_index: int
    ) -> FloatArray:
        """Where no line can be fitted, a track is expected where it was last seen."""
        forecast = forecast_locations(locations, times, missed)
        if not self._quirks:
            fits = is_forecastable(locations, times)
            return np.where(fits[:, None], forecast, locations[:, -1])
        if not (locations[..., Location.DEPTH] > 0).all():
            raise StageError("a depth is not positive", where=f"frame {frame_index}")
        return forecast

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on, as plain containers and numpy arrays."""
        return {
            "version": STATE_VERSION,
            "next_id": self._next_id,
            "peopled_frames": list(self._peopled_frames),
            "tracks": [track_to_dict(t) for t in self._tracks],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a tracker with the same arguments.

        Raises:
            ConfigError: if the state is of another version.
        """
        if state.get("version") != STATE_VERSION:
            raise ConfigError(
                "this tracker state is of another version", where=state.get("version")
            )
        self.reset()
        self._next_id = state["next_id"]
        self._peopled_frames = list(state["peopled_frames"])
        self._tracks = [track_from_dict(t) for t in state["tracks"]]


def _follow_boxes(tracks: Sequence[Track], *, is_shot_start: bool) -> None:
    """Take this frame's boxes in, and expect the next."""
    if not tracks:
        return
    boxes = np.array([t.newest.xyxy_px for t in tracks])
    is_seen = np.array([t.missed == 0 for t in tracks])
    known = [
        BoxMotion.first(box) if t.motion is None or (is_shot_start and t.missed == 0) else t.motion
        for t, box in zip(tracks, boxes, strict=True)
    ]
    goes_on = is_seen & np.array([m is t.motion for m, t in zip(known, tracks, strict=True)])
    motion = BoxMotion.stack(known)
    if goes_on.any():
        seen = motion.seen(boxes)
        motion.mean[goes_on] = seen.mean[goes_on]
        motion.covariance[goes_on] = seen.covariance[goes_on]
    for track, expected in zip(tracks, motion.ahead(is_seen=is_seen).each(), strict=True):
        track.motion = expected


def _has_annotation(observation: Observation) -> bool:
    given = observation.annotation
    return given is not None and not (hasattr(given, "__len__") and len(given) == 0)
