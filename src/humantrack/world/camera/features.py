"""Follows points of the background from frame to frame.

Every point has a template in the newest key picture: it is found from the frame before, and its
place is then measured against the template, so that small errors do not add up. Points begin in
key pictures only; a new one is taken when too few points are left or they have moved far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from humantrack.types import Frame
from humantrack.types.arrays import BoolArray, ByteArray, FloatArray, IntArray
from humantrack.world.camera.evidence import FrameTracks, quantised
from humantrack.world.camera.places import PlaceMemory

SIDE = 640
"""Pixels of the reduced picture's longer side."""

POINTS = 260
_APART = 12
"""Pixels between points when they begin."""

_QUALITY = 0.003
"""Of the best corner, that others must reach: plain walls have weak corners only."""

_WEAKEST = 2e-5
"""Smallest eigenvalue of a corner (pictures of 0..1): below it there is only noise to follow."""

_WINDOW = (15, 15)
_LEVELS = 3
_COARSE = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.03)
_FINE = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.005)
_AGREE = 1.2
"""Pixels by which the two measurements of a place may differ."""

_UNLIKE = 12.0
"""Mean grey levels by which a point may differ from its template, after a change of the light."""

_FEWER = 0.7
"""A new key picture is taken when less than this share of the last one's points is left."""

_FAR = 0.07
"""... or half of them have moved this far, in sides of the picture."""

_LOST = 0.25
"""A picture in which less than this share is found again is skipped: a flash, a blur, black."""

_PATIENCE = 12
"""Pictures that may be skipped before the points are given up."""

_FEWEST = 8


class BackgroundTracker:
    """Follows the background of a video, a frame at a time; its memory is constant."""

    def __init__(self) -> None:
        self._places = PlaceMemory()
        self._next_id = 0
        self._size = (0, 0)
        self._skipped = 0
        self._key: ByteArray | None = None
        self._key_count = 0
        self._last: ByteArray | None = None
        self._ids = np.zeros(0, np.int64)
        self._xy = np.zeros((0, 2), np.float32)
        self._key_xy = np.zeros((0, 2), np.float32)

    @staticmethod
    def reduced(rgb: ByteArray) -> ByteArray:
        """The picture in grey, its longer side ``SIDE`` or less."""
        height, width = rgb.shape[:2]
        factor = min(1.0, SIDE / max(height, width))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        # Halves are fast to make; odd factors by areas cost several times as much.
        while min(grey.shape) > 1 and max(grey.shape) >= 2 * max(size):
            half = grey.shape[1] // 2, grey.shape[0] // 2
            grey = cv2.resize(
                grey[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA
            )
        if grey.shape[::-1] != size:
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR)
        return grey.astype(np.uint8)

    def follow(self, frame: Frame, picture: ByteArray, mask: ByteArray) -> FrameTracks:
        """Where the points are in a frame.

        Args:
            frame: the next one.
            picture: the frame, ``reduced``.
            mask: (H,W) uint8 of that size, 0 where people are.
        """
        is_start = frame.is_shot_start or self._size not in {(0, 0), (frame.width, frame.height)}
        if is_start:
            self._forget()
        self._size = frame.width, frame.height
        links: IntArray = np.zeros((0, 2), np.int64)
        is_seen = self._key is None or self._step(picture, mask)
        if is_seen:
            self._skipped = 0
            if self._wants_key():
                links = self._take_key(picture, mask)
            self._last = picture
        else:
            self._skipped += 1
            if self._skipped > _PATIENCE:
                self._key = None
        return FrameTracks(
            index=frame.index,
            time_s=frame.time_s,
            width=frame.width,
            height=frame.height,
            is_shot_start=is_start,
            scale=max(frame.width, frame.height) / max(picture.shape),
            ids=self._ids if is_seen else np.zeros(0, np.int64),
            xy=quantised(self._xy + 0.5) if is_seen else np.zeros((0, 2)),
            links=links,
        )

    def state_dict(self) -> Mapping[str, Any]:
        """All that the coming frames depend on."""
        state = {name: getattr(self, f"_{name}") for name in _STATE}
        return {**state, "places": self._places.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        for name in _STATE:
            setattr(self, f"_{name}", state[name])
        self._size = (int(self._size[0]), int(self._size[1]))
        self._places.load_state_dict(state["places"])

    def _forget(self) -> None:
        self._places = PlaceMemory()
        self._key = self._last = None
        self._skipped = 0

    def _step(self, picture: ByteArray, mask: ByteArray) -> bool:
        """Find the points again; False if this picture shows too few of them."""
        if not len(self._ids):
            return True
        found, xy = self._found(picture)
        col, row = np.clip(np.round(xy).astype(int), 0, np.array(picture.shape[::-1]) - 1).T
        free = mask[row, col] > 0
        before = np.clip(np.round(self._xy).astype(int), 0, np.array(picture.shape[::-1]) - 1)
        # Those that people cover are not missed.
        expected = int((mask[before[:, 1], before[:, 0]] > 0).sum())
        keep = found & free
        if keep.sum() < max(min(_FEWEST, expected), _LOST * expected):
            return False
        self._ids, self._xy, self._key_xy = self._ids[keep], xy[keep], self._key_xy[keep]
        return True

    def _found(self, picture: ByteArray) -> tuple[BoolArray, FloatArray]:
        """Which points are found again, and where: (N,), (N,2)."""
        flow: Any = cv2.calcOpticalFlowPyrLK
        near, seen, _ = flow(
            *(self._last, picture, self._xy[:, None], None),
            **{"winSize": _WINDOW, "maxLevel": _LEVELS, "criteria": _COARSE},
        )
        xy, same, unlike = flow(
            *(self._key, picture, self._key_xy[:, None], near.copy()),
            **{"winSize": _WINDOW, "maxLevel": 0, "criteria": _FINE},
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )
        near, xy = near[:, 0], xy[:, 0]
        height, width = picture.shape
        inside = ((xy >= 2) & (xy <= [width - 3, height - 3])).all(axis=1)
        close = np.abs(xy - near).max(axis=1) < _AGREE
        difference = unlike[:, 0]
        usual = np.median(difference[inside]) if inside.any() else 0.0
        alike = difference < _UNLIKE + 2 * usual
        ok = (seen[:, 0] > 0) & (same[:, 0] > 0) & inside & close & alike & np.isfinite(xy).all(1)
        return ok, np.where(np.isfinite(xy), xy, -1).astype(np.float32)

    def _wants_key(self) -> bool:
        if self._key is None or len(self._ids) < max(_FEWER * self._key_count, _FEWEST):
            return True
        moved = np.median(np.linalg.norm(self._xy - self._key_xy, axis=1))
        return bool(moved > _FAR * max(self._key.shape))

    def _take_key(self, picture: ByteArray, mask: ByteArray) -> IntArray:
        """Make this the key picture; new points, and which of them are places seen before."""
        if self._key is None:  # what was followed is given up
            self._ids, self._xy = self._ids[:0], self._xy[:0]
        free = mask.copy()
        for x, y in np.round(self._xy).astype(int):
            cv2.circle(free, (int(x), int(y)), _APART, 0, -1)
        new = _corners(picture, free, POINTS - len(self._ids))
        ids = np.arange(self._next_id, self._next_id + len(new))
        self._next_id += len(new)
        self._ids = np.concatenate([self._ids, ids])
        self._xy = np.concatenate([self._xy, new]).astype(np.float32)
        self._key, self._key_xy, self._key_count = picture, self._xy, len(self._ids)
        return self._places.recognise(picture, self._ids, self._xy)


_STATE = ("next_id", "size", "skipped", "key", "key_count", "last", "ids", "xy", "key_xy")


def _corners(picture: ByteArray, free: ByteArray, count: int) -> FloatArray:
    """(N,2) float32 corners where ``free`` is not 0, at most ``count``."""
    none = np.zeros((0, 2), np.float32)
    if count <= 0 or min(picture.shape) < 16 or not free.any():
        return none
    found = cv2.goodFeaturesToTrack(
        *(picture, count, _QUALITY, _APART), mask=free, blockSize=5, useHarrisDetector=False
    )
    if found is None:
        return none
    found = found[:, 0]
    strength = cv2.cornerMinEigenVal(picture, 5)
    col, row = np.round(found).astype(int).T
    return np.asarray(found[strength[row, col] > _WEAKEST], np.float32)
