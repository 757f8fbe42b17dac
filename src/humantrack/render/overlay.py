"""People drawn over a frame, in the way ``render.type`` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from humantrack.geometry.cameras import PaddedSquare
from humantrack.render.kind import RenderKind
from humantrack.render.mesh import Body, MeshPainter
from humantrack.render.palette import Rgb, identity_colour
from humantrack.types import Frame, FrameRecord, TrackedPerson

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

MASK_OPACITY = 0.5
LEFT, RIGHT, MIDDLE = (250, 120, 60), (60, 150, 250), (120, 220, 120)

# The first 25 of the 45 joints are in OpenPose's order (golden ARCHITECTURE.md section 4).
BONES: tuple[tuple[int, int, Rgb], ...] = (
    *((a, b, MIDDLE) for a, b in ((0, 1), (1, 8))),
    *((a, b, RIGHT) for a, b in ((1, 2), (2, 3), (3, 4), (8, 9), (9, 10), (10, 11))),
    *((a, b, RIGHT) for a, b in ((11, 22), (11, 24), (0, 15), (15, 17))),
    *((a, b, LEFT) for a, b in ((1, 5), (5, 6), (6, 7), (8, 12), (12, 13), (13, 14))),
    *((a, b, LEFT) for a, b in ((14, 19), (14, 21), (0, 16), (16, 18))),
)


class Overlay:
    """Draws the people of a record over their frame.

    Args:
        body: the body model the people were estimated with.
        kind: ``render.type``.
        output_resolution: cap on the longer side of the picture in pixels; never enlarges.
        head_mask: leave the head undrawn, if the body knows which faces those are.
        device: where meshes are drawn.

    Raises:
        ConfigError: for an unknown ``kind``.
    """

    def __init__(
        self,
        body: Body,
        *,
        kind: str = "HUMAN_MESH",
        output_resolution: int = 1440,
        head_mask: bool = False,
        device: str = "cpu",
    ) -> None:
        self._kind = RenderKind.parse(kind)
        self._cap = output_resolution
        hidden = getattr(body, "head_faces", None) if head_mask else None
        self._mesh = MeshPainter(body, hidden_faces=hidden, device=device)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the picture drawn for a frame of this size."""
        shrink = min(1.0, self._cap / max(height, width)) if self._cap > 0 else 1.0
        return max(1, round(height * shrink)), max(1, round(width * shrink))

    def draw(self, frame: Frame, record: FrameRecord) -> Image:
        """The frame with its people, (h,w,3) uint8 RGB of :meth:`size`."""
        height, width = self.size(frame.height, frame.width)
        if (height, width) == (frame.height, frame.width):
            image = frame.rgb.copy()
        else:
            small = cv2.resize(frame.rgb, (width, height), interpolation=cv2.INTER_AREA)
            image = np.asarray(small, np.uint8)
        people = self._kind.pick(record.people)
        paint = {
            "MESH": self._paint_meshes,
            "MASK": _paint_masks,
            "BBOX": _paint_boxes,
            "SKELETON": _paint_skeletons,
        }[self._kind.style]
        paint(image, people)
        for person in people:
            _paint_label(image, person)
        return image

    def _paint_meshes(self, image: Image, people: Sequence[TrackedPerson]) -> None:
        self._mesh.paint(
            image,
            [p.observation for p in people],
            [identity_colour(p.track_id) for p in people],
        )


def _paint_masks(image: Image, people: Sequence[TrackedPerson]) -> None:
    from pycocotools import mask as coco_mask

    height, width = image.shape[:2]
    for person in people:
        if person.observation.mask is None:
            continue
        mask = coco_mask.decode(person.observation.mask)
        mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
        colour = np.array(identity_colour(person.track_id))
        inside = mask > 0
        image[inside] = (image[inside] * (1 - MASK_OPACITY) + colour * MASK_OPACITY).astype(
            np.uint8
        )
        edges, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(image, edges, -1, identity_colour(person.track_id), _stroke(image))


def _paint_boxes(image: Image, people: Sequence[TrackedPerson]) -> None:
    for person in people:
        x0, y0, x1, y1 = _box(image, person)
        colour = identity_colour(person.track_id)
        cv2.rectangle(image, (x0, y0), (x1, y1), colour, _stroke(image) + 1)


def _paint_skeletons(image: Image, people: Sequence[TrackedPerson]) -> None:
    square = PaddedSquare(*image.shape[:2])
    stroke = _stroke(image) + 1
    for person in people:
        joints = _whole(square.to_image(person.observation.joints_2d))
        for a, b, colour in BONES:
            cv2.line(image, joints[a], joints[b], colour, stroke, cv2.LINE_AA)
        for joint in joints[:25]:
            cv2.circle(image, joint, stroke, identity_colour(person.track_id), -1, cv2.LINE_AA)


def _paint_label(image: Image, person: TrackedPerson) -> None:
    """The track's number above the box, white on its colour."""
    x0, y0, x1, _ = _box(image, person)
    scale = max(0.45, max(image.shape[:2]) / 1500)
    thick = max(1, round(2 * scale))
    words = str(person.track_id)
    (width, height), base = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    left = (x0 + x1 - width) // 2
    bottom = max(y0 - base, height + base)
    pad = max(2, height // 3)
    corner = (left - pad, bottom - height - pad), (left + width + pad, bottom + pad)
    cv2.rectangle(image, *corner, identity_colour(person.track_id), -1)
    at = (left, bottom)
    cv2.putText(
        image, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thick, cv2.LINE_AA
    )


def _box(image: Image, person: TrackedPerson) -> tuple[int, int, int, int]:
    """The person's box in pixels of the picture, which may be smaller than the frame."""
    shrink = max(image.shape[:2]) / max(person.observation.image_size)
    corners = _whole((person.observation.xyxy_px * shrink).reshape(2, 2))
    return (*corners[0], *corners[1])


def _whole(points: Floats) -> list[tuple[int, int]]:
    """Points as whole pixels that OpenCV can take; what is not finite lands far outside."""
    rounded = np.clip(np.nan_to_num(points, nan=-1e4, posinf=1e4, neginf=-1e4), -1e4, 1e4)
    return [(int(x), int(y)) for x, y in np.round(rounded)]


def _stroke(image: Image) -> int:
    return max(1, round(float(max(image.shape[:2])) / 700))
