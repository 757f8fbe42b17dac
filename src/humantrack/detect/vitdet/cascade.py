"""The cascade: proposals -> boxes of things, with class, score and a small mask.

Sources: Cascade R-CNN (arXiv 1712.00726), Mask R-CNN (arXiv 1703.06870); keys and sizes as in
detectron2's CascadeROIHeads, FastRCNNConvFCHead and MaskRCNNConvUpsampleHead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.detect.vitdet import regions
from humantrack.detect.vitdet.layers import NormedConvs
from humantrack.detect.vitdet.proposals import Proposals
from humantrack.detect.vitdet.pyramid import CHANNELS

CLASSES = 80
"""COCO's; one more score is that of nothing."""

STAGE_WEIGHTS: tuple[tuple[float, float], ...] = ((10, 5), (20, 10), (30, 15))
"""Per stage, what a box's shifts and the logarithms of its scales are divided by."""

BOX_SIDE, MASK_SIDE = 7, 14
CONVOLUTIONS = 4
NMS_IOU = 0.5
MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """N things in one picture, best first."""

    boxes: Tensor
    """(N,4) pixels of the network's picture."""

    score: Tensor
    """(N,) 0..1"""

    label: Tensor
    """(N,) int64, COCO's 80 classes; 0 = person"""

    def __getitem__(self, keep: Tensor) -> Found:
        """Those picked."""
        return Found(boxes=self.boxes[keep], score=self.score[keep], label=self.label[keep])


class BoxHead(NormedConvs):
    """Features within a box -> a vector."""

    def __init__(self) -> None:
        super().__init__("conv", CHANNELS, CONVOLUTIONS)
        self.fc1 = nn.Linear(CHANNELS * BOX_SIDE**2, 1024)

    def forward(self, features: Tensor) -> Tensor:
        """(N,256,7,7) -> (N,1024) float32."""
        vectors = self.convolve(features.to(self.fc1.weight.dtype)).flatten(1)
        return functional.relu(self.fc1(vectors)).float()


class BoxPredictor(nn.Module):
    """A box's vector -> its class and how to move it, whatever the class."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_score = nn.Linear(1024, CLASSES + 1)
        self.bbox_pred = nn.Linear(1024, 4)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(N,1024) -> (N,81) probabilities, the last that of nothing, and (N,4) deltas."""
        return self.cls_score(vectors).softmax(dim=-1), self.bbox_pred(vectors)


class MaskHead(NormedConvs):
    """Features within a box -> a mask for each class."""

    def __init__(self) -> None:
        super().__init__("mask_fcn", CHANNELS, CONVOLUTIONS)
        self.deconv = nn.ConvTranspose2d(CHANNELS, CHANNELS, 2, stride=2)
        self.predictor = nn.Conv2d(CHANNELS, CLASSES, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N,256,14,14) -> (N,80,28,28) probabilities, float32."""
        maps = self.convolve(features.to(self.deconv.weight.dtype))
        logits: Tensor = self.predictor(functional.relu(self.deconv(maps)).float())
        return logits.sigmoid()


class Cascade(nn.Module):
    """Three stages, each of which looks where the one before says."""

    def __init__(self) -> None:
        super().__init__()
        self.box_head = nn.ModuleList(BoxHead() for _ in STAGE_WEIGHTS)
        self.box_predictor = nn.ModuleList(BoxPredictor() for _ in STAGE_WEIGHTS)
        self.mask_head = MaskHead()

    def forward(
        self,
        levels: Sequence[Tensor],
        proposals: Sequence[Proposals],
        sizes: Sequence[regions.Size],
        least_score: float,
    ) -> list[Found]:
        """What is in each picture.

        Args:
            levels: p2 to p5, float32.
            proposals: of each of the B pictures.
            sizes: height and width of each within the square.
            least_score: weaker boxes are not given.
        """
        counts = [len(one.boxes) for one in proposals]
        boxes = torch.cat([one.boxes for one in proposals])
        owner = _owners(counts, boxes.device)
        scores = boxes.new_zeros(len(boxes), CLASSES + 1)
        stages = zip(self.box_head, self.box_predictor, STAGE_WEIGHTS, strict=True)
        for i, (head, predictor, weights) in enumerate(stages):
            if i:
                cut = [
                    regions.clipped(these, size)
                    for these, size in zip(torch.split(boxes, counts), sizes, strict=True)
                ]
                boxes = torch.cat(cut)
            said, deltas = predictor(head(regions.pooled(levels, boxes, owner, BOX_SIDE)))
            boxes, scores = regions.moved(boxes, deltas, weights), scores + said
        scores = scores * (1 / len(STAGE_WEIGHTS))
        return [
            _chosen(these, said, size, least_score)
            for these, said, size in zip(
                torch.split(boxes, counts), torch.split(scores, counts), sizes, strict=True
            )
        ]

    def masks(self, levels: Sequence[Tensor], found: Sequence[Found]) -> list[Tensor]:
        """(N,28,28) float32, 0..1, for the things in each picture: the masks of their classes."""
        counts = [len(one.boxes) for one in found]
        boxes, label = torch.cat([one.boxes for one in found]), torch.cat([o.label for o in found])
        owner = _owners(counts, boxes.device)
        every = self.mask_head(regions.pooled(levels, boxes, owner, MASK_SIDE))
        return list(every[torch.arange(len(label), device=label.device), label].split(counts))


def _owners(counts: Sequence[int], device: torch.device) -> Tensor:
    """(N,) for boxes picture by picture: the number of their picture."""
    numbers = [i for i, count in enumerate(counts) for _ in range(count)]
    return torch.tensor(numbers, dtype=torch.int64, device=device)


def _chosen(boxes: Tensor, scores: Tensor, size: regions.Size, least_score: float) -> Found:
    """Of one picture's boxes the best that do not overlap others of their class."""
    from torchvision.ops import batched_nms

    finite = boxes.isfinite().all(dim=1) & scores.isfinite().all(dim=1)
    boxes, scores = regions.clipped(boxes[finite], size), scores[finite, :-1]
    row, label = (scores > least_score).nonzero(as_tuple=True)
    found = Found(boxes=boxes[row], score=scores[row, label], label=label)
    return found[batched_nms(found.boxes, found.score, label, NMS_IOU)[:MOST]]
