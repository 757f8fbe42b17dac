"""Faces made unrecognisable, before anything is drawn over the picture.

A face is where the landmarks of the head lie, and where the head of the body does: both are
covered, as either may be off, with what the silhouette has beyond the neck. Where they cannot be
believed, as of people who stand before one another, the top of the box is covered too; and where a
head leaps from one frame to the next, the place where it was. Where somebody may be of whom no body
is known, who comes in at an edge or is hardly to be seen, it is the top of a box alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from humantrack.geometry.boxes import iou
from humantrack.geometry.cameras import PaddedSquare
from humantrack.render.mesh import head_vertices
from humantrack.render.windows import Window
from humantrack.types import BodyBatch, Frame, FrameRecord, Observation, TrackedPerson, is_guessed
from humantrack.types.stages import Levelled

Array = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]

_FACE = (0, 15, 16, 17, 18)
"""Nose, eyes and ears among the 45 joints."""

_NECK, _HIPS, _TOP, _JAW, _HEAD = 1, 8, 38, 42, 43
"""OpenPose's neck and middle of the hips; top of the head, jaw and head of the further 19."""

HEAD_M = 0.15
"""Radius of a ball, in metres, that holds a head and its hair, chin to crown. Heads are 0.20 to
0.26 m high and 0.18 to 0.22 m long (95 % of adults, Pheasant: Bodyspace, 2nd ed., table 2.5)."""

_ROOM = 1.3
"""How much larger than found what is covered is."""

_REACH = 2.5
"""How far from the landmarks' middle, in radii of a head, the silhouette is still of the head."""

_APART = 0.1
"""Share of the smaller box that two people's boxes have in common from which on the landmarks of
one may lie on the other."""

_TOP_OF_BOX = 0.3
"""Share of a box's height, from its top, that holds the head of somebody upright."""

_HEAD_WIDE = 0.8
"""Height of a head in widths of the box, where a box may hold no more than head and shoulders."""

_SAME_IOU = 0.5
"""From this overlap on a box is of somebody whose body is known."""

_GROWTH, _MOST = 0.12, 2.5
"""How much more is covered for each frame that somebody has been missed, and at most how much."""

_LEAP, _HELD = 0.75, 5
"""From one frame to the next a head moves by less than this many of its radii, and grows or shrinks
less than to this share; where more, its last place is covered too, for so many frames at most."""

_SAMPLES = 4
"""Samples of the picture across a head that are kept: too few to tell a face by."""

_SHIFT = 3


@dataclass(frozen=True, slots=True)
class _Before:
    """Where the head of a track was when it was last as it should be."""

    ball: Array
    outlines: list[Array]
    age: int
    """Frames since then."""


class Watch(Protocol):
    """Tells where anybody may be."""

    def boxes(self, frame: Frame) -> Array:
        """(N,4) pixels, x0 y0 x1 y1."""

    def state_dict(self) -> Mapping[str, Any]:
        """What it remembers of earlier frames, as plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


class FaceBlur:
    """Blurs the faces of everybody who was seen, drawn or not, also of people not tracked (yet).

    Args:
        body: a ``BodyModel`` whose parameters the records hold; None goes by landmarks alone.
        watch: tells of people whom the records do not have; None: they are all there are.
    """

    def __init__(self, body: Any = None, watch: Watch | None = None) -> None:
        self._head_of = _heads(body)
        self._watch = watch
        self._before: dict[int, _Before] = {}

    def blurred(self, frame: Frame, record: FrameRecord) -> Frame:
        """The frame with faces blurred; the one given is left as it is."""
        square = PaddedSquare(frame.height, frame.width)
        if record.is_shot_start:
            self._before.clear()
        seen = [(p.observation, min(1 + _GROWTH * p.missed, _MOST)) for p in record.people]
        seen += [(one, 1.0) for one in record.others]
        close = _close_to_others([one for one, _ in seen])
        by_person = [
            list(self._outlines(one, grown, square, in_doubt=in_doubt or is_guessed(one)))
            for (one, grown), in_doubt in zip(seen, close, strict=True)
        ]
        outlines = list(itertools.chain(*by_person))
        outlines += self._where_heads_were(record.people, by_person, square)
        if self._watch is not None:
            here = [p.observation for p in record.people if p.missed == 0] + list(record.others)
            outlines += _heads_of_strangers(self._watch.boxes(frame), here)
        if not outlines:
            return frame
        rgb = np.array(frame.rgb, order="C")
        for outline in outlines:
            _blur(rgb, outline)
        return replace(frame, rgb=rgb)

    def state_dict(self) -> dict[str, Any]:
        """What is remembered of earlier frames, as plain values."""
        before = {id: (b.ball, b.outlines, b.age) for id, b in self._before.items()}
        return {"before": before, "watch": self._watch and self._watch.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from another's ``state_dict``."""
        self._before = {id: _Before(*values) for id, values in state["before"].items()}
        if self._watch is not None and state.get("watch"):
            self._watch.load_state_dict(state["watch"])

    def _where_heads_were(
        self,
        people: Sequence[TrackedPerson],
        by_person: Sequence[list[Array]],
        square: PaddedSquare,
    ) -> Iterator[Array]:
        """Where heads were a moment ago that have leapt since: a pose gone wrong, as at an edge."""
        before, self._before = self._before, {}
        for person, outlines in zip(people, by_person, strict=False):
            ball = _by_landmarks(person.observation, square) if person.missed == 0 else None
            last = before.get(person.track_id)
            if last and last.age < _HELD and (ball is None or _has_leapt(last.ball, ball)):
                last = replace(last, age=last.age + 1)
                self._before[person.track_id] = last
                yield from (_scaled(one, 1 + _GROWTH * last.age) for one in last.outlines)
            elif ball is not None:
                self._before[person.track_id] = _Before(ball, outlines, 0)

    def _outlines(
        self, seen: Observation, grown: float, square: PaddedSquare, *, in_doubt: bool
    ) -> Iterator[Array]:
        """Convex outlines (K,2) px that together hold the head, as much larger as is said."""
        with np.errstate(all="ignore"):
            box = np.asarray(seen.xyxy_px, float)
            ball = _by_landmarks(seen, square)
            heads = [] if ball is None else [ball]
            silhouette = None if ball is None else _silhouette_above(seen, ball, square)
            surface = self._head_of(seen)
            if surface is not None:
                projected = square.project(surface)
                if _is_of_size(projected, square):
                    heads.append(cv2.convexHull(projected.astype(np.float32))[:, 0].astype(float))
        for head in heads:
            yield _scaled(head, grown * _ROOM)
        if silhouette is not None:
            yield _scaled(silhouette, grown)
        if not heads or in_doubt or not any(_is_in(head, box) for head in heads):
            top = _top_of(box)
            if _is_of_size(top, square):
                yield _scaled(top, grown)


def _heads(body: Any) -> Callable[[Observation], Array | None]:
    """What gives the head's vertices (K,3) in metres, camera axes, of somebody; None: unknown."""
    mask = None if body is None else head_vertices(body)
    if mask is None:
        return lambda _: None
    level = body.levels[-1] if isinstance(body, Levelled) else body
    is_head = mask[level.vertex] if isinstance(body, Levelled) else mask

    def head(seen: Observation) -> Array | None:
        values = {
            name: np.asarray(getattr(seen, name))
            for name in (*("global_orient", "body_pose", "betas", "cam_crop", "cam_t"),)
        }
        if not all(np.isfinite(v).all() and np.abs(v).max() < 1e6 for v in values.values()):
            return None
        joints = {"joints_3d": seen.joints_3d, "joints_2d": seen.joints_2d}
        batch = BodyBatch(**{k: v[None] for k, v in (values | joints).items()})
        found = np.asarray(level.vertices(batch)[0][is_head] + seen.cam_t, float)
        return found if np.isfinite(found).all() and (found[:, 2] > 0).all() else None

    return head


def _has_leapt(last: Array, ball: Array) -> bool:
    """Whether a head, a circle (K,2) px each time, is not where it was, or not as large."""
    was, size = np.ptp(last[:, 0]) / 2, np.ptp(ball[:, 0]) / 2
    moved = float(np.linalg.norm(_middle(last) - _middle(ball)))
    return bool(moved > _LEAP * was or not _LEAP < size / was < 1 / _LEAP)


def _by_landmarks(seen: Observation, square: PaddedSquare) -> Array | None:
    """A circle round the landmarks of the head, as large as a head there, or as they are apart."""
    joints = square.to_image(np.asarray(seen.joints_2d, float))
    face = joints[list(_FACE)]
    if not _is_of_size(face, square):
        return None
    metre_px = square.focal_px / float(seen.cam_t[2])
    others = joints[[_TOP, _JAW, _HEAD]]
    near = others[np.isfinite(others).all(axis=1)]
    near = near[np.linalg.norm(near - face.mean(axis=0), axis=1) < 3 * HEAD_M * metre_px]
    points = np.concatenate([face, near])
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.linalg.norm(points - centre, axis=1).max())
    neck = float(np.linalg.norm(joints[_NECK] - centre))
    size = HEAD_M * metre_px
    # A camera that is none, or that makes giants, says nothing of how large heads are.
    size = size if 0 < size < square.side else 0.0
    radius = max(size, reach, neck / 2 if np.isfinite(neck) and neck < 4 * size else 0.0, 1.0)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.asarray(centre + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def _silhouette_above(seen: Observation, ball: Array, square: PaddedSquare) -> Array | None:
    """A hull (K,2) px of what of the silhouette is beyond the neck and near the head, if any."""
    if seen.mask is None or tuple(seen.mask["size"]) != (square.height, square.width):
        return None
    joints = square.to_image(np.asarray(seen.joints_2d, float))
    neck, up = joints[_NECK], joints[_NECK] - joints[_HIPS]
    if not np.isfinite([neck, up]).all() or not np.hypot(*up) > 1:
        return None
    middle = (ball.min(axis=0) + ball.max(axis=0)) / 2
    radius = _REACH * float(np.ptp(ball[:, 0])) / 2
    x, y = middle[:, None] + [-radius, radius]
    window = Window.around(x, y, 0, square.height, square.width)
    if window.is_empty:
        return None
    whole = coco_mask.decode({"size": seen.mask["size"], "counts": seen.mask["counts"].encode()})
    rows, columns = np.nonzero(window.of(whole))
    points = np.stack([columns + window.x0, rows + window.y0], axis=1).astype(np.float32)
    is_near = np.hypot(*(points - middle).T) < radius
    points = points[is_near & ((points - neck) @ (up / np.hypot(*up)) > 0)]
    return cv2.convexHull(points)[:, 0].astype(float) if len(points) > 2 else None


def _close_to_others(seen: Sequence[Observation]) -> list[bool]:
    """For each of several people whether another's box covers some of theirs."""
    if len(seen) < 2:
        return [False] * len(seen)
    box = np.stack([np.asarray(one.xyxy_px, float) for one in seen])
    with np.errstate(all="ignore"):
        low = np.maximum(box[:, None, :2], box[None, :, :2])
        high = np.minimum(box[:, None, 2:], box[None, :, 2:])
        common = np.clip(high - low, 0, None).prod(axis=2)
        area = (box[:, 2:] - box[:, :2]).prod(axis=1)
        share = common / np.minimum(area[:, None], area[None])
    np.fill_diagonal(share, 0)
    return [bool(most > _APART) for most in np.nan_to_num(share).max(axis=1)]


def _top_of(box: Array) -> Array:
    """(4,2) the corners of the upper part of a box (4,), with room round it."""
    x0, y0, x1, y1 = box
    aside = 0.2 * (x1 - x0)
    x0, x1, low, y0 = x0 - aside, x1 + aside, y0 + _TOP_OF_BOX * (y1 - y0), y0 - 0.05 * (y1 - y0)
    return np.array([[x0, y0], [x1, y0], [x1, low], [x0, low]])


def _heads_of_strangers(boxes: Array, here: Sequence[Observation]) -> list[Array]:
    """The heads of boxes (N,4) px in which none of those is whose bodies are known.

    The box may end at the shoulders, or hold somebody who lies: of a wide one all is covered.
    """
    known = np.array([one.xyxy_px for one in here], float).reshape(-1, 4)
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    with np.errstate(all="ignore"):
        taken = (iou(boxes, known) > _SAME_IOU).any(axis=1)
    heads = []
    for x0, y0, x1, y1 in boxes[~taken].tolist():
        low = y0 + min(y1 - y0, _HEAD_WIDE * (x1 - x0))
        top = _top_of(np.array([x0, y0, x1, y1]))
        top[2:, 1] = np.maximum(top[2:, 1], low)
        heads.append(top)
    return heads


def _is_of_size(points: Array, square: PaddedSquare) -> bool:
    """Whether points (K,2) px are finite, and of somebody in the picture rather than beyond."""
    return bool(np.isfinite(points).all() and np.abs(points).max() < 10 * square.side)


def _is_in(head: Array, box: Array) -> bool:
    """Whether the middle of a head lies in a box (4,), or just out of it."""
    x, y = head.mean(axis=0)
    room = 0.15 * (box[2:] - box[:2])
    return bool(
        box[0] - room[0] <= x <= box[2] + room[0] and box[1] - room[1] <= y <= box[3] + room[1]
    )


def _middle(outline: Array) -> Array:
    return np.asarray((outline.min(axis=0) + outline.max(axis=0)) / 2)


def _scaled(outline: Array, factor: float) -> Array:
    middle = _middle(outline)
    return np.asarray(middle + (outline - middle) * factor)


def _blur(rgb: ByteArray, outline: Array) -> None:
    """Keep a few samples of what lies within an outline (K,2) px, in place."""
    size = float((outline.max(axis=0) - outline.min(axis=0)).min())
    cell = max(2, round(size / _SAMPLES))
    window = Window.around(outline[:, 0], outline[:, 1], cell, *rgb.shape[:2])
    if window.is_empty:
        return
    part = window.of(rgb)
    height, width = window.size
    few = max(1, round(width / cell)), max(1, round(height / cell))
    soft = cv2.resize(
        cv2.resize(part, few, interpolation=cv2.INTER_AREA),
        (width, height),
        interpolation=cv2.INTER_LINEAR,
    )
    inside = np.zeros((height, width), np.uint8)
    at = np.rint((outline - (window.x0, window.y0)) * 2**_SHIFT).astype(np.int32)
    cv2.fillConvexPoly(inside, at, 255, cv2.LINE_8, _SHIFT)
    part[inside > 0] = soft[inside > 0]
