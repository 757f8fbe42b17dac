"""Knows places of the background again when the camera comes back to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from humantrack.types.arrays import ByteArray, FloatArray, IntArray

_VIEWS = 48
"""Key pictures that are remembered."""

_POINTS = 200
"""Points that are remembered of each."""

_SAMPLE = 48
"""Points of a new picture that look for the older one which is most like it."""

_NEAREST = 3
"""Newest key pictures that are not asked: their points are still being followed."""

_BITS = 60
"""Bits (of 256) by which two descriptions of one place may differ."""

_SECOND = 0.8
"""Share of the second best's difference that the best may have."""

_MATCHES = 14
_OFF_PX = 4.0
_PATCH = 31


@dataclass(frozen=True, slots=True)
class _View:
    ids: IntArray
    xy: FloatArray
    code: ByteArray


_orb: Any = cv2.ORB_create  # type: ignore[attr-defined]  # its stubs lack it


class PlaceMemory:
    """Descriptions (ORB) of the points of a bounded number of key pictures."""

    def __init__(self) -> None:
        self._views: list[_View] = []
        self._orb = _orb(edgeThreshold=_PATCH // 2 + 1, patchSize=_PATCH)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)

    def recognise(self, picture: ByteArray, ids: IntArray, xy: FloatArray) -> IntArray:
        """Remember a key picture and find which of its points an older one has.

        Args:
            picture: (H,W) uint8.
            ids: (N,) numbers of its points.
            xy: (N,2) where they are.

        Returns:
            (M,2) numbers: of this picture, of the older one.
        """
        new = self._described(picture, ids, xy)
        links: IntArray = np.zeros((0, 2), np.int64)
        older = self._views[:-_NEAREST]
        if older and len(new.ids) >= _MATCHES:
            view = self._most_alike(new, older)
            if view is not None:
                links = self._matched(new, view)
        self._remember(new)
        return links

    def state_dict(self) -> Mapping[str, Any]:
        """What is remembered."""
        return {"views": [{"ids": v.ids, "xy": v.xy, "code": v.code} for v in self._views]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._views = [_View(**view) for view in state["views"]]

    def _described(self, picture: ByteArray, ids: IntArray, xy: FloatArray) -> _View:
        points = [
            cv2.KeyPoint(float(x), float(y), _PATCH, 0, 0, 0, number)
            for number, (x, y) in enumerate(xy[:_POINTS])
        ]
        kept, code = self._orb.compute(picture, points) if points else ((), None)
        if code is None:
            return _View(ids[:0], xy[:0], np.zeros((0, 32), np.uint8))
        rows = np.array([point.class_id for point in kept], int)
        return _View(ids[rows], xy[rows], code)

    def _most_alike(self, new: _View, older: list[_View]) -> _View | None:
        """The view that a sample of the points points to, if enough agree."""
        codes = np.concatenate([view.code for view in older])
        owner = np.repeat(np.arange(len(older)), [len(view.ids) for view in older])
        if not len(owner):
            return None
        rows = np.unique(np.linspace(0, len(new.ids) - 1, _SAMPLE).astype(int))
        found = self._matcher.match(np.ascontiguousarray(new.code[rows]), codes)
        good = [owner[match.trainIdx] for match in found if match.distance < _BITS]
        votes = np.bincount(np.array(good, int), minlength=len(older))
        best = int(votes.argmax())
        # Neighbouring views show the same places and share the votes.
        around = votes[max(0, best - 2) : best + 3].sum()
        return older[best] if around >= max(4, len(rows) // 8) else None

    def _matched(self, new: _View, old: _View) -> IntArray:
        """Pairs that agree on one motion of the picture."""
        none = np.zeros((0, 2), np.int64)
        pairs = self._matcher.knnMatch(new.code, old.code, k=2)
        good = [
            (first.queryIdx, first.trainIdx)
            for first, *rest in pairs
            if first.distance < _BITS and (not rest or first.distance < _SECOND * rest[0].distance)
        ]
        if len(good) < _MATCHES:
            return none
        here, there = np.array(good).T
        _, once = np.unique(there, return_index=True)
        here, there = here[once], there[once]
        if len(here) < _MATCHES:
            return none
        cv2.setRNGSeed(0)
        _, inlier = cv2.findFundamentalMat(
            *(new.xy[here], old.xy[there], cv2.FM_RANSAC, _OFF_PX / 2, 0.999, 500)
        )
        if inlier is None:
            return none
        keep = inlier.ravel() > 0
        if keep.sum() < _MATCHES:
            return none
        links = np.stack([new.ids[here[keep]], old.ids[there[keep]]], axis=1)
        return np.asarray(links[links[:, 0] != links[:, 1]])

    def _remember(self, view: _View) -> None:
        self._views.append(view)
        if len(self._views) > _VIEWS:
            # Every second of the older half goes: the past is kept, less densely.
            half = _VIEWS // 2
            self._views = self._views[:half:2] + self._views[half:]
