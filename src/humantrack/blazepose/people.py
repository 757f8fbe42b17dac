"""Associates the detector's boxes with remembered people, and finds landmarks for both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from humantrack.blazepose import colours, guesses
from humantrack.blazepose.boxes import round_bodies
from humantrack.blazepose.candidates import PERSON, Candidates, similarity
from humantrack.blazepose.look_ahead import LookAhead
from humantrack.blazepose.memory import Memory, Remembered
from humantrack.blazepose.network import Landmarks
from humantrack.geometry.boxes import area, iou
from humantrack.types import Detections, Frame, JointSource
from humantrack.types.arrays import BoolArray, ByteArray, FloatArray, IntArray

STRONG = 0.4
"""A box of a lower score is only believed where somebody remembered is expected."""

CERTAIN = 0.6
"""A box of this score is a person even if the landmark network says that nobody is there."""

HELD_SCORE = 0.3
"""Score given to a person found without a box."""

_ALIKE = 0.6
"""Landmarks more alike are of the same body."""

_HELD_FLAG = 0.7
_HELD_DISTANCE = 0.5
_SAME_HELD = 0.35
_ALREADY_THERE = 0.4
"""A box that overlaps somebody's so much, or of which one lies in the other by ``_INSIDE``, is no
further person."""
_INSIDE = 0.6

Look = Callable[[Frame, FloatArray | None], Detections]
"""A frame -> everybody in it, whatever the detector's schedule; (N,4) boxes near which people may
be, None = anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """N people found in a frame."""

    landmarks: Landmarks

    box: FloatArray
    """(N,4) the detector's box, or one round the landmarks and silhouette."""

    score: FloatArray
    """(N,)"""

    source: IntArray
    """(N,) row of the detections, or -1."""

    guess: IntArray
    """(N,) a ``JointSource``: SEEN, or HELD and MADE_UP where the network sees nobody."""

    signature: FloatArray
    """(N,192) colour signatures."""

    is_fresh: BoolArray
    """(N,) whether nothing of earlier frames tells in the landmarks."""

    has_strayed: BoolArray
    """(N,) who are seen in their own box again, after they were followed to another's body."""


def find_people(
    search: Search,
    detections: Detections,
    *,
    strong: float = STRONG,
    look: Look | None = None,
    afresh: bool = False,
) -> tuple[Sightings, Detections]:
    """Landmarks of everybody in a frame, each body once.

    Boxes given by a user are all kept as they are; a detector's are checked: those below the
    score ``strong`` must continue somebody. Where the detector rested, people go on where they
    were; if somebody is lost so, ``look`` is asked. Those with a box who go on are looked at as if
    for the first time if it is ``afresh``, unless that shows something else.

    Returns:
        The people, and the detections that ``Sightings.source`` refers to.
    """
    followed = search.followed()
    if detections.gt_id is not None or detections.annotation is not None:
        return search.given(detections, followed, afresh=afresh), detections
    if not detections.looked:
        kept, numbers = search.distinct(followed)
        is_clear = len(numbers) == len(followed) and not search.are_mixed(kept)
        if look is None or is_clear:
            return search.rested(kept, numbers), detections
        near = [p.expected_box() for p in search.memory.people]
        detections = look(search.frame, np.array(near).reshape(-1, 4))
    return search.looked(detections, followed, strong, afresh=afresh), detections


class Search:
    """The search in one frame.

    Those followed are looked for from the beginning on, while the caller does something else; the
    memory's regions, boxes and flags must be those after the frame before.

    Args:
        ahead: the network, at work on this frame already.
        memory: the people of the frames before.
    """

    def __init__(self, ahead: LookAhead, memory: Memory) -> None:
        self.frame, self.memory = ahead.frame, memory
        self._rgb = self.frame.rgb
        self._size = self.frame.height, self.frame.width
        self._looker, self._ahead = ahead.looker, ahead
        people = memory.people
        numbers = [i for i, p in enumerate(people) if p.is_followed(PERSON)]
        regions = [people[i].coming_region() for i in numbers]
        rows = [ahead.row_of(people[i], at) for i, at in zip(numbers, regions, strict=True)]
        self._rows = {i: row for i, row in zip(numbers, rows, strict=True) if row is not None}
        self._numbers = [i for i in numbers if i not in self._rows]
        at = np.array([at for at, row in zip(regions, rows, strict=True) if row is None])
        self._looking = self._looker.begin(at.reshape(-1, 4))
        self._together = self._looker.nobody()
        """Those followed, once they are found."""

    def followed(self) -> dict[int, Candidates]:
        """What is where people seen in the last frame are expected; by their numbers."""
        parts = [self._ahead.landmarks(list(self._rows.values())), self._looking.landmarks()]
        found = Landmarks.concatenate(parts)
        numbers = [*self._rows, *self._numbers]
        order = np.argsort(np.array(numbers, np.intp))
        box = np.array([self.memory.people[number].expected_box() for number in numbers])
        guess = np.full(len(numbers), int(JointSource.SEEN))
        together = Candidates(landmarks=found, box=box.reshape(-1, 4), guess=guess)
        self._together = together[order]
        return dict(zip(sorted(numbers), self._together.each(), strict=True))

    def given(
        self, detections: Detections, followed: dict[int, Candidates], *, afresh: bool
    ) -> Sightings:
        """One person for each box."""
        boxes = detections.xyxy_px.astype(np.float64)
        before = _by_row(self.memory.continued_by(boxes), followed)
        found = self._looker.at_boxes(boxes, before)
        strayed = self._looker.have_strayed(found, before)
        fresh = np.zeros(len(boxes), bool)
        if afresh:
            found, fresh = self._afresh(found)
        sightings = self._sightings(found, detections.score, np.arange(len(boxes)))
        return replace(sightings, is_fresh=fresh, has_strayed=strayed)

    def _afresh(self, found: Candidates) -> tuple[Candidates, BoolArray]:
        """The same people as their boxes alone show them, and which of them are."""
        again = self._looker.at_boxes(found.box, {})
        alike = np.diagonal(similarity(again.landmarks, found.landmarks)) > _ALIKE
        alike = alike & self._looker.credible(again)
        n = len(found)
        return self._looker.join([found, again])[np.arange(n) + n * alike], alike

    def distinct(self, followed: dict[int, Candidates]) -> tuple[Candidates, list[int]]:
        """Those of the people followed who are where they were expected, and their numbers."""
        found = self._together
        kept, lost = self._looker.distinct(found, np.ones(len(found)))
        return kept, [number for row, number in enumerate(followed) if row not in lost]

    def are_mixed(self, kept: Candidates) -> bool:
        """Whether it is not clear who of the people followed is where."""
        return self._looker.are_mixed(kept)

    def rested(self, kept: Candidates, numbers: list[int]) -> Sightings:
        """Those who go on where they were, and those who were lost a moment ago."""
        people = [self.memory.people[n] for n in numbers]
        boxes = round_bodies(kept.landmarks, *self._size)
        boxes = np.array([p.as_detected(b) for p, b in zip(people, boxes, strict=True)])
        kept = replace(kept, box=self._clipped(boxes.reshape(-1, 4)))
        score = np.array([p.score for p in people])
        guessed = [p for p in self.memory.people if p.is_guess and p.missed == 0]
        for person in guessed:
            kept = self._looker.join([kept, self._guess(person.expected_box(), person)])
        score = np.concatenate([score, [p.score for p in guessed]])
        held = self._held(kept, [p for p in self.memory.people if p.missed and p.is_waiting()])
        kept = self._looker.join([kept, held])
        score = np.concatenate([score, np.full(len(held), HELD_SCORE)])
        there = np.flatnonzero(area(kept.box) > 0)
        return self._sightings(kept[there], score[there], np.full(len(there), -1))

    def looked(
        self,
        detections: Detections,
        followed: dict[int, Candidates],
        strong: float,
        *,
        afresh: bool,
    ) -> Sightings:
        """Everybody whom the detector's boxes show, and those who are held without one."""
        rows = self._believable(detections, strong)
        boxes = detections.xyxy_px[rows].astype(np.float64)
        score = detections.score[rows].astype(np.float64)
        known = self.memory.continued_by(boxes)
        before = _by_row(known, followed)
        found = self._looker.at_boxes(boxes, before)
        strayed = self._looker.have_strayed(found, before)
        fresh = np.zeros(len(boxes), bool)
        if afresh:
            found, fresh = self._afresh(found)
        people = [self.memory.people[n] if n >= 0 else None for n in known]
        is_new = known < 0
        found, tried = self._looker.turned(
            found, may=~self.memory.turned_in_vain.has(boxes), is_new=is_new
        )
        self.memory.turned_in_vain.add(boxes[tried])
        ghosts = self._looker.ghosts(found, is_new)
        bodies = np.setdiff1d(np.arange(len(rows)), ghosts)
        self.memory.in_vain.add(boxes[ghosts])
        rows, boxes, score, found = rows[bodies], boxes[bodies], score[bodies], found[bodies]
        fresh, strayed, people = fresh[bodies], strayed[bodies], [people[i] for i in bodies]
        kept, lost = self._looker.distinct(found, score)
        stays = np.setdiff1d(np.arange(len(rows)), lost)
        self.memory.in_vain.add(boxes[lost[[people[i] is None for i in lost]]])
        source, score_kept = rows[stays], score[stays]
        for row in lost[np.argsort(-score[lost], kind="stable")]:
            if score[row] >= CERTAIN and not self._is_taken(boxes[row], kept.box):
                kept = self._looker.join([kept, self._guess(boxes[row], people[row])])
                source = np.append(source, rows[row])
                score_kept = np.append(score_kept, score[row])
        waiting = [p for i, p in enumerate(self.memory.people) if i not in known and p.is_waiting()]
        held = self._held(kept, waiting, followed)
        kept = self._looker.join([kept, held])
        score_kept = np.concatenate([score_kept, np.full(len(held), HELD_SCORE)])
        source = np.concatenate([source, np.full(len(held), -1)])
        others = np.zeros(len(source) - len(stays), bool)
        return replace(
            self._sightings(kept, score_kept, source),
            is_fresh=np.concatenate([fresh[stays], others]),
            has_strayed=np.concatenate([strayed[stays], others]),
        )

    def _believable(self, detections: Detections, strong: float) -> IntArray:
        """Rows of the strong boxes, and of the weak ones that continue somebody.

        One that is not certain, and in which nobody was seen a moment ago, is let be.
        """
        is_strong = detections.score >= np.float32(strong)
        is_vain = self.memory.in_vain.has(detections.xyxy_px) & (detections.score < CERTAIN)
        continues = self.memory.continued_by(detections.xyxy_px) >= 0
        return np.flatnonzero((is_strong & ~is_vain) | continues)

    def _guess(self, box: FloatArray, person: Remembered | None) -> Candidates:
        """Somebody whom the network does not see: as last seen, or standing."""
        last = None if person is None else person.last
        if last is None:
            landmarks, kind = guesses.standing(box), JointSource.MADE_UP
        else:
            landmarks, kind = guesses.moved(box, *last), JointSource.HELD
        return Candidates(landmarks=landmarks, box=box[None], guess=np.array([int(kind)]))

    @staticmethod
    def _is_taken(box: FloatArray, others: FloatArray) -> bool:
        if not len(others):
            return False
        low = np.maximum(box[:2], others[:, :2])
        high = np.minimum(box[2:], others[:, 2:])
        smaller = np.maximum(np.minimum(area(box[None])[0], area(others)), 1e-9)
        common = np.prod(np.maximum(high - low, 0), axis=1) / smaller
        return bool(np.any((iou(box[None], others)[0] > _ALREADY_THERE) | (common > _INSIDE)))

    def _held(
        self,
        others: Candidates,
        waiting: list[Remembered],
        followed: dict[int, Candidates] | None = None,
    ) -> Candidates:
        """Remembered people who got no box, where they are expected."""
        if not waiting:
            return self._looker.nobody()
        number = {id(p): i for i, p in enumerate(self.memory.people)}
        known = [(followed or {}).get(number[id(p)]) for p in waiting]
        fresh = [p for p, k in zip(waiting, known, strict=True) if k is None]
        at = np.array([p.expected_region() for p in fresh]).reshape(-1, 4)
        box = np.array([p.expected_box() for p in fresh]).reshape(-1, 4)
        looked = iter(self._looker.at_regions(at, box).each())
        found = self._looker.join([next(looked) if k is None else k for k in known])
        marks = found.landmarks
        same, among = similarity(marks, others.landmarks), similarity(marks, marks)
        kept: list[int] = []
        for i, person in enumerate(waiting):
            signature = colours.signature(self._rgb, marks.xy_px[i])
            if (
                marks.flag[i] > _HELD_FLAG
                and np.all(same[i] < _SAME_HELD)
                and all(among[i, k] < _SAME_HELD for k in kept)
                and colours.distance(signature, person.signature) < _HELD_DISTANCE
            ):
                kept.append(i)
        found = found[kept]
        found = replace(found, box=round_bodies(found.landmarks, *self._size))
        return found[np.flatnonzero(area(found.box) > 0)]

    def _clipped(self, boxes: FloatArray) -> FloatArray:
        height, width = self._size
        return np.clip(boxes, 0, [width, height, width, height])

    def _sightings(self, found: Candidates, score: FloatArray, source: IntArray) -> Sightings:
        found = self._looker.apart(found)
        return Sightings(
            landmarks=found.landmarks,
            box=found.box,
            score=np.asarray(score, np.float64),
            source=source,
            guess=found.guess,
            signature=_signatures(self._rgb, found.landmarks),
            is_fresh=np.zeros(len(source), bool),
            has_strayed=np.zeros(len(source), bool),
        )


def _by_row(known: IntArray, followed: dict[int, Candidates]) -> dict[int, Candidates]:
    """What was seen already of the person whom each row's box continues."""
    return {row: followed[n] for row, n in enumerate(known) if n in followed}


def _signatures(rgb: ByteArray, landmarks: Landmarks) -> FloatArray:
    signatures = [colours.signature(rgb, xy) for xy in landmarks.xy_px]
    return np.array(signatures, np.float32).reshape(-1, colours.SIGNATURE_SIZE)
