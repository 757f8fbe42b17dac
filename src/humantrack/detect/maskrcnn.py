"""Mask R-CNN of torchvision: boxes and outlines of people, weights fetched on first use."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from humantrack.detect.one_by_one import OneByOne
from humantrack.errors import DependencyError
from humantrack.types import Detections, Frame
from humantrack.types.arrays import BoolArray, FloatArray
from humantrack.weights.catalog import CATALOG
from humantrack.weights.checkpoint import load_strict, read_state_dict
from humantrack.weights.fetch import fetch

if TYPE_CHECKING:
    import torch

WEIGHTS = "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth"
"""The official weights' name in the catalogue (46 million numbers, 177 MiB)."""

PERSON = 1
"""COCO's number for a person; 0 is the background."""


class MaskRcnn(OneByOne):
    """Finds people with torchvision's ``maskrcnn_resnet50_fpn_v2``. Remembers nothing.

    Frames go through one by one: a batch pads pictures to a common size, which would make the
    result depend on the company a frame is in.

    Args:
        device: where it shall run.
        score: weaker detections are not given (PHALP's detectors start at 0.5, too).
        weights: a file, "default" for the official one, None for random ones (tests).
        short_side_px: frames are scaled so that their shorter side has this many pixels ...
        long_side_px: ... or, where that is less, their longer side this many.

    Raises:
        DependencyError: torchvision is missing or does not go with the torch there is.
        MissingWeightsError: the weights are not there and cannot be fetched.
        WeightsError: they are not this network's.
    """

    def __init__(
        self,
        *,
        device: str | torch.device = "cpu",
        score: float = 0.5,
        weights: str | Path | None = "default",
        short_side_px: int = 800,
        long_side_px: int = 1333,
    ) -> None:
        models = check_torchvision("Mask R-CNN")
        path = None if weights is None else Path(weights)
        if weights == "default":
            path = fetch(CATALOG[WEIGHTS])
        self.network: Any = models.maskrcnn_resnet50_fpn_v2(
            weights=None,
            weights_backbone=None,
            box_score_thresh=score,
            min_size=short_side_px,
            max_size=long_side_px,
        )
        if path is not None:
            load_strict(self.network, read_state_dict(path, entry=None), where=path)
        self.network.requires_grad_(False).eval().to(device)
        self._device = device

    def _detect(self, frame: Frame) -> Detections:
        import torch

        network, size = self.network, (frame.height, frame.width)
        with torch.inference_mode():
            # The network's own forward, but for the choice of people before their masks are
            # blown up to the size of the frame.
            images, features = self._look(frame)
            proposals, _ = network.rpn(images, features)
            found, _ = network.roi_heads(features, proposals, images.image_sizes)
            people = [{k: v[one["labels"] == PERSON] for k, v in one.items()} for one in found]
            (found,) = network.transform.postprocess(people, images.image_sizes, [size])
            boxes, score = found["boxes"].float().cpu().numpy(), found["scores"].float().cpu()
            mask = (found["masks"][:, 0] >= 0.5).cpu().numpy()
        return Detections(
            xyxy_px=boxes,
            score=score.numpy(),
            class_id=np.zeros(len(boxes), np.int64),
            mask=mask,
        )

    def silhouettes(self, frame: Frame, xyxy_px: FloatArray) -> BoolArray:
        """Masks (N,H,W) of people whose boxes (N,4) are known; the boxes are believed."""
        import torch

        if not len(xyxy_px):
            return np.zeros((0, frame.height, frame.width), bool)
        network, size = self.network, (frame.height, frame.width)
        with torch.inference_mode():
            images, features = self._look(frame)
            height, width = images.image_sizes[0]
            scale = np.array([width / frame.width, height / frame.height] * 2, np.float32)
            boxes = torch.tensor(np.asarray(xyxy_px, np.float32) * scale, device=self._device)
            heads = network.roi_heads
            pooled = heads.mask_roi_pool(features, [boxes], images.image_sizes)
            logits = heads.mask_predictor(heads.mask_head(pooled))
            people = [{"boxes": boxes, "masks": logits[:, PERSON : PERSON + 1].sigmoid()}]
            (found,) = network.transform.postprocess(people, images.image_sizes, [size])
            mask: BoolArray = (found["masks"][:, 0] >= 0.5).cpu().numpy()
        return mask

    def _look(self, frame: Frame) -> tuple[Any, Any]:
        """The frame as the network takes it, and its features."""
        import torch

        rgb = torch.tensor(frame.rgb, device=self._device).permute(2, 0, 1).float() / 255
        images, _ = self.network.transform([rgb])
        return images, self.network.backbone(images.tensors)


def check_torchvision(what: str) -> Any:
    """``torchvision.models.detection``, if torchvision works.

    Args:
        what: needs it.

    Raises:
        DependencyError: if not.
    """
    other = "or use phalp.detector=nanodet, which needs neither"
    try:
        import torch
        from torchvision.models import detection
        from torchvision.ops import nms

        nms(torch.zeros(0, 4), torch.zeros(0), 0.5)  # older versions only notice here
    except ModuleNotFoundError as error:
        hint = f'run pip install "humantrack[hmr2]", {other}'
        raise DependencyError(
            f"{what} needs a package that is not installed", where=error.name, hint=hint
        ) from error
    except (ImportError, RuntimeError, AttributeError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        hint = (
            "install both anew from the same place and for the same device (both for the CPU, or "
            f"both for the same CUDA), {other}"
        )
        raise DependencyError(
            f"torch {_version('torch')} and torchvision {_version('torchvision')} do not match",
            where=reason,
            hint=hint,
        ) from error
    return detection


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(unknown)"
