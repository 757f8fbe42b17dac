"""Our pipeline with a genuine class in place of all stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from humantrack.body.smpl import Smpl
from humantrack.config.options import with_values
from humantrack.detect import GivenBoxes
from humantrack.phalp import PHALP, Defaults
from humantrack.types import Frame
from humantrack.upstream.genuine import contained
from humantrack.upstream.stages import GenuineTracker, describe, detect


class Bridge(PHALP):
    """Runs a genuine class: its hooks and tracker, everything else is ours.

    Args:
        phalp: an ``UpstreamTracker``.
    """

    defaults = Defaults(predict="TPL", small_w=50, small_h=100, detector="vitdet")

    body: Any
    detector: Any
    estimator: Any
    tracker: Any

    def __init__(self, phalp: Any) -> None:
        self.genuine = phalp
        # A hook may look at the tracker, and an error costs its frame only; a genuine class cannot
        # be resumed half-way.
        super().__init__(with_values(phalp.ours, batch_frames=1, checkpoint__enable=False))

    def setup_hmr(self) -> None:
        """The genuine class has its own; the overlay needs a body."""
        keys = self.genuine.cfg.SMPL
        self.estimator, self.body = _Inside(), None
        if self.cfg.render.enable:
            self.body = Smpl.from_files(Path(keys.MODEL_PATH), Path(keys.JOINT_REGRESSOR_EXTRA))

    def setup_detector(self) -> None:
        """The genuine class has its own; given boxes are looked up here."""
        self.detector = _Inside()
        self._given = None if self.given_boxes is None else GivenBoxes(self.given_boxes)

    def setup_deepsort(self) -> None:
        """The genuine tracker."""
        self.tracker = GenuineTracker(
            self.genuine, device=self.device, quirks=self.cfg.phalp.reference_quirks
        )

    def observe(self, frames: Sequence[Frame]) -> list[Any]:
        """For each frame the genuine detections, as the genuine tracker takes them."""
        with contained(self.device), torch.no_grad():
            return [self._observe(frame) for frame in frames]

    def _observe(self, frame: Frame) -> list[Any]:
        given = self._boxes(frame)
        self.genuine.cfg.phalp.shot = int(frame.is_shot_start)
        self.tracker.frame_key = frame.key
        if self._given is not None and not given and not self.cfg.phalp.reference_quirks:
            return []  # PHALP would detect, and match by an identity that nobody gave
        return describe(self.genuine, frame, detect(self.genuine, frame, given))

    def _boxes(self, frame: Frame) -> dict[Any, Any]:
        """The frame's given boxes as PHALP's ``additional_data``; empty without any."""
        found = None if self._given is None else self._given.detect([frame])[0]
        if not found:
            return {}
        corners = found.xyxy_px
        extra = {
            "gt_track_id": [] if found.gt_id is None else found.gt_id.tolist(),
            "gt_class": list(found.annotation or ()),
        }
        boxes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
        return {frame.key: {"gt_bbox": boxes, "extra_data": extra}}


class _Inside:
    """Stands for a stage that is part of the genuine class."""

    def reset(self) -> None:
        """Nothing to forget."""
