"""Cascade Mask R-CNN on a plain vision transformer, and how its checkpoint is loaded.

Source: ViTDet (arXiv 2203.16527), with the sizes of detectron2's
``cascade_mask_rcnn_vitdet_h_75ep``, whose state-dict keys these are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from humantrack.detect.vitdet.backbone import VitDetSizes
from humantrack.detect.vitdet.cascade import Cascade, Found
from humantrack.detect.vitdet.proposals import ProposalGenerator
from humantrack.detect.vitdet.pyramid import Pyramid
from humantrack.detect.vitdet.regions import Size
from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.nn.precision import pick_dtype
from humantrack.weights import safe_pickle
from humantrack.weights.checkpoint import load_strict

MEAN_255 = (123.675, 116.28, 103.53)
STD_255 = (58.395, 57.12, 57.375)
"""ImageNet's channel means and deviations (RGB) for levels 0..255, as detectron2 rounds them."""

_CONSTANTS = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.")
"""Beginnings of keys of old files that hold no weights: the network has these by itself."""


class VitDetNetwork(nn.Module):
    """Pictures -> things in them.

    Args:
        sizes: None for the official ones.
    """

    def __init__(self, sizes: VitDetSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes or VitDetSizes()
        self.backbone = Pyramid(self.sizes)
        self.proposal_generator = ProposalGenerator(self.sizes.proposals)
        self.roi_heads = Cascade()

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.backbone.net.pos_embed.device

    @property
    def dtype(self) -> torch.dtype:
        """What the transformer and the convolutions work in."""
        return self.backbone.net.pos_embed.dtype

    def forward(
        self,
        pictures: Tensor,
        sizes: Sequence[Size],
        *,
        least_score: float = 0.5,
        label: int | None = None,
    ) -> tuple[list[Found], list[Tensor]]:
        """What is in each of B pictures, and its small masks (N,28,28).

        Args:
            pictures: (B,S,S,3) uint8 RGB, each in the upper left corner; the rest is not looked at.
            sizes: height and width of each.
            least_score: weaker boxes are not given.
            label: the only class to give; None for all.
        """
        levels = self.backbone(self.normalised(pictures, sizes))
        proposals = self.proposal_generator(levels, sizes)
        levels = [maps.float().contiguous() for maps in levels[:4]]
        found = self.roi_heads(levels, proposals, sizes, least_score)
        if label is not None:
            found = [one[one.label == label] for one in found]
        return found, self.roi_heads.masks(levels, found)

    def normalised(self, pictures: Tensor, sizes: Sequence[Size]) -> Tensor:
        """(B,S,S,3) uint8 -> (B,3,S,S) in the network's number type, 0 beside the pictures."""
        mean, std = (torch.tensor(v, device=pictures.device) for v in (MEAN_255, STD_255))
        images = (pictures.float() - mean) / std
        for image, (height, width) in zip(images, sizes, strict=True):
            image[height:] = 0
            image[:, width:] = 0
        return images.permute(0, 3, 1, 2).to(self.dtype)

    def set_precision(self, precision: str) -> VitDetNetwork:
        """Run transformer, pyramid and convolutions of the heads in fp32, bf16 or fp16.

        What becomes scores, boxes and masks stays float32. "auto" is bf16 on a GPU that has it,
        else fp32.
        """
        dtype = pick_dtype(precision, self.device)
        heads = self.roi_heads
        self.backbone.to(dtype)
        self.proposal_generator.rpn_head.conv.to(dtype)
        heads.box_head.to(dtype)
        heads.mask_head.to(dtype)
        heads.mask_head.predictor.float()
        return self

    def compile_backbone(self, **options: Any) -> VitDetNetwork:
        """Have ``torch.compile`` fuse transformer and pyramid.

        Args:
            options: handed to ``torch.compile``.
        """
        self.backbone.compile(**options)
        return self


def load_vitdet(
    path: Path,
    *,
    device: str | torch.device = "cpu",
    precision: str = "auto",
    compiled: bool = False,
    sizes: VitDetSizes | None = None,
) -> VitDetNetwork:
    """The network with detectron2's weights, ready to run.

    Args:
        path: ``model_final_f05665.pkl`` or one like it: a pickle of arrays, read without running
            anything that it names.
        device: where it shall run.
        precision: see :meth:`VitDetNetwork.set_precision`.
        compiled: compile the backbone on its first run.
        sizes: None for the official ones.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: damaged, or not of this network, with the keys that do not fit.
    """
    state = _read(path)
    with torch.device("meta"):  # the numbers are taken over from the file, so none is made first
        network = VitDetNetwork(sizes)
    load_strict(network, state, ignore=_CONSTANTS, where=path)
    network.requires_grad_(False).eval().to(device).set_precision(precision)
    return network.compile_backbone() if compiled else network


def _read(path: Path) -> dict[str, Tensor]:
    """The arrays of detectron2's pickle as tensors.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not such a file.
    """
    if not path.is_file():
        raise MissingWeightsError(
            "no such model file", where=path, hint="see humantrack-weights list"
        )
    content = safe_pickle.load_file(path)
    arrays = content.get("model") if isinstance(content, dict) else None
    if not isinstance(arrays, dict):
        raise WeightsError("the file holds no weights of detectron2", where=path)
    state = {}
    for key in list(arrays):
        array = np.asarray(arrays.pop(key))  # popped, so that 2.8 GB are never there twice
        if array.dtype.kind != "f":
            raise WeightsError(f"no numbers under {key!r}", where=path)
        # Of this machine's byte order, and not the read-only memory of the pickle.
        state[str(key)] = torch.from_numpy(array.astype(np.float32, copy=True))
    return state
