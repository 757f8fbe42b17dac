"""Per-person state across frames: regions to search next, and what is smoothed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from humantrack.blazepose import colours
from humantrack.blazepose.girth import Girth
from humantrack.blazepose.places import Places
from humantrack.blazepose.proportions import Proportions
from humantrack.blazepose.smoothing import LandmarkFilter
from humantrack.blazepose.turn_guard import TurnGuard
from humantrack.geometry.boxes import iou
from humantrack.geometry.pairing import cheapest_pairs
from humantrack.types.arrays import FloatArray, IntArray

FRAMES = 15
"""A person is forgotten after this many frames without being seen."""

HELD_FRAMES = 8
"""A person without a detection is searched for, at the expected place, for this many frames."""

HELD_HITS = 4
"""... provided he was seen in as many."""

OVERLAP = 0.5
"""IoU above which a box continues a remembered person's."""

_OLD_SHARE = 0.3
"""Share of the old side and angle in a new region: world landmarks jump with the region's size."""

_SAME_PLACE, _SAME_SIDE, _SAME_TURN = 0.03, 0.06, 0.1
"""Regions no more apart, in sides, in logarithms of the side and in radians, show the same. Few are
farther apart, so that it seldom matters on which side of these bounds one is."""

_NEW_SPEED = 0.3  # share of the newest movement in the remembered speed
_GATE = 1.0
_REACH, _MORE_REACH = 0.5, 0.1  # heights that somebody may be off, and per frame missed
_NEW_OFFSET, _MOST_OFFSET = 0.3, 0.3
_TURN_AGAIN, _LOOK_AGAIN = 6, 3  # frames until somebody is looked for again where nobody was
_MAX_DISTANCE = 0.75  # a larger colour distance is another person


Pose = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""Box (4,), image landmarks (33,2), world landmarks (33,3) and visibility (33,) of one person."""


class Recent(NamedTuple):
    """One person in a frame that may not be final yet."""

    frame_index: int
    row: int
    is_swapped: bool
    """Whether left and right were changed over; the points are as they were fitted."""

    xy_px: FloatArray
    world: FloatArray
    visibility: FloatArray
    padded_xyxy_px: FloatArray


@dataclass(slots=True)
class Remembered:
    """One person; changes in place and never leaves the estimator."""

    box: FloatArray
    """(4,) last box, px."""

    region: FloatArray
    """(4,) where to look in the next frame."""

    flag: float
    signature: FloatArray
    """(192,) colour signature, slowly renewed."""

    foretold: FloatArray | None = None
    """(4,) what the frame before the last foretold of where to look in the next one."""

    is_foreseeable: bool = True
    """False if what was foretold last was wrong."""

    speed: FloatArray = field(default_factory=lambda: np.zeros(2))
    """(2,) px per frame."""

    missed: int = 0
    """Frames since the person was last seen; 0 = seen in the last frame."""

    hits: int = 1
    score: float = 0.0
    """Of the last box that a detector gave."""

    offset: FloatArray = field(default_factory=lambda: np.zeros(4))
    """(4,) how much larger the detector's boxes are than those round landmarks and silhouette, in
    widths and heights; slowly renewed."""

    last: Pose | None = None
    """Where his landmarks were last."""

    who: int | None = None
    """Number of somebody who was there already when a part of the video began."""

    is_guess: bool = False
    """True if a detector sees him and the landmark network does not."""

    guard: TurnGuard = field(default_factory=TurnGuard)
    smoother: LandmarkFilter = field(default_factory=LandmarkFilter)
    proportions: Proportions | None = None
    girth: Girth = field(default_factory=Girth)
    recent: tuple[Recent, ...] = ()
    """The newest frames, in which left and right may still be put right; oldest first."""

    def is_followed(self, least_flag: float) -> bool:
        """True if he goes on where he was in the last frame."""
        return self.missed == 0 and not self.is_guess and self.flag > least_flag

    def as_detected(self, box: FloatArray) -> FloatArray:
        """A box (4,) round landmarks and silhouette as the detector would have drawn it."""
        return np.asarray(box + self.offset * _twice(box[2:] - box[:2]))

    def compare(self, detected: FloatArray, seen: FloatArray) -> None:
        """Learn how the detector's box differs from that round landmarks and silhouette."""
        size = np.maximum(_twice(seen[2:] - seen[:2]), 1.0)
        off = np.clip((detected - seen) / size, -_MOST_OFFSET, _MOST_OFFSET)
        self.offset = self.offset + _NEW_OFFSET * (off - self.offset)

    def expected_box(self) -> FloatArray:
        """(4,) where the box should be in the coming frame."""
        return np.asarray(self.box + _twice(self._way()))

    def expected_region(self) -> FloatArray:
        """(4,) where the region should be in the coming frame."""
        return self._moved(1)

    def region_ahead(self) -> FloatArray | None:
        """(4,) where the region should be in the frame after the coming one; None: unknown.

        So it is while what is foretold is wrong, as of small people before a camera that shakes.
        """
        return self._ahead() if self.is_foreseeable else None

    def _ahead(self) -> FloatArray | None:
        if self.missed:
            return None
        return self._moved(2)

    def _moved(self, times: int) -> FloatArray:
        """(4,) the region, so many frames on."""
        out = self.region.astype(np.float64)
        out[:2] += times * self._way()
        return np.asarray(out)

    def coming_region(self) -> FloatArray:
        """(4,) where to look in the coming frame.

        It is what was foretold before the last frame was seen, so that the network can be at work
        on two frames of one person at once, unless the last frame shows that it is elsewhere.
        """
        expected = self.expected_region()
        if self.foretold is None or not _is_near(self.foretold, expected):
            return expected
        return self.foretold

    def _way(self) -> FloatArray:
        """(2,) movement since the last sighting; a speed is not to be trusted for longer."""
        return np.asarray(self.speed * min(self.missed + 1, HELD_FRAMES))

    def see(self, box: FloatArray, region: FloatArray, flag: float, signature: FloatArray) -> None:
        """Take what the coming frame shows of this person."""
        ahead, self.foretold = self._ahead(), self.region_ahead()
        move = (box - self.box).reshape(2, 2).mean(axis=0) / (self.missed + 1)
        self.speed = (1 - _NEW_SPEED) * self.speed + _NEW_SPEED * move
        self.signature = colours.blend(self.signature, signature)
        self.box, self.region, self.flag = box, region, flag
        self.missed = 0
        self.hits += 1
        self.is_foreseeable = ahead is None or _is_near(ahead, self.expected_region())

    def begin_again(self) -> None:
        """Forget how the person moved, and how the detector's boxes differ."""
        self.speed, self.offset = np.zeros(2), np.zeros(4)
        self.foretold = None

    def forget_landmarks(self) -> None:
        """Forget what was seen of the person lately, as it was of another's body."""
        self.guard, self.smoother, self.recent = TurnGuard(), LandmarkFilter(), ()

    def is_waiting(self) -> bool:
        """True if it is worth looking for this person where no box is."""
        return self.hits >= HELD_HITS and self.missed < HELD_FRAMES

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on; arrays are shared, as they are never changed."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {
            **plain,
            "proportions": None if self.proportions is None else self.proportions.state_dict(),
            "girth": self.girth.state_dict(),
            "guard": self.guard.state_dict(),
            "smoother": self.smoother.state_dict(),
        }

    @staticmethod
    def of(state: Mapping[str, Any], mean_lengths: FloatArray) -> Remembered:
        """The inverse of ``state_dict``; the mean adult's bone lengths (7,) are no part of it."""
        person = Remembered(**{name: state[name] for name in _PLAIN})
        person.recent = tuple(Recent(*one) for one in state["recent"])
        if state["proportions"] is not None:
            person.proportions = Proportions(mean_lengths)
            person.proportions.load_state_dict(state["proportions"])
        person.girth.load_state_dict(state["girth"])
        person.guard.load_state_dict(state["guard"])
        person.smoother.load_state_dict(state["smoother"])
        return person


_PLAIN = (
    *("box", "region", "flag", "signature", "foretold", "is_foreseeable", "speed", "missed"),
    *("hits", "score", "offset", "last", "who", "is_guess", "recent"),
)
"""Fields of a remembered person that are stored as they are."""


class Memory:
    """The people seen lately, in the order in which they came, and where nobody was."""

    def __init__(self) -> None:
        self.people: list[Remembered] = []
        self.turned_in_vain = Places(_TURN_AGAIN)
        """Where somebody was looked for lying and upside down."""
        self.in_vain = Places(_LOOK_AGAIN)
        """Where a detector saw somebody new and the landmark network nobody."""

    def clear(self) -> None:
        """Forget everybody."""
        self.people = []
        self.turned_in_vain.clear()
        self.in_vain.clear()

    def state_dict(self) -> dict[str, Any]:
        """Everybody, in order."""
        return {
            "people": [p.state_dict() for p in self.people],
            "turned_in_vain": self.turned_in_vain.state_dict(),
            "in_vain": self.in_vain.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any], mean_lengths: FloatArray) -> None:
        """Remember whom another memory did."""
        self.people = [Remembered.of(p, mean_lengths) for p in state["people"]]
        self.turned_in_vain.load_state_dict(state["turned_in_vain"])
        self.in_vain.load_state_dict(state["in_vain"])

    def expected_boxes(self) -> FloatArray:
        """(M,4) boxes in the coming frame."""
        return np.array([p.expected_box() for p in self.people]).reshape(-1, 4)

    def continued_by(self, boxes: FloatArray) -> IntArray:
        """(N,) number of the remembered person whom each box continues, or -1; one to one."""
        overlap = iou(boxes, self.expected_boxes())
        out = np.full(len(boxes), -1)
        for row, column in cheapest_pairs(-overlap):
            if overlap[row, column] > OVERLAP:
                out[row] = column
        return out

    def recognise(self, boxes: FloatArray, signatures: FloatArray) -> IntArray:
        """(N,) number of the remembered person each one is, or -1; one to one.

        Unlike :meth:`continued_by` it weighs colours and size, so it holds where people cross.
        """
        out = np.full(len(boxes), -1)
        if not self.people or not len(boxes):
            return out
        expected = self.expected_boxes()
        distance = colours.distance(
            signatures[:, None], np.array([p.signature for p in self.people])[None]
        )
        height = np.maximum(boxes[:, 3] - boxes[:, 1], 1)
        known = np.maximum(expected[:, 3] - expected[:, 1], 1)
        size = np.abs(np.log(height[:, None] / known[None]))
        cost = 0.5 * (1 - iou(boxes, expected)) + 0.75 * distance + 0.3 * size
        way = (boxes[:, None] - expected[None]).reshape(*cost.shape, 2, 2).mean(axis=2)
        reach = [_REACH + _MORE_REACH * p.missed for p in self.people] * known
        impossible = (distance > _MAX_DISTANCE) | (np.linalg.norm(way, axis=-1) > reach)
        cost[impossible] = 10 * _GATE
        for row, column in cheapest_pairs(cost):
            if cost[row, column] < _GATE:
                out[row] = column
        return out

    def after_frame(self, seen: Sequence[Remembered]) -> None:
        """Age those who were not ``seen``, forget the old and add the new."""
        here = {id(person) for person in seen}
        for person in self.people:
            if id(person) not in here:
                person.missed += 1
                person.guard.lose()
        self.turned_in_vain.after_frame()
        self.in_vain.after_frame()
        known = {id(person) for person in self.people}
        self.people = [p for p in self.people if p.missed < FRAMES]
        self.people += [p for p in seen if id(p) not in known]


def _twice(xy: FloatArray) -> FloatArray:
    """(2,) -> (4,) for both corners of a box."""
    return np.concatenate([xy, xy])


def _is_near(region: FloatArray, other: FloatArray) -> bool:
    """Whether two regions show the network the same of a person."""
    side = other[2]
    turn = (region[3] - other[3] + np.pi) % (2 * np.pi) - np.pi
    return bool(
        np.hypot(*(region[:2] - other[:2])) < _SAME_PLACE * side
        and abs(np.log(max(region[2], 1) / max(side, 1))) < _SAME_SIDE
        and abs(turn) < _SAME_TURN
    )


def calmed(region: FloatArray, old: FloatArray) -> FloatArray:
    """A region whose side and angle keep a share of the old; the centre is free."""
    out = region.copy()
    out[2] += _OLD_SHARE * (old[2] - region[2])
    turn = (old[3] - region[3] + np.pi) % (2 * np.pi) - np.pi
    out[3] += _OLD_SHARE * turn
    return out
