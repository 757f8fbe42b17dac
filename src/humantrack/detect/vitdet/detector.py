"""The network as a detector: frames in batches, scaled in threads while the device works."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from humantrack import models
from humantrack.detect.one_by_one import Memoryless
from humantrack.detect.vitdet import regions
from humantrack.detect.vitdet.cascade import Found
from humantrack.detect.vitdet.masks import paste
from humantrack.detect.vitdet.network import VitDetNetwork, load_vitdet
from humantrack.nn.transfer import to_device, to_host
from humantrack.types import Detections, Frame
from humantrack.types.arrays import ByteArray
from humantrack.weights.catalog import CATALOG
from humantrack.weights.fetch import fetch

WEIGHTS = "cascade_mask_rcnn_vitdet_h.pkl"
"""The official weights' name in the catalogue."""

PERSON = 0
"""The number of a person among the 80 classes."""

GPU_BATCH = 4
"""Frames that a GPU gets at once; one frame's 4096 tokens already fill a large part of it."""


class VitDet(Memoryless):
    """Finds people with Cascade Mask R-CNN on a ViT-H backbone. Remembers nothing.

    Implements the ``Detector`` protocol. Thresholds and input are those of PHALP's
    ``trackers/PHALP.py``. On a CPU frames go through one by one, and each comes out the same
    whatever its company; a GPU may round a batch's frames a little differently from a single one.

    Args:
        device: where it shall run; a GPU, in earnest.
        score: weaker detections are not given.
        weights: a file, or "default" for the official one.
        precision: auto, fp32, bf16 or fp16 (:meth:`VitDetNetwork.set_precision`).
        compiled: compile the backbone on its first run.
        batch_size: frames at once; None: 4 on a GPU, else 1.
        network: one that is loaded already, in place of ``weights``.

    Raises:
        MissingWeightsError: the weights are not there and cannot be fetched.
        WeightsError: they are damaged or not this network's.
    """

    def __init__(
        self,
        *,
        device: str | torch.device = "cpu",
        score: float = 0.5,
        weights: str | Path = "default",
        precision: str = "auto",
        compiled: bool = False,
        batch_size: int | None = None,
        network: VitDetNetwork | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        if network is None:
            path = fetch(CATALOG[WEIGHTS]) if weights == "default" else Path(weights)
            network = load_vitdet(path, device=device, precision=precision, compiled=compiled)
        self.network, self._score = network, score
        self._side = network.sizes.side_px
        self._batch_size = batch_size or (GPU_BATCH if network.device.type == "cuda" else 1)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Boxes of every frame with their masks, best first, clipped to the image."""
        frames, side = list(frames), self._side
        scaled = [models.pool().submit(scaled_to, frame.rgb, side) for frame in frames]
        size = self._batch_size
        return [
            found
            for i in range(0, len(frames), size)
            for found in self._batch(frames[i : i + size], scaled[i : i + size])
        ]

    @torch.inference_mode()
    def _batch(
        self, frames: Sequence[Frame], scaled: Sequence[Future[ByteArray]]
    ) -> list[Detections]:
        pictures = np.zeros((len(frames), self._side, self._side, 3), np.uint8)
        sizes: list[regions.Size] = []
        for picture, future in zip(pictures, scaled, strict=True):
            small = future.result()
            height, width = small.shape[:2]
            picture[:height, :width] = small
            sizes.append((height, width))
        found, masks = self.network(
            to_device(pictures, self.network.device), sizes, least_score=self._score, label=PERSON
        )
        waiting = [
            self._placed(frame, size, one, some)
            for frame, size, one, some in zip(frames, sizes, found, masks, strict=True)
        ]
        arrays = to_host(*(tensor for one in waiting for tensor in one))
        return [
            Detections(
                xyxy_px=arrays[i],
                score=np.clip(arrays[i + 1], 0, 1),
                class_id=np.zeros(len(arrays[i]), np.int64),
                mask=arrays[i + 2],
            )
            for i in range(0, len(arrays), 3)
        ]

    def _placed(
        self, frame: Frame, size: regions.Size, found: Found, masks: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Boxes, scores and masks in the frame's own pixels, on the device."""
        scale = [frame.width / size[1], frame.height / size[0]] * 2
        boxes = found.boxes * found.boxes.new_tensor(scale)
        boxes = regions.clipped(boxes, (frame.height, frame.width))
        keep = regions.has_area(boxes)
        boxes = boxes[keep]
        return boxes, found.score[keep], paste(masks[keep], boxes, frame.height, frame.width)


def scaled_to(rgb: ByteArray, side_px: int) -> ByteArray:
    """A picture scaled so that its longer side has so many pixels, as the network was trained.

    Args:
        rgb: (H,W,3) uint8.
        side_px: of the network's picture.

    Returns:
        (h,w,3) uint8, bilinear over all pixels that one covers (Pillow), one of h and w the side.
    """
    height, width = scaled_size(rgb.shape[0], rgb.shape[1], side_px)
    if (height, width) == rgb.shape[:2]:
        return rgb
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def scaled_size(height: int, width: int, side_px: int) -> tuple[int, int]:
    """Height and width that a picture is scaled to.

    The shorter side is brought to ``side_px`` first and the longer one then cut to it, each in
    floating point and rounded at the end, as detectron2's ResizeShortestEdge does it.
    """
    scale = side_px / min(height, width)
    tall, wide = (side_px, scale * width) if height < width else (scale * height, side_px)
    if max(tall, wide) > side_px:
        scale = side_px / max(tall, wide)
        tall, wide = tall * scale, wide * scale
    return max(int(tall + 0.5), 1), max(int(wide + 0.5), 1)
