"""PHALP's tracker: gives every person of a video an identity, one frame at a time.

Per frame: every track, tentative ones too, is compared with every detection by location, pose and
looks (``cost``), as it was expected to look in this frame; the cheapest assignment wins
(``assignment``). A matched track takes the detection in; an unmatched tentative track ends at
once, an unmatched confirmed one after ``max_age`` frames; an unmatched detection starts a track.
Then each track's next location and pose are forecast (``location``, ``pose``).

A track is confirmed by its ``n_init``-th detection, and reported from then on in every frame until
it ends, also while nobody is seen. The frames before are filled in afterwards (``back_fill``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from humantrack.errors import ConfigError, StageError
from humantrack.tracking.assignment import assign
from humantrack.tracking.colour import colour_component
from humantrack.tracking.cost import AssociationCost, SampleBatch, code_distances
from humantrack.tracking.location import forecast_locations, is_forecastable
from humantrack.tracking.memory import LooksMemory, score
from humantrack.tracking.pose import HoldPose, PoseForecaster
from humantrack.tracking.state import track_from_dict, track_to_dict
from humantrack.tracking.texture import Embedder, PairEmbedder, UvEncoder
from humantrack.tracking.track import Track, TrackState, stacked_samples
from humantrack.types import BackFill, FrameUpdate, Observation, TrackedPerson
from humantrack.types.arrays import FloatArray, IntArray

APPEARANCES = ("phalp", "colour")
STATE_VERSION = 1


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
        predict: letters of what is compared: T texture maps or A appearance codes, P forecast
            poses and L forecast locations (else the newest).
        distance_type: EQ_019, EQ_010 or a single component (see ``cost``).
        pose_distance: 'smpl' or 'joints' (with the camera).
        threshold: pairs that cost more are never matched.
        n_init: detections that confirm a track, 1 or more.
        max_age: frames for which a confirmed track outlives its last detection.
        track_history: detections that forecasts are made from, 3 or more.
        past_lookback: frames of a track's past that are compared; the best counts.
        alpha: share of a new texture in a track's memory.
        encoder: (B,4,256,256) texture maps -> (B,4096) codes; needed for T.
        embedder: compares textures in another way than by ``encoder``.
        pose_forecaster: default holds the newest pose.
        start_score: weaker detections may continue a track but start none.
        appearance: 'phalp' codes, or 'colour' signatures in their first 192 numbers.
        colour_weight: appearance component of two people without a colour in common.
        max_colour_distance: pairs further apart in colour (0..1) are never matched.
        colour_rate: share of new colours in a track's memory.
        colour_min_score: colours of weaker detections are not remembered.
        pose_weight: factor on PHALP's pose term.
        location_weight: factor on PHALP's location exponent.
        depth_weight: factor on PHALP's depth exponent.
        reference_quirks: behave exactly like the genuine program, defects included.

    Raises:
        ConfigError: if an argument is out of range or unknown.
    """

    def __init__(
        self,
        *,
        predict: str = "TPL",
        distance_type: str = "EQ_019",
        pose_distance: str = "smpl",
        threshold: float = 100.0,
        n_init: int = 5,
        max_age: int = 50,
        track_history: int = 7,
        past_lookback: int = 1,
        alpha: float = 0.1,
        encoder: UvEncoder | None = None,
        embedder: Embedder | None = None,
        pose_forecaster: PoseForecaster | None = None,
        start_score: float = 0.0,
        appearance: str = "phalp",
        colour_weight: float = 7.0,
        max_colour_distance: float = 0.75,
        colour_rate: float = 0.1,
        colour_min_score: float = 0.4,
        pose_weight: float = 1.0,
        location_weight: float = 1.0,
        depth_weight: float = 1.0,
        reference_quirks: bool = False,
    ) -> None:
        _check_letters("letter to predict", predict, "TAPL")
        _check_known("appearance", appearance, APPEARANCES)
        _check_at_least("threshold", threshold, 0)
        _check_at_least("n_init", n_init, 1)
        _check_at_least("max_age", max_age, 0)
        _check_at_least("track_history", track_history, 3)
        _check_at_least("past_lookback", past_lookback, 1)
        by_colour = appearance == "colour"
        if embedder is None and encoder is not None:
            embedder = PairEmbedder(encoder)
        self._cost = AssociationCost(
            predict=predict,
            distance_type=distance_type,
            pose_distance=pose_distance,
            code_distance=colour_component(colour_weight, max_colour_distance)
            if by_colour
            else code_distances,
            embedder=embedder,
            pose_weight=pose_weight,
            location_weight=location_weight,
            depth_weight=depth_weight,
            nan_matches=reference_quirks,
        )
        self._memory = LooksMemory(
            uses_texture="T" in predict,
            alpha=alpha,
            colour_rate=colour_rate if by_colour else None,
            colour_min_score=colour_min_score,
        )
        self._pose_forecaster = pose_forecaster or HoldPose()
        self._predict, self._threshold, self._start_score = predict, threshold, start_score
        self._n_init, self._max_age = n_init, max_age
        self._track_history, self._past_lookback = track_history, past_lookback
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
        for row, column in matches:
            confirms = before[row].extend(
                observations[column],
                self._memory,
                n_init=self._n_init,
                is_certain=_has_annotation(observations[column]),
                is_shot_start=is_shot_start,
            )
            back_fill += self._back_fill(before[row], confirms)
        for row in set(range(len(before))) - {row for row, _ in matches}:
            before[row].miss(self._max_age)
        taken = {column for _, column in matches}
        born = self._births([o for i, o in enumerate(observations) if i not in taken])
        alive = [t for t in before if t.state is not TrackState.GONE]
        self._forecast(alive, frame_index)
        self._tracks = [*alive, *born]
        if self._tracks and self._quirks:
            self._peopled_frames = [*self._peopled_frames, frame_index][-self._n_init :]
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
        samples, starts = stacked_samples(self._tracks)
        cost = self._cost(
            SampleBatch.stack(samples),
            SampleBatch.stack([self._memory.first(o) for o in observations]),
            is_shot_start=is_shot_start,
            # The genuine NaN may come from a texture that is then not worth comparing.
            threshold=np.inf if self._quirks else self._threshold,
        )
        found = assign(np.minimum.reduceat(cost, starts, axis=0), self._threshold)
        return found.cost, found.matches

    def _births(self, observations: Sequence[Observation]) -> list[Track]:
        born = []
        for observation in observations:
            if score(observation) < self._start_score:
                continue
            at_once = self._n_init == 1 and not self._quirks
            track = Track.born(
                self._next_id,
                observation,
                self._memory,
                history=self._track_history,
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
            confirms = track.hits == self._n_init
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
        poses = np.stack([t.newest.pose_vector for t in tracks])
        if "P" in self._predict:
            history = np.array([[s.pose for s in t.history] for t in tracks])
            poses = self._pose_forecaster.forecast(history, times, missed)
        locations = np.array([[s.location for s in t.history] for t in tracks])
        next_locations = locations[:, -1]
        if "L" in self._predict:
            next_locations = self._forecast_locations(locations, times, missed, frame_index)
        for track, location, pose in zip(tracks, next_locations, poses, strict=True):
            track.expect(location, pose, lookback=self._past_lookback)

    def _forecast_locations(
        self, locations: FloatArray, times: IntArray, missed: IntArray, frame_index: int
    ) -> FloatArray:
        """Where no line can be fitted, a track is expected where it was last seen."""
        forecast = forecast_locations(locations, times, missed)
        if not self._quirks:
            fits = is_forecastable(locations, times)
            return np.where(fits[:, None], forecast, locations[:, -1])
        if not (locations[..., 92] > 0).all():
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
        """Continue where a tracker with the same arguments stood.

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


def _has_annotation(observation: Observation) -> bool:
    given = observation.annotation
    return given is not None and not (hasattr(given, "__len__") and len(given) == 0)


def _check_known(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"unknown {what}", where=value, hint=f"known are {', '.join(known)}")


def _check_letters(what: str, letters: str, known: str) -> None:
    for letter in letters:
        _check_known(what, letter, known)


def _check_at_least(name: str, value: float, least: int) -> None:
    if not value >= least:
        raise ConfigError(f"{name} must be at least {least}", where=value)
