"""Where the people are not: the part of a picture in which the background is followed."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as rle

from humantrack.types import FrameRecord, TrackedPerson
from humantrack.types.arrays import ByteArray
from humantrack.types.record import RleMask

_MARGIN = 0.012
"""Widening of a silhouette, in sides of the picture: edges of a person smear into the pixels
beside them, and points there move half with the person."""

_STALE = 0.02
"""Widening of a silhouette for every frame since it was seen, up to ``_STALE_MOST``."""

_STALE_MOST = 0.1

_COARSE = 4
"""Pixels of the picture for one of the mask while it is being made."""


def background(record: FrameRecord, shape: tuple[int, ...]) -> ByteArray:
    """255 where the picture shows no person, else 0.

    Args:
        record: the people of the frame.
        shape: (H,W) of the reduced picture.

    Returns:
        (H,W) uint8.
    """
    height, width = shape[:2]
    coarse = -(-height // _COARSE), -(-width // _COARSE)
    people = np.zeros(coarse, np.uint8)
    fresh = [person for person in record.people if not person.missed]
    for group in (fresh, *([person] for person in record.people if person.missed)):
        if group:
            stale = min(group[0].missed * _STALE, _STALE_MOST)
            margin = _disc(round(max(coarse) * (_MARGIN + stale)))
            people = np.maximum(
                people, cv2.dilate(_drawn(group, record.image_size, coarse), margin)
            )
    free = np.where(people > 0, 0, 255).astype(np.uint8)
    return cv2.resize(free, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def _drawn(
    people: list[TrackedPerson], image_size: tuple[int, int], shape: tuple[int, int]
) -> ByteArray:
    """(H,W) uint8, not 0 where these people are; a box where there is no silhouette."""
    height, width = shape
    out = np.zeros(shape, np.uint8)
    masks = []
    for person in people:
        mask = person.observation.mask
        if mask is not None and tuple(mask["size"]) == tuple(image_size):
            masks.append(mask)
            continue
        scale = np.array([width / image_size[1], height / image_size[0]] * 2)
        box = person.observation.xyxy_px.astype(np.float64) * scale
        if np.isfinite(box).all():
            x0, y0, x1, y1 = np.clip(box, 0, [width, height] * 2)
            out[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = 255
    if masks:
        whole = rle.decode(rle.merge([_bytes(mask) for mask in masks]))
        # Areas are averaged, so that a thin arm does not fall between the pixels.
        step = max(1, min(whole.shape[0] // height, whole.shape[1] // width) // 3)
        some = cv2.transpose(np.ascontiguousarray(whole.T[::step, ::step])) * 255
        small = cv2.resize(some, (width, height), interpolation=cv2.INTER_AREA)
        out = np.maximum(out, small.astype(np.uint8))
    return out


def _bytes(mask: RleMask) -> dict[str, Any]:
    """A mask whose counts are bytes, as pycocotools merges them."""
    counts: Any = mask["counts"]
    as_bytes = counts.encode("ascii") if isinstance(counts, str) else counts
    return {"size": mask["size"], "counts": as_bytes}


@cache
def _disc(radius: int) -> ByteArray:
    size = 2 * max(1, radius) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.uint8)
