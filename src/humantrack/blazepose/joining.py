"""Bodies of people who are followed from one part of a video into the next, made again in order.

Where somebody is follows from the last seconds. How long his bones are follows from all the time
that he was seen, so a part that begins in the middle cannot know it. Its people are therefore
told with the landmarks that their bodies were made of, and get bodies of the right lengths when
the parts are joined. People who come within a part need none of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from humantrack.blazepose.fit import Seen, fit_bodies
from humantrack.blazepose.girth import Girth
from humantrack.blazepose.memory import Remembered
from humantrack.blazepose.proportions import Proportions, picture_scale
from humantrack.blazepose.trust import joint_trust
from humantrack.body import Mannequin
from humantrack.body.shape import betas_from_lengths, bone_lengths
from humantrack.geometry.boxes import iou
from humantrack.geometry.pairing import cheapest_pairs
from humantrack.types import JointSource, Observation, Revision, Settled
from humantrack.types.arrays import FloatArray, IntArray

_SAME = 0.5
"""IoU above which two parts speak of one person, of whom both have seen the same last frames."""


@dataclass(slots=True)
class Shape:
    """What is known of one person's shape."""

    proportions: Proportions
    girth: Girth

    def state_dict(self) -> dict[str, Any]:
        """All that the next frame depends on."""
        return {"proportions": self.proportions.state_dict(), "girth": self.girth.state_dict()}

    @staticmethod
    def of(state: Mapping[str, Any], mean_lengths: FloatArray) -> Shape:
        """The inverse of ``state_dict``; the mean adult's bone lengths (7,) are no part of it."""
        shape = Shape(Proportions(mean_lengths), Girth())
        if state["proportions"] is not None:
            shape.proportions.load_state_dict(state["proportions"])
        shape.girth.load_state_dict(state["girth"])
        return shape


def known(people: Sequence[Remembered]) -> list[dict[str, Any]]:
    """Everybody remembered at the edge of a part, as plain values."""
    return [
        {
            "who": person.who,
            "box": person.box,
            "missed": person.missed,
            "proportions": person.proportions and person.proportions.state_dict(),
            "girth": person.girth.state_dict(),
        }
        for person in people
    ]


def evidence_of(seen: Seen, row: int, **more: Any) -> dict[str, Any]:
    """What a body is made of, as plain values; a tenth of a micrometre may be lost.

    Args:
        seen: people of a frame.
        row: which.
        more: further values.
    """
    points = {name: getattr(seen, name)[row] for name in _POINTS}
    return {**{name: np.asarray(p, np.float32) for name, p in points.items()}, **more}


def evidence_in(
    seen: Seen,
    guess: IntArray,
    people: Sequence[Remembered],
    girths: Sequence[FloatArray | None],
) -> tuple[dict[str, Any] | None, ...]:
    """What the bodies of those are made of who were there when the part began; of nobody: ().

    Args:
        seen: N people of a frame.
        guess: (N,) a ``JointSource`` for each.
        people: who they are.
        girths: what their silhouettes say, where they were measured.
    """
    if all(person.who is None for person in people):
        return ()
    return tuple(
        None
        if person.who is None
        else evidence_of(seen, i, who=person.who, guess=int(guess[i]), girths=girths[i])
        for i, person in enumerate(people)
    )


_POINTS = ("xy_px", "world", "visibility")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A body to be made."""

    place: tuple[int, int, int]
    """Number of the frame, row of the person, and -1 or which of the bodies he revises."""

    points: Mapping[str, FloatArray]
    padded: FloatArray
    guess: int
    size: tuple[int, int]
    betas: FloatArray


class Joining:
    """Makes the bodies of people who came from the part before.

    Args:
        body: the body model.
    """

    def __init__(self, body: Mannequin) -> None:
        self._body, self._mean = body, bone_lengths(body.rest_joints())
        self.reset()

    def reset(self) -> None:
        """Before the first part."""
        self._shapes: dict[int, Shape] = {}

    def state_dict(self) -> dict[str, Any]:
        """The shapes of those who came from the part before, by their numbers in this one."""
        return {"shapes": [(who, shape.state_dict()) for who, shape in self._shapes.items()]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self._shapes = {who: Shape.of(told, self._mean) for who, told in state["shapes"]}

    def begin(self, before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> None:
        """Pass from one part to the next.

        Args:
            before: :func:`known` at the end of the part before.
            now: the same at the beginning of the next one, where its warm-up has led it.
        """
        shapes = {}
        for old, new in _pairs(before, now):
            shape = self._shapes.get(old["who"]) or Shape.of(old, self._mean)
            if not _is_same(shape.state_dict(), new):
                shapes[new["who"]] = shape
        self._shapes = shapes

    def settle(self, frames: Sequence[Sequence[Observation]]) -> list[dict[int, Settled]]:
        """What is to be put in place of people's bodies, by their rows, for each frame."""
        out: list[dict[int, Settled]] = [{} for _ in frames]
        wanted = [
            one for number, people in enumerate(frames) for one in self._in_frame(number, people)
        ]
        made: dict[tuple[int, int], list[tuple[int, Settled]]] = {}
        for size in {one.size for one in wanted}:
            some = [one for one in wanted if one.size == size]
            for one, settled in zip(some, self._bodies(some), strict=True):
                number, row, k = one.place
                made.setdefault((number, row), []).append((k, settled))
        for (number, row), bodies in made.items():
            (_, first), *rest = sorted(bodies, key=lambda one: one[0])
            earlier = frames[number][row].revises
            revised = tuple(
                Revision(frame_index=earlier[k].frame_index, row=earlier[k].row, bodies=body.bodies)
                for k, body in rest
            )
            out[number][row] = Settled(bodies=first.bodies, trust=first.trust, revised=revised)
        return out

    def _in_frame(self, number: int, people: Sequence[Observation]) -> list[_Wanted]:
        """The bodies that a frame asks for, once their shapes know what it shows."""
        who = [(one.evidence or {}).get("who") for one in people]
        rows = [i for i, number in enumerate(who) if number in self._shapes]
        if not rows:
            return []
        told: list[Any] = [people[i].evidence for i in rows]
        shapes = [self._shapes[one["who"]] for one in told]
        padded = [people[i].padded_xyxy_px for i in rows]
        seen = _seen(told, padded, people[rows[0]].image_size)
        bones = seen.spans()
        lengths = np.array([shape.proportions.lengths for shape in shapes])
        scale = picture_scale(bones, lengths, seen.least_scale)
        for k, (one, shape) in enumerate(zip(told, shapes, strict=True)):
            if one["guess"] == JointSource.SEEN:
                shape.proportions.see(bones, k, float(scale[k]))
        betas = self._betas(shapes)
        for one, shape in zip(told, shapes, strict=True):
            if one["girths"] is not None:
                shape.girth.see(one["girths"])
        out = []
        for k, i in enumerate(rows):
            size, guess = people[i].image_size, told[k]["guess"]
            out.append(_Wanted((number, i, -1), told[k], padded[k], guess, size, betas[k]))
            earlier = [(j, r.evidence) for j, r in enumerate(people[i].revises) if r.evidence]
            later = self._betas([shapes[k]])[0] if earlier else betas[k]
            out += [
                _Wanted((number, i, j), e, e["padded_xyxy_px"], guess, size, later)
                for j, e in earlier
            ]
        return out

    def _bodies(self, wanted: Sequence[_Wanted]) -> list[Settled]:
        seen = _seen([one.points for one in wanted], [w.padded for w in wanted], wanted[0].size)
        bodies = fit_bodies(seen, np.array([one.betas for one in wanted]), self._body)
        trust = joint_trust(seen, bodies, np.array([one.guess for one in wanted]))
        return [Settled(bodies=bodies[[i]], trust=trust[[i]]) for i in range(len(wanted))]

    def _betas(self, shapes: Sequence[Shape]) -> FloatArray:
        lengths = np.array([shape.proportions.lengths for shape in shapes])
        girth = np.array([shape.girth.beta for shape in shapes])
        return betas_from_lengths(self._body, lengths, girth=girth)


def _seen(
    told: Sequence[Mapping[str, FloatArray]], padded: Sequence[FloatArray], size: tuple[int, int]
) -> Seen:
    points = {name: np.array([one[name] for one in told], np.float64) for name in _POINTS}
    height, width = size
    return Seen(**points, padded_xyxy_px=np.array(padded), height=height, width=width)


def _pairs(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Those of whom both parts speak; each one once."""
    boxes = [np.array([one["box"] for one in some]).reshape(-1, 4) for some in (before, now)]
    missed = [np.array([one["missed"] for one in some]) for some in (before, now)]
    overlap = np.where(missed[0][:, None] == missed[1][None], iou(*boxes), 0)
    return [(before[i], now[j]) for i, j in cheapest_pairs(-overlap) if overlap[i, j] > _SAME]


def _is_same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two states of shapes are equal to the bit."""
    return b["proportions"] is not None and all(
        np.array_equal(a[part][name], b[part][name])
        for part in ("proportions", "girth")
        for name in ("weight", "sum")
    )
