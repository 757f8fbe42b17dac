"""The estimator stage on HMAR alone (PHALP without 4D-Humans): boxes -> bodies and textures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from humantrack.appearance.encoder import TextureEncoder
from humantrack.appearance.hmar import Hmar, HmarOutput
from humantrack.body.placing import place_bodies
from humantrack.geometry.boxes import NETWORK_ASPECT, Aspect, expand_to_aspect
from humantrack.geometry.cameras import PaddedSquare
from humantrack.geometry.crops import crops_with_masks
from humantrack.types import Appearance, Detections, Frame, People
from humantrack.types.arrays import FloatArray, IntArray


class HmarEstimator:
    """Boxes -> bodies. Implements the ``Estimator`` protocol; remembers nothing between frames.

    Args:
        network: from :func:`humantrack.appearance.hmar.load_hmar`.
        batch_size: people that go through the network at once.
        min_size_px: narrower or lower boxes are dropped (PHALP's ``small_w`` and ``small_h``).
        aspect: (width, height) boxes are grown to before they are cut out; None leaves them.
    """

    def __init__(
        self,
        network: Hmar,
        *,
        batch_size: int = 32,
        min_size_px: tuple[float, float] = (50, 100),
        aspect: Aspect | None = NETWORK_ASPECT,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._network, self._batch_size, self._min_size = network, batch_size, min_size_px
        self._aspect = aspect
        self._encoder = TextureEncoder(network.encoding_head, batch_size=batch_size)

    def reset(self) -> None:
        """Nothing to forget."""

    warm_up_s = 0.0
    """It remembers nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[People]:
        """One ``People`` per frame; ``source`` names the rows of the boxes that were kept."""
        people = []
        for frame, found in zip(frames, detections, strict=True):
            size = found.xyxy_px[:, 2:] - found.xyxy_px[:, :2]
            rows = np.flatnonzero((size >= self._min_size).all(axis=1))
            people.append(self._people(frame, found[rows], rows) if len(rows) else People.empty())
        return people

    @torch.inference_mode()
    def _people(self, frame: Frame, found: Detections, rows: IntArray) -> People:
        """At least one person of one frame."""
        device = self._network.device
        rgb = torch.tensor(frame.rgb, device=device)
        mask = None if found.mask is None else torch.tensor(found.mask, device=device)
        crops = crops_with_masks(rgb, found.xyxy_px, mask, self._aspect)
        outputs = [self._network(part) for part in torch.split(crops, self._batch_size)]
        orient, pose, betas, cam, uv = (
            _joined(outputs, name)
            for name in ("global_orient", "body_pose", "betas", "cam", "uv_vector")
        )
        joints = [self._network.smpl(o.global_orient, o.body_pose, o.betas)[1] for o in outputs]
        padded = expand_to_aspect(found.xyxy_px, self._aspect)
        bodies = place_bodies(
            global_orient=orient,
            body_pose=pose,
            betas=betas,
            cam_crop=cam,
            joints=torch.cat(joints).cpu().numpy(),
            padded_xyxy_px=padded,
            square=PaddedSquare(frame.height, frame.width),
        )
        return People(
            detections=found,
            bodies=bodies,
            appearance=Appearance(code=self._encoder(uv), uv=uv),
            padded_xyxy_px=padded,
            source=rows,
        )


def _joined(outputs: Sequence[HmarOutput], name: str) -> FloatArray:
    """One field of all batches."""
    return np.asarray(torch.cat([getattr(output, name) for output in outputs]).cpu())
