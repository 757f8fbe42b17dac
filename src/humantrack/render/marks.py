"""Boxes, labels, silhouettes and skeletons, drawn in place into RGB pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from humantrack.render.palette import LEFT, MIDDLE, RIGHT, Colour, text_on
from humantrack.render.windows import Window
from humantrack.types import JointSource, RleMask, TrackedPerson, is_guessed
from humantrack.types.arrays import IntArray

Array = npt.NDArray[np.floating[Any]]
ByteArray = npt.NDArray[np.uint8]

# OpenPose's BODY_25 joints, the first 25 of PHALP's 45.
LIMBS: tuple[tuple[int, int, Colour], ...] = (
    *((a, b, MIDDLE) for a, b in ((0, 1), (1, 8))),
    *(
        (a, b, RIGHT)
        for a, b in (
            *((1, 2), (2, 3), (3, 4), (8, 9), (9, 10), (10, 11)),
            *((11, 24), (11, 22), (22, 23), (0, 15), (15, 17)),
        )
    ),
    *(
        (a, b, LEFT)
        for a, b in (
            *((1, 5), (5, 6), (6, 7), (8, 12), (12, 13), (13, 14)),
            *((14, 21), (14, 19), (19, 20), (0, 16), (16, 18)),
        )
    ),
)

_MASK_ALPHA = 0.5
_SHIFT = 3
"""Positions are given to OpenCV in eighths of a pixel."""


def thickness_px(picture: ByteArray) -> int:
    """Width of lines that look alike at every size of picture."""
    return max(1, int(max(picture.shape[:2]) / 480 + 0.5))


def label_of(person: TrackedPerson) -> str:
    """The person's id, with a question mark if the pose as a whole is held or made up."""
    return f"{person.track_id} ?" if is_guessed(person.observation) else str(person.track_id)


def draw_label(picture: ByteArray, text: str, at: Array, colour: Colour, opacity: float) -> None:
    """A tag in a person's colour, its bottom centre at a point (2,) px; kept inside the picture."""
    if not _is_near(at, picture):
        return
    height, width = picture.shape[:2]
    scale = max(0.4, max(height, width) / 1600)
    thick = max(1, round(scale * 2))
    (text_w, text_h), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    pad = max(2, text_h // 3)
    box_w, box_h = text_w + 2 * pad, text_h + 2 * pad + base // 2
    left = int(np.clip(at[0] - box_w / 2, 0, max(width - box_w, 0)))
    top = int(np.clip(at[1] - box_h, 0, max(height - box_h, 0)))
    window = picture[top : top + box_h, left : left + box_w]
    tag = np.full(window.shape, colour, np.uint8)
    where = (pad, pad + text_h)
    cv2.putText(
        tag, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, text_on(colour), thick, cv2.LINE_AA
    )
    window[:] = cv2.addWeighted(tag, opacity, window, 1 - opacity, 0)


def draw_box(picture: ByteArray, xyxy_px: Array, colour: Colour, opacity: float) -> None:
    """A rectangle with a dark rim, (4,) px of the picture."""
    if not (_is_near(xyxy_px[:2], picture) and _is_near(xyxy_px[2:], picture)):
        return
    corners = np.rint(np.reshape(xyxy_px, (2, 2)))
    wide = thickness_px(picture)
    x, y = corners.T
    window = Window.around(x, y, wide + 4, *picture.shape[:2])
    if window.is_empty:
        return
    first, last = (corners - (window.x0, window.y0)).astype(int).tolist()
    with _drawn(picture, window, opacity) as drawn:
        cv2.rectangle(drawn, first, last, (20, 20, 20), wide + 2, cv2.LINE_AA)
        cv2.rectangle(drawn, first, last, colour, wide, cv2.LINE_AA)


def draw_mask(picture: ByteArray, mask: RleMask, colour: Colour, opacity: float) -> None:
    """Tint a silhouette and draw its outline."""
    # pycocotools has columns one after the other, so its transpose is an ordinary array.
    seen = coco_mask.decode({"size": mask["size"], "counts": mask["counts"].encode()}).T
    height, width = picture.shape[:2]
    if seen.shape != (width, height):
        seen = cv2.resize(seen, (height, width), interpolation=cv2.INTER_NEAREST)
    y0, x0, rows, columns = cv2.boundingRect(seen)
    if not rows:
        return
    x, y = np.array([x0, x0 + columns - 1]), np.array([y0, y0 + rows - 1])
    window = Window.around(x, y, thickness_px(picture) + 2, height, width)
    inside = np.ascontiguousarray(window.of(seen.T))
    with _drawn(picture, window, opacity) as drawn:
        whole = np.full_like(drawn, colour)
        tinted = cv2.addWeighted(drawn, 1 - _MASK_ALPHA, whole, _MASK_ALPHA, 0)
        cv2.copyTo(tinted, inside, drawn)
        outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(drawn, outlines, -1, colour, thickness_px(picture), cv2.LINE_AA)


def draw_skeleton(
    picture: ByteArray,
    joints_px: Array,
    colour: Colour,
    opacity: float,
    source: IntArray | None = None,
) -> None:
    """Limbs between joints (45,2) px: left, right and trunk in colours of their own.

    Those with a joint that is made up, as ``source`` (45,) says, are thin and without a rim.
    """
    wide = thickness_px(picture)
    shown = [_is_near(point, picture) for point in joints_px[:25]]
    if not any(shown):
        return
    x, y = joints_px[:25][shown].T
    window = Window.around(x, y, 2 * wide + 4, *picture.shape[:2])
    if window.is_empty:
        return
    points = [
        tuple(int(x) for x in np.rint((point - (window.x0, window.y0)) * 2**_SHIFT))
        if ok
        else (0, 0)
        for point, ok in zip(joints_px[:25], shown, strict=True)
    ]
    made_up = np.zeros(45, bool) if source is None else source == JointSource.MADE_UP
    limbs = [
        (points[a], points[b], c, bool(made_up[a] or made_up[b]))
        for a, b, c in LIMBS
        if shown[a] and shown[b]
    ]
    with _drawn(picture, window, opacity) as drawn:
        for a, b, limb_colour, is_made_up in limbs:
            if is_made_up:
                cv2.line(drawn, a, b, limb_colour, wide, cv2.LINE_AA, _SHIFT)
        limbs = [limb for limb in limbs if not limb[3]]
        for a, b, *_ in limbs:
            cv2.line(drawn, a, b, (20, 20, 20), 2 * wide + 2, cv2.LINE_AA, _SHIFT)
        for a, b, limb_colour, _ in limbs:
            cv2.line(drawn, a, b, limb_colour, 2 * wide, cv2.LINE_AA, _SHIFT)
        for i in range(25):
            if shown[i] and not made_up[i]:
                cv2.circle(drawn, points[i], (wide + 1) << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)


@contextmanager
def _drawn(picture: ByteArray, window: Window, opacity: float) -> Iterator[ByteArray]:
    """A part of a picture to draw on; what is drawn is then laid over it with an opacity."""
    below = window.of(picture)
    drawn = below.copy()
    yield drawn
    below[:] = drawn if opacity == 1 else cv2.addWeighted(drawn, opacity, below, 1 - opacity, 0)


def _is_near(point: Array, picture: ByteArray) -> bool:
    """Whether a point is finite and not so far outside that OpenCV's integers would overflow."""
    return bool((np.abs(point) < 10 * max(picture.shape[:2])).all())
