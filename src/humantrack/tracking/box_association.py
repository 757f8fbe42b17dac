"""Association by boxes, motion and colours, for detectors that miss people and see parts of them.

Who was seen a moment ago goes first, with strong boxes, then with weak ones, as in ByteTrack
(arXiv 2110.06864); then who was lost is looked for by colour, the farther the longer he is gone;
then come tentative tracks. A detection that shows again a person already taken starts no track.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from humantrack.geometry.boxes import iou
from humantrack.tracking.assignment import assign
from humantrack.tracking.box_motion import BoxMotion
from humantrack.tracking.colour import MAX_DISTANCE, SIGNATURE_SIZE, are_blank, colour_distances
from humantrack.tracking.memory import score
from humantrack.tracking.track import Track, TrackState
from humantrack.types import Observation
from humantrack.types.arrays import BoolArray, FloatArray

LOST_AFTER = 8
"""Frames without a detection after which a track is only found again by colour."""

COLOUR_WEIGHT, SIZE_WEIGHT = 2.0, 0.5
"""Of the squared colour distance, and of the log ratio of heights, against 1 - DIoU."""

NEUTRAL = 0.35
"""Colour distance of somebody without colours: neither for nor against a match."""

MOST_TIMES_TALLER = 2.0
"""Boxes of more different heights are never of one person; weak ones may be cut off."""

REACH, REACH_SPREADS, FARTHEST = 0.3, 2.5, 2.5
"""How far from the expected place somebody is found: heights, plus standard deviations of the
forecast, but never more heights than the last."""

WEAK_IOU = 0.3
"""A weak box must overlap the expected one this much."""

FOUND_AGAIN = 0.4
"""Colour distance up to which somebody lost, or anybody after a cut, is found again."""

SAME_IOU, SAME_JOINTS = 0.7, 0.07
"""Two detections are of one body: overlap of the boxes, or median distance of joints in heights."""

CROWDED_IOU = 0.25
"""Boxes that overlap this much show each other's colours, which are not remembered, and speak
against nobody."""

_MOST_SIZE = np.log(MOST_TIMES_TALLER)
_NEVER = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pairs:
    """(T,D) measures between tracks and detections."""

    overlap: FloatArray
    """IoU with the expected box."""

    away: FloatArray
    """Distance of the centres over the reach."""

    far: FloatArray
    """Squared distance of the centres over that of the corners of both, as in DIoU."""

    size: FloatArray
    """|log of the ratio of heights|"""

    colour: FloatArray
    """0..1"""


def associate(
    tracks: Sequence[Track],
    observations: Sequence[Observation],
    *,
    strong: float,
    is_shot_start: bool,
) -> tuple[FloatArray, tuple[tuple[int, int], ...]]:
    """Match tracks, whose motion is already in this frame, with its detections.

    Args:
        tracks: T of them, at least one.
        observations: D detections, at least one.
        strong: score from which on a detection may start a track.
        is_shot_start: boxes tell nothing of earlier ones.

    Returns:
        (T,D) costs of strong boxes, and the matches (track, detection) by track.
    """
    pairs = _measure(tracks, observations)
    is_strong = np.array([score(o) >= strong for o in observations])
    sure = np.array([t.state is TrackState.CONFIRMED for t in tracks])
    recent = np.array([t.missed <= LOST_AFTER for t in tracks])
    is_alike = (pairs.away <= 1) & (pairs.size <= _MOST_SIZE)
    near = _near(pairs, is_alike, crowded(observations))
    again = np.where(pairs.colour <= FOUND_AGAIN, pairs.colour, _NEVER)
    if is_shot_start:
        return again, _stages([(again, sure, is_strong)])
    lost = np.where(is_alike & (again < _NEVER), again + 0.5 * pairs.away, _NEVER)
    weak = np.where(pairs.overlap >= WEAK_IOU, near, _NEVER)
    matches = _stages(
        [
            (near, sure & recent, is_strong),
            (weak, sure & recent, ~is_strong),
            (lost, sure & ~recent, is_strong),
            (near, ~sure, is_strong),
            (weak, ~sure, ~is_strong),
        ]
    )
    return near, matches


def _stages(
    stages: Sequence[tuple[FloatArray, BoolArray, BoolArray]],
) -> tuple[tuple[int, int], ...]:
    """The cheapest assignments one after the other, each among what is left: by track."""
    rows, columns = np.ones_like(stages[0][1]), np.ones_like(stages[0][2])
    matches: list[tuple[int, int]] = []
    for cost, of_rows, of_columns in stages:
        if len(matches) == min(len(rows), len(columns)):
            break
        (r,) = (of_rows & rows).nonzero()
        (c,) = (of_columns & columns).nonzero()
        if not len(r) or not len(c):
            continue
        for i, j in assign(cost[r[:, None], c], _NEVER / 2).matches:
            matches.append((int(r[i]), int(c[j])))
            rows[r[i]] = columns[c[j]] = False
    return tuple(sorted(matches))


def _measure(tracks: Sequence[Track], observations: Sequence[Observation]) -> _Pairs:
    motions = BoxMotion.stack([t.motion for t in tracks if t.motion is not None])
    a = motions.xyxy
    b = np.array([o.xyxy_px for o in observations]).astype(np.float64)
    height = np.maximum(a[:, 3] - a[:, 1], 1.0)
    reach = np.minimum(REACH * height + REACH_SPREADS * motions.spread, FARTHEST * height)
    offset = (a[:, None, :2] + a[:, None, 2:] - b[:, :2] - b[:, 2:]) / 2
    distance = np.hypot(offset[..., 0], offset[..., 1])
    span = np.maximum(a[:, None, 2:], b[:, 2:]) - np.minimum(a[:, None, :2], b[:, :2])
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.abs(np.log(height[:, None] / np.maximum(b[:, 3] - b[:, 1], 1.0)))
    codes = np.array([t.samples[-1].code[:SIGNATURE_SIZE] for t in tracks])
    seen = np.array([o.code[:SIGNATURE_SIZE] for o in observations])
    colour = colour_distances(codes, seen)
    is_blank = are_blank(codes)[:, None] | are_blank(seen)
    return _Pairs(
        overlap=iou(a, b),
        away=distance / reach[:, None],
        far=distance**2 / np.maximum((span**2).sum(axis=2), 1.0),
        size=size,
        colour=np.where(is_blank, NEUTRAL, colour),
    )


def _near(pairs: _Pairs, is_alike: BoolArray, is_crowded: BoolArray) -> FloatArray:
    """Costs by overlap, colour and size: those of somebody seen a moment ago.

    Who is half hidden shows the other's colours, which say nothing against him.

    Args:
        pairs: their measures.
        is_alike: (T,D) within reach, and of about the size.
        is_crowded: (D,) which detections show others' colours too.
    """
    colour = np.where(is_crowded, np.minimum(pairs.colour, NEUTRAL), pairs.colour)
    cost = 1 - pairs.overlap + pairs.far
    cost = cost + COLOUR_WEIGHT * colour**2 + SIZE_WEIGHT * pairs.size
    fits = is_alike & (colour <= MAX_DISTANCE) & np.isfinite(cost)
    return np.where(fits, cost, _NEVER)


def crowded(observations: Sequence[Observation]) -> BoolArray:
    """(D,) whose box overlaps another's so much that it shows his colours too."""
    if len(observations) == 1:
        return np.zeros(1, bool)
    boxes = np.array([o.xyxy_px for o in observations])
    overlap = iou(boxes, boxes)
    np.fill_diagonal(overlap, 0)
    return np.asarray((overlap > CROWDED_IOU).any(axis=1))


def newcomers(
    observations: Sequence[Observation], taken: Sequence[int], may_start: Callable[[int], bool]
) -> list[int]:
    """Detections that start a track: none that shows a body taken, or a better newcomer's."""
    kept, known = list(taken), set(taken)
    free = sorted(
        (i for i in range(len(observations)) if i not in known and may_start(i)),
        key=lambda i: (-score(observations[i]), i),
    )
    born = []
    for i in free:
        if not any(same_body(observations[i], observations[k]) for k in kept):
            kept.append(i)
            born.append(i)
    return sorted(born)


def same_body(a: Observation, b: Observation) -> bool:
    """Whether two detections of one frame are of one body."""
    if float(iou(a.xyxy_px[None], b.xyxy_px[None])[0, 0]) > SAME_IOU:
        return True
    height = max(float(b.xyxy_px[3] - b.xyxy_px[1]), 1.0)
    if not (a.joints_2d.any() and b.joints_2d.any()):
        return False
    apart = np.linalg.norm(a.joints_2d - b.joints_2d, axis=1) * max(a.image_size)
    return bool(np.median(apart) < SAME_JOINTS * height)
