"""The simple feature pyramid: one feature map -> five, from a quarter to a 64th of the picture.

Source: ViTDet (arXiv 2203.16527, section 3); keys as in detectron2's SimpleFeaturePyramid.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from humantrack.detect.vitdet.backbone import VitBackbone, VitDetSizes
from humantrack.detect.vitdet.layers import ChannelNorm, NormedConv

CHANNELS = 256

STRIDES = (4, 8, 16, 32, 64)
"""Pixels of the picture per place of a map, finest first."""


class Pyramid(nn.Module):
    """The transformer and the pyramid on it."""

    def __init__(self, sizes: VitDetSizes) -> None:
        super().__init__()
        dim = sizes.embed_dim
        self.net = VitBackbone(sizes)
        self.simfp_2 = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 2, 2, stride=2),
            ChannelNorm(dim // 2),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 2, dim // 4, 2, stride=2),
            *_lateral(dim // 4),
        )
        self.simfp_3 = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 2, 2, stride=2), *_lateral(dim // 2)
        )
        self.simfp_4 = nn.Sequential(*_lateral(dim))
        self.simfp_5 = nn.Sequential(nn.MaxPool2d(2), *_lateral(dim))

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B,3,S,S) normalised RGB -> p2 to p6, (B,256,S/4,S/4) to (B,256,S/64,S/64)."""
        return self.levels(self.net(image))

    def levels(self, features: Tensor) -> list[Tensor]:
        """(B,D,S/16,S/16) -> p2 to p6."""
        made = [part(features) for part in (self.simfp_2, self.simfp_3, self.simfp_4, self.simfp_5)]
        return [*made, functional.max_pool2d(made[-1], 1, stride=2)]


def _lateral(channels: int) -> list[nn.Module]:
    return [NormedConv(channels, CHANNELS, 1), NormedConv(CHANNELS, CHANNELS, 3)]
