"""Boxes as tensors: moved by what a network says, cut at borders, and the features within them.

Boxes are (N,4) float32, xyxy in pixels of the network's picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from humantrack.detect.vitdet.pyramid import STRIDES

_LARGEST_SCALE = math.log(1000 / 16)
"""Boxes are not enlarged by more than the exponential of this at once."""

_CANONICAL_PX, _CANONICAL_LEVEL, _FINEST_LEVEL = 224, 4, 2
"""A box of that side is looked up in p4, one of twice the side in p5 (arXiv 1612.03144)."""

Size = tuple[int, int]
"""Height and width of a picture within the square, pixels."""


def moved(boxes: Tensor, deltas: Tensor, weights: tuple[float, float]) -> Tensor:
    """Boxes moved and scaled (Faster R-CNN, arXiv 1506.01497, section 3.1.2).

    Args:
        boxes: (N,4).
        deltas: (N,4) shifts in sizes of the box, then logarithms of the scales.
        weights: what the shifts and the logarithms are divided by.
    """
    by = deltas.new_tensor([weights[0], weights[0], weights[1], weights[1]])
    shift, scale = (deltas / by).chunk(2, dim=-1)
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + 0.5 * size + shift * size
    half = 0.5 * scale.clamp(max=_LARGEST_SCALE).exp() * size
    return torch.cat([centre - half, centre + half], dim=-1)


def clipped(boxes: Tensor, size: Size) -> Tensor:
    """Boxes cut at the borders of a picture."""
    height, width = size
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))


def has_area(boxes: Tensor) -> Tensor:
    """(N,) bool."""
    return (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)


def pooled(levels: Sequence[Tensor], boxes: Tensor, owner: Tensor, side: int) -> Tensor:
    """The features within boxes, from the map that suits their size.

    Args:
        levels: p2 to p5, (B,C,H,W) float32.
        boxes: (N,4).
        owner: (N,) which of the B pictures each box belongs to.
        side: of what comes out.

    Returns:
        (N,C,side,side) float32: means over a grid that is as fine as the map (RoIAlign, arXiv
        1703.06870, aligned by half a place).
    """
    from torchvision.ops import roi_align

    length = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
    level = (_CANONICAL_LEVEL + (length / _CANONICAL_PX + 1e-8).log2()).floor()
    level = (level.nan_to_num(_FINEST_LEVEL) - _FINEST_LEVEL).clamp(0, len(levels) - 1)
    rois = torch.cat([owner[:, None].to(boxes.dtype), boxes], dim=1)
    out = levels[0].new_zeros(len(boxes), levels[0].shape[1], side, side)
    for i, (features, stride) in enumerate(zip(levels, STRIDES, strict=False)):
        rows = (level == i).nonzero()[:, 0]
        out[rows] = roi_align(
            features, rois[rows], side, 1 / stride, sampling_ratio=0, aligned=True
        )
    return out
