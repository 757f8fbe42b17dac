"""Associates the detector's boxes with remembered people, and finds landmarks for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.blazepose import colours, regions
from humantrack.blazepose.memory import Memory, Remembered
from humantrack.blazepose.network import LandmarkNetwork, Landmarks
from humantrack.blazepose.regions import Cropper
from humantrack.geometry.boxes import area, clip_to_image, iou
from humantrack.types import Detections, Frame
from humantrack.types.arrays import ByteArray, FloatArray, IntArray

LIMBS = (11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)

STRONG = 0.4
"""A box of a lower score is only believed where somebody remembered is expected."""

PERSON = 0.5
"""Lowest flag of a person; MediaPipe's threshold."""

AGREES = 0.3
"""Lowest IoU of a body with the box it was found for: else it is another one's (all true pairs on
our clips have 0.6 and more)."""

HELD_SCORE = 0.3
"""Score given to a person found without a box."""

_HELD_FLAG = 0.7
_HELD_DISTANCE = 0.5
_SAME_HELD, _SAME = 0.35, 0.6
_SHOWS = 0.3  # lowest visibility of a landmark that counts for a box
_ENOUGH_POINTS = 5
_SAME_SPREAD = 0.05  # of the region's side


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """N people found in a frame."""

    landmarks: Landmarks

    box: FloatArray
    """(N,4) the detector's box, or one round the landmarks."""

    score: FloatArray
    """(N,)"""

    source: IntArray
    """(N,) row of the detections, or -1."""

    signature: FloatArray
    """(N,192) colour signatures."""


def find_people(
    network: LandmarkNetwork,
    frame: Frame,
    detections: Detections,
    memory: Memory,
    *,
    strong: float = STRONG,
) -> Sightings:
    """Landmarks of everybody in a frame, each body once.

    Boxes given by a user are all kept as they are; a detector's are checked: those below the
    score ``strong`` must continue somebody.
    """
    given = detections.gt_id is not None or detections.annotation is not None
    rows: IntArray = (
        np.arange(len(detections)) if given else _believable(detections, memory, strong)
    )
    boxes = detections.xyxy_px[rows].astype(np.float64)
    score = detections.score[rows].astype(np.float64)
    cropper = Cropper(frame.rgb)

    known = memory.continued_by(boxes)
    seen = _look_at_boxes(network, cropper, boxes, known, memory)
    keep: IntArray = np.arange(len(rows))
    if not given:
        keep = _distinct(seen, score, _agreement(seen, boxes, cropper))
    landmarks, boxes, score, source = seen[keep], boxes[keep], score[keep], rows[keep]

    waiting = [p for i, p in enumerate(memory.people) if i not in known and p.is_waiting()]
    if waiting and not given:
        held = _look_at_held(network, cropper, waiting, landmarks)
        landmarks = Landmarks.concatenate([landmarks, held])
        boxes = np.concatenate([boxes, _box_round(held, cropper)])
        score = np.concatenate([score, np.full(len(held), HELD_SCORE)])
        source = np.concatenate([source, np.full(len(held), -1)])
    signature = _signatures(frame.rgb, landmarks)
    return Sightings(
        landmarks=landmarks, box=boxes, score=score, source=source, signature=signature
    )


def similarity(a: Landmarks, b: Landmarks) -> FloatArray:
    """(N,M) in 0..1, near 1 where two sets of landmarks lie on the same body."""
    limbs = list(LIMBS)
    side = (a.region[:, None, 2] + b.region[None, :, 2]) / 2
    apart = np.linalg.norm(a.xy_px[:, None, limbs] - b.xy_px[None, :, limbs], axis=-1)
    return np.asarray(np.exp(-((apart / (_SAME_SPREAD * side[..., None])) ** 2)).mean(axis=-1))


def _believable(detections: Detections, memory: Memory, strong: float) -> IntArray:
    """Rows of the strong boxes, and of the weak ones that continue somebody."""
    is_strong = detections.score >= np.float32(strong)
    continues = memory.continued_by(detections.xyxy_px) >= 0
    return np.flatnonzero(is_strong | continues)


def _look_at_boxes(
    network: LandmarkNetwork,
    cropper: Cropper,
    boxes: FloatArray,
    known: IntArray,
    memory: Memory,
) -> Landmarks:
    """Landmarks in the remembered region, or in the box and then, better, where that points."""
    at = regions.from_boxes(boxes)
    fresh = np.ones(len(boxes), bool)
    for i in np.flatnonzero(known >= 0):
        person = memory.people[known[i]]
        if person.missed == 0 and person.flag > PERSON:
            at[i], fresh[i] = person.expected_region(), False
    first = network(cropper, at)
    good = first.flag > PERSON
    lost = ~fresh & ~(good & (_agreement(first, boxes, cropper) > AGREES))
    again = np.flatnonzero(lost | fresh & good)
    if not len(again):
        return first
    at = np.where(lost[again, None], regions.from_boxes(boxes[again]), first.next_region[again])
    second = network(cropper, at)
    better = second.flag > PERSON
    pick = np.arange(len(boxes))
    pick[again[better]] = len(boxes) + np.flatnonzero(better)
    return Landmarks.concatenate([first, second])[pick]


def _agreement(seen: Landmarks, boxes: FloatArray, cropper: Cropper) -> FloatArray:
    """(N,) IoU of each body with its box."""
    return np.diagonal(iou(_box_round(seen, cropper), boxes))


def _distinct(seen: Landmarks, score: FloatArray, agreement: FloatArray) -> IntArray:
    """Those that are people in their own box, less those on the body of a better one."""
    same = similarity(seen, seen)
    kept: list[int] = []
    for i in np.argsort(-score * seen.flag * agreement, kind="stable"):
        credible = seen.flag[i] > PERSON and agreement[i] > AGREES
        if credible and all(same[i, k] <= _SAME for k in kept):
            kept.append(int(i))
    return np.array(sorted(kept), np.intp)


def _look_at_held(
    network: LandmarkNetwork,
    cropper: Cropper,
    waiting: Sequence[Remembered],
    others: Landmarks,
) -> Landmarks:
    """Landmarks of remembered people who got no box, where they are expected."""
    at = np.array([p.expected_region() for p in waiting]).reshape(-1, 4)
    found = network(cropper, at)
    same = similarity(found, others)
    among = similarity(found, found)
    kept: list[int] = []
    for i, person in enumerate(waiting):
        signature = colours.signature(cropper.rgb, found.xy_px[i])
        if (
            found.flag[i] > _HELD_FLAG
            and np.all(same[i] < _SAME_HELD)
            and all(among[i, k] < _SAME_HELD for k in kept)
            and colours.distance(signature, person.signature) < _HELD_DISTANCE
        ):
            kept.append(i)
    found = found[kept]
    inside = area(_box_round(found, cropper)) > 0
    return found[np.flatnonzero(inside)]


def _box_round(landmarks: Landmarks, cropper: Cropper) -> FloatArray:
    """(N,4) boxes round the landmarks that show, with room for the head, hands and feet."""
    shows = landmarks.visibility > _SHOWS
    shows |= (shows.sum(axis=1) < _ENOUGH_POINTS)[:, None]
    low = np.where(shows[..., None], landmarks.xy_px, np.inf).min(axis=1)
    high = np.where(shows[..., None], landmarks.xy_px, -np.inf).max(axis=1)
    size = high - low
    boxes = np.concatenate([low - size * [0.08, 0.12], high + size * [0.08, 0.03]], axis=1)
    height, width = cropper.rgb.shape[:2]
    return clip_to_image(boxes, height, width)


def _signatures(rgb: ByteArray, landmarks: Landmarks) -> FloatArray:
    signatures = [colours.signature(rgb, xy) for xy in landmarks.xy_px]
    return np.array(signatures, np.float32).reshape(-1, colours.SIGNATURE_SIZE)
