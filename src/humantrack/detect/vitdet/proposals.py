"""Proposals: where in the pyramid anything may be.

Source: region proposal network (arXiv 1506.01497) on a pyramid (arXiv 1612.03144), two convolutions
deep as in ViTDet; keys and sizes as in detectron2's StandardRPNHead and find_top_rpn_proposals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.detect.vitdet import regions
from humantrack.detect.vitdet.pyramid import CHANNELS, STRIDES

ANCHOR_PX = (32, 64, 128, 256, 512)
"""Side of the square anchor of each level."""

RATIOS = (0.5, 1.0, 2.0)
"""Height over width of a level's anchors, which have one area."""

NMS_IOU = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Boxes of one picture, best first."""

    boxes: Tensor
    """(N,4) pixels of the network's picture."""

    logit: Tensor
    """(N,)"""


class ProposalHead(nn.Module):
    """Says for every anchor how likely something is there, and how to move it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.ModuleDict(
            {f"conv{i}": nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for i in range(2)}
        )
        self.objectness_logits = nn.Conv2d(CHANNELS, len(RATIOS), 1)
        self.anchor_deltas = nn.Conv2d(CHANNELS, 4 * len(RATIOS), 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B,256,H,W) -> (B,H*W*3) logits and (B,H*W*3,4) deltas, float32."""
        for conv in self.conv.values():
            features = functional.relu(conv(features))
        features = features.float()
        logits, deltas = self.objectness_logits(features), self.anchor_deltas(features)
        deltas = deltas.unflatten(1, (len(RATIOS), 4)).permute(0, 3, 4, 1, 2)
        return logits.permute(0, 2, 3, 1).flatten(1), deltas.flatten(1, 3)


class ProposalGenerator(nn.Module):
    """Pyramid -> boxes for each picture.

    Args:
        most: boxes for a picture, and for each of its levels before the best are chosen.
    """

    def __init__(self, most: int = 1000) -> None:
        super().__init__()
        self.most = most
        self.rpn_head = ProposalHead()

    def forward(self, levels: Sequence[Tensor], sizes: Sequence[regions.Size]) -> list[Proposals]:
        """What the pictures' proposals are.

        Args:
            levels: p2 to p6.
            sizes: height and width of each of the B pictures within the square.
        """
        boxes, logits, owner = [], [], []
        for i, features in enumerate(levels):
            said, deltas = self.rpn_head(features)
            best, rows = said.topk(min(self.most, said.shape[1]), dim=1)
            anchors = _anchors(i, features)
            picked = deltas.gather(1, rows[..., None].expand(-1, -1, 4))
            boxes.append(regions.moved(anchors[rows], picked, (1, 1)))
            logits.append(best)
            owner.append(torch.full_like(rows[0], i))
        together = torch.cat(boxes, dim=1), torch.cat(logits, dim=1)
        level = torch.cat(owner)
        return [
            self._chosen(these, said, level, size)
            for these, said, size in zip(*together, sizes, strict=True)
        ]

    def _chosen(
        self, boxes: Tensor, logits: Tensor, level: Tensor, size: regions.Size
    ) -> Proposals:
        """Of one picture's boxes the best that do not overlap others of their level."""
        from torchvision.ops import batched_nms

        finite = boxes.isfinite().all(dim=1) & logits.isfinite()
        boxes = regions.clipped(boxes, size)
        keep = finite & regions.has_area(boxes)
        boxes, logits, level = boxes[keep], logits[keep], level[keep]
        best = batched_nms(boxes, logits, level, NMS_IOU)[: self.most]
        return Proposals(boxes=boxes[best], logit=logits[best])


def _anchors(level: int, features: Tensor) -> Tensor:
    """(H*W*3,4) boxes around the places of a level, place by place."""
    height, width = features.shape[-2:]
    shapes = [(ANCHOR_PX[level] / ratio**0.5, ANCHOR_PX[level] * ratio**0.5) for ratio in RATIOS]
    half = torch.tensor(shapes, device=features.device) / 2
    y = torch.arange(height, device=features.device, dtype=torch.float32) * STRIDES[level]
    x = torch.arange(width, device=features.device, dtype=torch.float32) * STRIDES[level]
    both = torch.broadcast_tensors(x[None, :], y[:, None])  # type: ignore[no-untyped-call]
    at = torch.stack(both, dim=-1)[:, :, None]
    return torch.cat([at - half, at + half], dim=-1).flatten(0, 2)
