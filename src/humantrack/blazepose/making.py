"""Bodies of people of several frames, made together: for few people it costs hardly more than one.

How heavy people are is told by silhouettes laid over their bodies, and tells of the bodies of later
frames. It moves no joint of the skeleton, so that it can be put in when the poses are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from humantrack.blazepose.fit import Seen, fit_poses, place
from humantrack.blazepose.girth import EVERY, girths_along_lines
from humantrack.blazepose.memory import Remembered
from humantrack.blazepose.people import Sightings
from humantrack.blazepose.proportions import Proportions, picture_scale
from humantrack.blazepose.trust import joint_trust
from humantrack.body import Mannequin
from humantrack.body.shape import GIRTH, LIMIT, betas_from_lengths
from humantrack.geometry.boxes import iou
from humantrack.types import BodyBatch, JointSource, JointTrust
from humantrack.types.arrays import FloatArray

MOST_TOGETHER = 16
"""People of whom there are so many gain nothing from more."""

_APART = 0.05
"""Boxes that overlap by more (IoU): one person may hide another's outline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The N people of a frame, who have no bodies yet."""

    seen: Seen
    found: Sightings
    people: list[Remembered]

    lengths: FloatArray
    """(N,7) metres, bone lengths as known after this frame."""

    is_due: list[bool]
    """Whose silhouettes are measured in this frame."""

    def fits(self, other: Waiting) -> bool:
        """Whether both are of pictures of one size."""
        mine, yours = self.seen, other.seen
        return (mine.height, mine.width) == (yours.height, yours.width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Bodies of the N people of a frame."""

    bodies: BodyBatch
    trust: JointTrust
    girths: list[FloatArray | None]
    """What their silhouettes say, where they were measured."""


def due(found: Sightings, people: Sequence[Remembered]) -> list[bool]:
    """Whose silhouettes are measured: those of who stand by themselves, now and then."""
    overlap = (iou(found.box, found.box) - np.eye(len(people))).max(axis=1, initial=0)
    return [
        bool(
            person.hits % EVERY == 0 and found.guess[i] == JointSource.SEEN and overlap[i] <= _APART
        )
        for i, person in enumerate(people)
    ]


def lengths_after(
    seen: Seen, found: Sightings, people: Sequence[Remembered], mean: FloatArray
) -> FloatArray:
    """(N,7) each person's bone lengths, after what a frame shows of them; they remember it.

    Args:
        seen: the people.
        found: the same.
        people: the same.
        mean: (7,) the mean adult's.
    """
    if not people:
        return np.zeros((0, len(mean)))
    for person in people:
        if person.proportions is None:
            person.proportions = Proportions(mean)
    kept = [p.proportions for p in people if p.proportions is not None]
    bones = seen.spans()
    lengths = np.array([proportions.lengths for proportions in kept])
    scale = picture_scale(bones, lengths, seen.least_scale)
    for i, proportions in enumerate(kept):
        if found.guess[i] == JointSource.SEEN:
            proportions.see(bones, i, float(scale[i]))
            lengths[i] = proportions.lengths
    return lengths


def make_bodies(frames: Sequence[Waiting], body: Mannequin) -> list[Made]:
    """Bodies of the people of frames of one size, in order; silhouettes that are due are measured.

    Args:
        frames: at least one.
        body: the body model.
    """
    first = np.cumsum([0, *(len(frame.people) for frame in frames)])
    rows = [np.arange(a, b) for a, b in pairwise(first.tolist())]
    if not first[-1]:
        empty = BodyBatch.empty()
        trust = joint_trust(frames[0].seen, empty, np.zeros(0, np.intp))
        return [Made(bodies=empty, trust=trust, girths=[]) for _ in frames]
    seen = Seen.concatenate([frame.seen for frame in frames])
    girth = np.array([person.girth.beta for frame in frames for person in frame.people])
    lengths = np.concatenate([frame.lengths for frame in frames])
    betas = betas_from_lengths(body, lengths, girth=girth)
    poses = fit_poses(seen, betas, body)
    bodies = place(poses, betas, seen, body)
    girths = []
    for frame, some in zip(frames, rows, strict=True):
        girth[some] = [person.girth.beta for person in frame.people]
        girths.append(_measured(frame, bodies[some], body))
    if not np.array_equal(np.clip(girth, -LIMIT, LIMIT), betas[:, GIRTH]):
        betas[:, GIRTH] = np.clip(girth, -LIMIT, LIMIT)
        bodies = place(poses, betas, seen, body)
    trust = joint_trust(seen, bodies, np.concatenate([frame.found.guess for frame in frames]))
    return [
        Made(bodies=bodies[some], trust=trust[some], girths=of_frame)
        for some, of_frame in zip(rows, girths, strict=True)
    ]


def _measured(frame: Waiting, bodies: BodyBatch, body: Mannequin) -> list[FloatArray | None]:
    """What silhouettes say that are due; the people remember it."""
    out: list[FloatArray | None] = [None] * len(frame.people)
    for i in np.flatnonzero(frame.is_due).tolist():
        marks, seen = frame.found.landmarks, frame.seen
        out[i] = girths = girths_along_lines(
            body, bodies, i, marks.segmentation[i], marks.region[i], seen.height, seen.width
        )
        frame.people[i].girth.see(girths)
    return out
