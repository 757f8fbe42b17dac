"""Boxes that the user gives, in place of a detector's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np

from humantrack.geometry.boxes import clip_to_image
from humantrack.types import Detections, Frame
from humantrack.types.arrays import BoolArray, FloatArray, IntArray, check_shape
from humantrack.types.stages import warm_up_of

FrameName = str | int
"""A frame's file name, with or without folders and extension, or its number from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFrame:
    """The boxes given for one frame.

    Raises:
        ValueError: if the lengths disagree.
    """

    xyxy_px: FloatArray
    """(N,4) corners in pixels."""

    gt_id: IntArray
    """(N,) identities, -1 where none is given."""

    annotation: tuple[object, ...]
    """N annotations (PHALP's ``gt_class``); an empty list where none is given."""

    def __post_init__(self) -> None:
        check_shape("GivenFrame", "xyxy_px", self.xyxy_px, (None, 4))
        n = len(self.xyxy_px)
        check_shape("GivenFrame", "gt_id", self.gt_id, (n,))
        if len(self.annotation) != n:
            raise ValueError(f"GivenFrame.annotation must have {n} entries")


class _Detector(Protocol):
    def detect(self, frames: Sequence[Frame]) -> list[Detections]: ...

    def reset(self) -> None: ...

    def state_dict(self) -> Mapping[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class MaskModel(Protocol):
    """Finds the silhouettes of people whose boxes are known."""

    def silhouettes(self, frame: Frame, xyxy_px: FloatArray) -> BoolArray:
        """(N,4) boxes -> (N,H,W)."""


class GivenBoxes:
    """A detector that looks its boxes up.

    Scores are 1; silhouettes are ellipses in the boxes, unless a model finds better ones. Boxes
    are cut at the image's borders; those wholly outside are left out.

    Args:
        boxes: what is given, by frame. Names meet a frame's key from its end ("b/1.jpg" and
            "1.jpg" both meet "a/b/1.jpg", unless two given frames would); without a name, or for
            a video whose frames have none, numbers decide, and a name such as "000001.jpg" is
            the first frame, as PHALP's extraction counts.
        fallback: finds people in frames for which nothing is given, as PHALP does; None leaves
            them empty.
        masks: finds the silhouettes.
    """

    def __init__(
        self,
        boxes: Mapping[FrameName, GivenFrame],
        *,
        fallback: _Detector | None = None,
        masks: MaskModel | None = None,
    ) -> None:
        self._by_number = {name: given for name, given in boxes.items() if isinstance(name, int)}
        names = {name: given for name, given in boxes.items() if isinstance(name, str)}
        self._by_name = _by_every_name(names)
        self._by_stem_number = {
            int(stem) - 1: given
            for name, given in names.items()
            if (stem := PurePosixPath(name).stem).isdecimal()
        }
        self._fallback, self._masks = fallback, masks

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The given boxes of each frame, in the order given."""
        return [self._one(frame) for frame in frames]

    def reset(self) -> None:
        """Forget all earlier frames (only the fallback remembers any)."""
        if self._fallback is not None:
            self._fallback.reset()

    @property
    def warm_up_s(self) -> float:
        """As much as the fallback needs."""
        return 0.0 if self._fallback is None else warm_up_of(self._fallback)

    def state_dict(self) -> dict[str, Any]:
        """What the fallback remembers."""
        return {} if self._fallback is None else {"fallback": dict(self._fallback.state_dict())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        if self._fallback is not None:
            self._fallback.load_state_dict(state["fallback"])

    def _one(self, frame: Frame) -> Detections:
        given = self._find(frame)
        if given is None:
            if self._fallback is not None:
                return self._fallback.detect([frame])[0]
            return Detections.empty()
        boxes = clip_to_image(given.xyxy_px.astype(np.float32), frame.height, frame.width)
        keep = np.flatnonzero(np.all(boxes[:, 2:] > boxes[:, :2], axis=1))
        boxes = boxes[keep]
        if self._masks is None:
            mask = _ellipses(boxes, frame.height, frame.width)
        else:
            mask = self._masks.silhouettes(frame, boxes)
        return Detections(
            xyxy_px=boxes,
            score=np.ones(len(boxes), np.float32),
            class_id=np.zeros(len(boxes), np.int64),
            mask=mask,
            gt_id=given.gt_id[keep].astype(np.int64),
            annotation=tuple(given.annotation[int(i)] for i in keep),
        )

    def _find(self, frame: Frame) -> GivenFrame | None:
        if isinstance(frame.key, str):
            for name in _names(frame.key):
                if name in self._by_name:
                    return self._by_name[name]
        elif frame.source_index in self._by_stem_number:
            return self._by_stem_number[frame.source_index]
        return self._by_number.get(frame.source_index)


def _names(key: str) -> list[str]:
    """'a/b.jpg' -> 'a/b.jpg', 'b.jpg', 'b': from the strictest to the laxest."""
    parts = PurePosixPath(key.replace("\\", "/")).parts
    return ["/".join(parts[i:]) for i in range(len(parts))] + [PurePosixPath(parts[-1]).stem]


def _by_every_name(boxes: Mapping[str, GivenFrame]) -> dict[str, GivenFrame]:
    """Frames by all their names, without the lax names that two of them share."""
    owners: dict[str, set[str]] = {}
    for key in boxes:
        for name in _names(key):
            owners.setdefault(name, set()).add(key)
    lax = {name: boxes[min(keys)] for name, keys in owners.items() if len(keys) == 1}
    return lax | {_names(key)[0]: given for key, given in boxes.items()}


def _ellipses(xyxy_px: FloatArray, height: int, width: int) -> BoolArray:
    """(N,H,W) the ellipse in each box."""
    out = np.zeros((len(xyxy_px), height, width), bool)
    for mask, (x0, y0, x1, y1) in zip(out, xyxy_px.astype(float), strict=True):
        columns = np.arange(int(x0), int(np.ceil(x1)))
        rows = np.arange(int(y0), int(np.ceil(y1)))
        across = (2 * columns + 1 - x0 - x1) / (x1 - x0)
        down = (2 * rows + 1 - y0 - y1) / (y1 - y0)
        inside = across**2 + down[:, None] ** 2 <= 1
        mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = inside
    return out
