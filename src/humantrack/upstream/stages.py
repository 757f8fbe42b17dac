"""A genuine tracker's hooks, a frame at a time, as stages of our pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from humantrack.errors import ResultsError, StageError
from humantrack.results.record import PERSON_KEYS, record_from_phalp
from humantrack.types import (
    POSE_VECTOR_SIZE,
    BackFill,
    Frame,
    FrameKey,
    FrameUpdate,
    Observation,
    TrackedPerson,
)
from humantrack.upstream.genuine import contained


def measurements(frame: Frame) -> list[int]:
    """PHALP's ``measurments``: height, width, padded square's side, and its offset left and top."""
    side = max(frame.height, frame.width)
    return [frame.height, frame.width, side, (side - frame.width) // 2, (side - frame.height) // 2]


def bgr(frame: Frame) -> Any:
    """(H,W,3) uint8 as the genuine hooks take a picture."""
    return np.ascontiguousarray(frame.rgb[..., ::-1])


def detect(phalp: Any, frame: Frame, given: Mapping[Any, Any]) -> tuple[Any, ...]:
    """The seven things that the genuine ``get_detections`` says of a frame.

    Raises:
        StageError: if they are not seven.
    """
    size = measurements(frame)
    found = tuple(phalp.get_detections(bgr(frame), frame.key, frame.index, given, size))
    if len(found) != 7:
        raise StageError(
            f"get_detections gave {len(found)} things, not 7", where=f"frame {frame.source_index}"
        )
    return found


def describe(phalp: Any, frame: Frame, found: Sequence[Any]) -> list[Any]:
    """Bodies and looks of those detections, as PHALP's tracker takes them."""
    boxes, padded, masks, scores, classes, ids, notes = found
    image, size, t = bgr(frame), measurements(frame), frame.index
    extra = phalp.run_additional_models(
        image, boxes, masks, scores, classes, frame.key, t, size, ids, notes
    )
    people: list[Any] = phalp.get_human_features(
        image, masks, boxes, padded, scores, frame.key, classes, t, size, ids, notes, extra
    )
    return people


def observation(data: Mapping[str, Any]) -> Observation:
    """What PHALP knows of one detection (``detection_data``) as ours; without its texture.

    Raises:
        StageError: if something is missing or of another shape.
    """
    person = {key: [data[key]] for key in (*PERSON_KEYS, "bbox") if key in data}
    if np.size(data.get("pose", ())) != POSE_VECTOR_SIZE:  # phalp.pose_distance=joints
        person.pop("pose", None)
    frame = {"time": data["time"], "shot": 0, "tid": [0], "tracked_time": [0], **person}
    try:
        return record_from_phalp(data["img_path"], frame).people[0].observation
    except ResultsError as error:
        raise StageError(f"a genuine detection cannot be stored: {error.what}") from error


class GenuineTracker:
    """The genuine tracker. Implements the ``Tracker`` protocol, on detections of its own sort.

    Args:
        phalp: the genuine class.
        device: where it works.
        quirks: back-fill as PHALP does, defects included (docs/architecture.md).
    """

    def __init__(self, phalp: Any, *, device: str, quirks: bool) -> None:
        self._phalp, self._device, self._quirks = phalp, device, quirks
        self._known: set[int] = set()
        self._peopled: list[int] = []
        self.frame_key: FrameKey = ""
        """Key of the frame that comes next."""

    def reset(self) -> None:
        """A new tracker; ids start at 1 again."""
        self._known, self._peopled = set(), []
        with contained(self._device):
            self._phalp.eval()
            self._phalp.setup_deepsort()

    def update(
        self, frame_index: int, observations: Sequence[Any], *, is_shot_start: bool
    ) -> FrameUpdate:
        """The confirmed tracks after this frame."""
        tracker = self._phalp.tracker
        getattr(tracker, "tracked_cost", {}).clear()  # it would grow with the video
        with contained(self._device):
            tracker.predict()
            tracker.update(list(observations), frame_index, self.frame_key, int(is_shot_start))
        if tracker.tracks:
            self._peopled = [*self._peopled, frame_index][-self._window :]
        # PHALP's own confirm at the second detection if one is enough, and so never in a picture.
        at_once = self._window == 1 and not self._quirks
        confirmed = [track for track in tracker.tracks if at_once or track.is_confirmed()]
        back_fill = [entry for track in confirmed for entry in self._back_fill(track)]
        self._known = {track.track_id for track in confirmed}
        claimed = {id(t.track_data["history"][-1]) for t in confirmed if not t.time_since_update}
        data = [one.detection_data for one in observations]
        return FrameUpdate(
            people=tuple(
                _person(track, track.track_data["history"][-1], track.time_since_update)
                for track in confirmed
            ),
            back_fill=tuple(back_fill),
            others=tuple(observation(one) for one in data if id(one) not in claimed),
        )

    @property
    def _window(self) -> int:
        return int(self._phalp.cfg.phalp.n_init)

    def _back_fill(self, track: Any) -> list[BackFill]:
        """Entries for the detections before the one that confirms a track.

        A history begins with its first detection many times over; each goes to its own frame, once.
        """
        history = list(track.track_data["history"])
        if self._quirks:
            confirms = track.hits == self._window and track.time_since_update == 0
            earlier = dict(zip(self._peopled[-2::-1], history[-2::-1], strict=False))
        else:
            confirms = track.track_id not in self._known
            earlier = {d["time"]: d for d in history if d["time"] != history[-1]["time"]}
        if not confirms:
            return []
        return [
            BackFill(frame_index=int(frame), person=_person(track, data, 0))
            for frame, data in earlier.items()
        ]


def _person(track: Any, data: Mapping[str, Any], missed: int) -> TrackedPerson:
    return TrackedPerson(
        track_id=int(track.track_id), missed=int(missed), observation=observation(data)
    )
