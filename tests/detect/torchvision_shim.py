"""torchvision without its compiled operators: what Mask R-CNN needs, in plain torch.

Only for tests on machines where torch and torchvision do not match. Where they do, nothing is
replaced.
"""

from __future__ import annotations

import sys
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",  # only named at import
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height,"
    " SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor",
)


@cache
def working_torchvision() -> object:
    """torchvision, with the operators replaced if its own cannot be loaded; None if not there.

    Returns:
        What must be kept alive as long as torchvision is used.
    """
    try:
        import torchvision
    except ModuleNotFoundError:
        return None
    except RuntimeError:
        for name in [n for n in sys.modules if n.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            library.define(schema)
        library.impl("nms", nms, "CPU")
        library.impl("roi_align", roi_align, "CPU")
        import torchvision
        from torchvision import extension
        from torchvision.ops import roi_align as _  # noqa: F401 - binds its own _has_ops

        module = sys.modules["torchvision.ops.roi_align"]
        extension._has_ops = module._has_ops = lambda: True
        return torchvision, library
    return (torchvision,)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes that no better box covers, best first."""
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    area = (ranked[:, 2:] - ranked[:, :2]).prod(dim=1)
    low = torch.maximum(ranked[:, None, :2], ranked[None, :, :2])
    high = torch.minimum(ranked[:, None, 2:], ranked[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    covered = (shared > iou_threshold * (area[:, None] + area[None] - shared)).numpy()
    keep = torch.ones(len(order), dtype=torch.bool).numpy()
    for i in range(len(order)):
        if keep[i]:
            keep[i + 1 :] &= ~covered[i, i + 1 :]
    return order[torch.from_numpy(keep)]


def roi_align(  # noqa: PLR0917 - the operator's signature
    features: Tensor,
    rois: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Means of bilinear samples in each cell of each region; ``rois`` = (image, x0, y0, x1, y1).

    Without a ``sampling_ratio`` a cell has as many samples as it has places, either way.
    """
    shift = 0.5 if aligned else 0.0
    start, stop = (rois[:, [1, 2]], rois[:, [3, 4]])
    start, stop = start * spatial_scale - shift, stop * spatial_scale - shift
    size = stop - start if aligned else (stop - start).clamp(min=1)
    cells = size.new_tensor([pooled_width, pooled_height])
    counts = (size / cells).ceil() if sampling_ratio <= 0 else size * 0 + sampling_ratio
    groups = torch.cat([rois[:, :1], counts.clamp(min=1)], dim=1)
    out = features.new_zeros(len(rois), features.shape[1], pooled_height, pooled_width)
    for group in groups.unique(dim=0):
        rows = (groups == group).all(dim=1).nonzero()[:, 0]
        image, across, down = (int(number) for number in group)
        x = _places(start[rows, :1], size[rows, :1], pooled_width * across)
        y = _places(start[rows, 1:], size[rows, 1:], pooled_height * down)
        samples = _samples(features[image], x, y)
        out[rows] = functional.avg_pool2d(samples, (down, across))
    return out


def _places(start: Tensor, size: Tensor, count: int) -> Tensor:
    """(N,count) where a map is looked up along one axis."""
    return start + size * ((torch.arange(count) + 0.5) / count)


def _samples(features: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(N,C,rows,columns) of a map (C,H,W), bilinear."""
    height, width = features.shape[1:]
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)
    grid = grid / torch.tensor([max(width - 1, 1), max(height - 1, 1)])
    flat = grid.flatten(0, 1)[None] * 2 - 1
    samples = functional.grid_sample(
        features[None], flat, padding_mode="border", align_corners=True
    )
    return samples[0].unflatten(1, (len(x), -1)).transpose(0, 1)
