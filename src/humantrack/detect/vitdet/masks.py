"""Small masks -> silhouettes at the size of the picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

THRESHOLD = 0.5


def paste(masks: Tensor, boxes: Tensor, height: int, width: int) -> Tensor:
    """Masks stretched over their boxes, bilinear, and cut at one half (arXiv 1703.06870, app. B).

    Args:
        masks: (N,M,M) float32, 0..1; outside they are 0.
        boxes: (N,4) xyxy in pixels of the picture; each has an area.
        height: of the picture, pixels.
        width: of the picture, pixels.

    Returns:
        (N,H,W) bool on the masks' device; a pixel is looked up at its centre.
    """
    out = torch.zeros(len(masks), height, width, dtype=torch.bool, device=masks.device)
    corners = boxes.tolist()
    for i, (x0, y0, x1, y1) in enumerate(corners):
        left, top = max(int(x0) - 1, 0), max(int(y0) - 1, 0)
        right, bottom = min(int(x1) + 2, width), min(int(y1) + 2, height)
        x = _places(left, right, boxes[i, 0], boxes[i, 2])
        y = _places(top, bottom, boxes[i, 1], boxes[i, 3])
        both = torch.broadcast_tensors(x[None, :], y[:, None])  # type: ignore[no-untyped-call]
        at = torch.stack(both, dim=-1)
        seen = functional.grid_sample(masks[i][None, None], at[None], align_corners=False)
        out[i, top:bottom, left:right] = seen[0, 0] >= THRESHOLD
    return out


def _places(start: int, stop: int, low: Tensor, high: Tensor) -> Tensor:
    """Centres of pixels as parts of a box, -1..1."""
    pixels = torch.arange(start, stop, device=low.device, dtype=torch.float32) + 0.5
    return (pixels - low) / (high - low) * 2 - 1
