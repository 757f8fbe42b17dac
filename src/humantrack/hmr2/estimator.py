"""The estimator stage on HMR2: frames and boxes -> bodies, in batches across people and frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from humantrack.body.placing import place_bodies
from humantrack.geometry.boxes import NETWORK_ASPECT, Aspect, expand_to_aspect
from humantrack.geometry.cameras import PaddedSquare
from humantrack.geometry.crops import crops_with_masks
from humantrack.hmr2.network import Hmr2, Hmr2Output
from humantrack.nn.transfer import to_device, to_host
from humantrack.types import CODE_SIZE, Appearance, BodyBatch, Detections, Frame, People
from humantrack.types.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CroppedPeople:
    """N people of one or several frames, on the network's device, as a texture stage needs them."""

    crops: Tensor
    """(N,4,256,256) float32: normalised RGB, and the mask 0..255 with soft edges"""

    output: Hmr2Output
    """What the network says of them."""


class AppearanceStage(Protocol):
    """Describes people's appearance."""

    def describe(self, people: CroppedPeople) -> Appearance:
        """One entry per person, in their order."""


@dataclass(frozen=True, slots=True)
class _Result:
    """N people as arrays."""

    global_orient: FloatArray
    body_pose: FloatArray
    betas: FloatArray
    cam: FloatArray
    joints: FloatArray
    appearance: Appearance

    def rows(self, start: int, stop: int) -> _Result:
        """Those people."""
        appearance = self.appearance
        cut = slice(start, stop)
        return _Result(
            self.global_orient[cut],
            self.body_pose[cut],
            self.betas[cut],
            self.cam[cut],
            self.joints[cut],
            Appearance(
                code=appearance.code[cut], uv=None if appearance.uv is None else appearance.uv[cut]
            ),
        )


class Hmr2Estimator:
    """Boxes -> bodies. Implements the ``Estimator`` protocol; remembers nothing between frames.

    Args:
        network: from :func:`humantrack.hmr2.network.load_hmr2`.
        appearance: people's appearance; without it all codes are zero.
        batch_size: people that go through the network at once.
        min_size_px: narrower or lower boxes are dropped (PHALP's ``small_w`` and ``small_h``).
        aspect: (width, height) boxes are grown to before they are cut out; None leaves them.
    """

    def __init__(
        self,
        network: Hmr2,
        *,
        appearance: AppearanceStage | None = None,
        batch_size: int = 32,
        min_size_px: tuple[float, float] = (50, 100),
        aspect: Aspect | None = NETWORK_ASPECT,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._network = network
        self._appearance = appearance
        self._batch_size = batch_size
        self._min_size = min_size_px
        self._aspect = aspect
        self._device = network.device

    warm_up_s = 0.0
    """It remembers nothing."""

    def reset(self) -> None:
        """Nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[People]:
        """One ``People`` per frame; ``source`` names the rows of the boxes that were kept."""
        rows = [self._large(found) for found in detections]
        kept = [found[index] for found, index in zip(detections, rows, strict=True)]
        results = self._run(frames, kept)
        return [
            People(
                detections=found,
                bodies=_bodies(result, frame, self._padded(found)),
                appearance=result.appearance,
                padded_xyxy_px=self._padded(found),
                source=index,
            )
            if len(found)
            else People.empty()
            for frame, found, index, result in zip(frames, kept, rows, results, strict=True)
        ]

    def bodies(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[BodyBatch]:
        """One ``BodyBatch`` per frame, for every box, whatever its size."""
        results = self._run(frames, detections)
        return [
            _bodies(result, frame, self._padded(found))
            for frame, found, result in zip(frames, detections, results, strict=True)
        ]

    def _padded(self, found: Detections) -> FloatArray:
        return expand_to_aspect(found.xyxy_px, self._aspect)

    def _large(self, found: Detections) -> IntArray:
        size = found.xyxy_px[:, 2:] - found.xyxy_px[:, :2]
        return np.flatnonzero((size >= self._min_size).all(axis=1))

    @torch.inference_mode()
    def _run(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[_Result]:
        """All people in batches, put back by frame."""
        counts = [len(found) for found in detections]
        people = [(frame, row) for frame, count in enumerate(counts) for row in range(count)]
        size = self._batch_size
        batches = [
            self._batch(frames, detections, people[i : i + size])
            for i in range(0, max(len(people), 1), size)
        ]
        everyone = _joined(batches)
        ends = np.cumsum(counts)
        return [everyone.rows(end - count, end) for end, count in zip(ends, counts, strict=True)]

    def _batch(
        self,
        frames: Sequence[Frame],
        detections: Sequence[Detections],
        people: Sequence[tuple[int, int]],
    ) -> _Result:
        """People given as (frame, row of its detections)."""
        crops = [torch.zeros(0, 4, 256, 256, device=self._device)]
        for frame in sorted({frame for frame, _ in people}):
            rows = [row for owner, row in people if owner == frame]
            crops.append(self._cut(frames[frame], detections[frame][rows]))
        joined = torch.cat(crops)
        output = self._network(joined[:, :3])
        if self._appearance is None or not people:
            appearance = Appearance(code=np.zeros((len(people), CODE_SIZE), np.float32))
        else:
            appearance = self._appearance.describe(CroppedPeople(crops=joined, output=output))
        parts = (output.global_orient, output.body_pose, output.betas, output.cam)
        orient, pose, betas, cam, joints = to_host(*parts, output.keypoints_3d)
        return _Result(orient, pose, betas, cam, joints, appearance)

    def _cut(self, frame: Frame, found: Detections) -> Tensor:
        """(N,4,256,256) crops of one frame; a detector without masks gets the box as mask."""
        rgb = to_device(frame.rgb, self._device)
        mask = None if found.mask is None else to_device(found.mask, self._device)
        return crops_with_masks(rgb, found.xyxy_px, mask, self._aspect)


def _joined(batches: Sequence[_Result]) -> _Result:
    """Results one after another."""
    appearances = [batch.appearance for batch in batches]
    maps = [appearance.uv for appearance in appearances if appearance.uv is not None]
    return _Result(
        np.concatenate([batch.global_orient for batch in batches]),
        np.concatenate([batch.body_pose for batch in batches]),
        np.concatenate([batch.betas for batch in batches]),
        np.concatenate([batch.cam for batch in batches]),
        np.concatenate([batch.joints for batch in batches]),
        Appearance(
            code=np.concatenate([appearance.code for appearance in appearances]),
            uv=np.concatenate(maps) if len(maps) == len(appearances) else None,
        ),
    )


def _bodies(result: _Result, frame: Frame, padded_xyxy_px: FloatArray) -> BodyBatch:
    """The people of one frame, their cameras moved from the crops to its padded square."""
    return place_bodies(
        global_orient=result.global_orient,
        body_pose=result.body_pose,
        betas=result.betas,
        cam_crop=result.cam,
        joints=result.joints,
        padded_xyxy_px=padded_xyxy_px,
        square=PaddedSquare(frame.height, frame.width),
    )
