"""HMAR's backbone: a ResNet-50 whose last features are cut out by the person's mask."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYOUT = ((3, 64), (4, 128), (6, 256), (3, 512))
"""Blocks and inner width of each stage."""

EXPANSION = 4
MASK_BLOCK_PX = 32
"""Side of the mask's square that belongs to one cell of the last feature map."""


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1, and a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,4*width,H/stride,W/stride)."""
        y = self.bn1(self.conv1(x)).relu_()
        y = self.bn2(self.conv2(y)).relu_()
        y = self.bn3(self.conv3(y))
        out: Tensor = (y + self.downsample(x)).relu_()
        return out


class Backbone(nn.Module):
    """Crop with mask -> masked features and what the four stages gave; keys as torchvision's.

    Source: PHALP's phalp/models/backbones/resnet.py.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.conv1m = nn.Conv2d(4, 64, 7, 2, padding=3, bias=False)  # in the checkpoint, not used
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for number, (count, width) in enumerate(LAYOUT, 1):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(inputs, width, 2 if block == 0 and number > 1 else 1))
                inputs = EXPANSION * width
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

    def forward(self, crops: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features of the person, and of everything.

        Args:
            crops: (B,4,256,256) normalised RGB and the mask 0..255.

        Returns:
            (B,2048,8,8), zero in cells that the mask does not touch; and the stages' outputs
            (B,256,64,64), (B,512,32,32), (B,1024,16,16), (B,2048,8,8), not masked.
        """
        x = self.bn1(self.conv1(crops[:, :3])).relu_()
        x = functional.max_pool2d(x, 3, 2, padding=1)
        stages = []
        for number in range(1, len(LAYOUT) + 1):
            x = self.get_submodule(f"layer{number}")(x)
            stages.append(x)
        touched = functional.avg_pool2d(crops[:, 3:], MASK_BLOCK_PX) > 0
        return torch.where(touched, x, 0), stages
