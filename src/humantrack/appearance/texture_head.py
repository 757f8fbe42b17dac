"""HMAR's texture head: features -> where in the crop each texel of the UV map gets its colour."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2


class SpectralConv2d(nn.Module):
    """A convolution divided by its largest singular value, as the stored vectors give it.

    Keys are those of torch's older ``spectral_norm``; the vectors are not refined any further.
    """

    bias: Tensor | None
    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> None:
        super().__init__()
        self.register_parameter("bias", nn.Parameter(torch.zeros(outputs)) if bias else None)
        self.weight_orig = nn.Parameter(torch.zeros(outputs, inputs, kernel, kernel))
        self.register_buffer("weight_u", torch.zeros(outputs))
        self.register_buffer("weight_v", torch.zeros(inputs * kernel**2))

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) -> (B,outputs,H,W)."""
        sigma = self.weight_u @ self.weight_orig.flatten(1) @ self.weight_v
        padding = self.weight_orig.shape[-1] // 2
        return functional.conv2d(x, self.weight_orig / sigma, self.bias, padding=padding)


class Residual(nn.Module):
    """Two convolutions, each after a norm and a leaky ReLU, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.conv_0 = SpectralConv2d(inputs, middle, 3)
        self.conv_1 = SpectralConv2d(middle, outputs, 3)
        self.learnt_shortcut = inputs != outputs
        if self.learnt_shortcut:
            self.conv_s = SpectralConv2d(inputs, outputs, 1, bias=False)
        self.norm_0 = nn.BatchNorm2d(inputs)
        self.norm_1 = nn.BatchNorm2d(middle)
        if self.learnt_shortcut:
            self.norm_s = nn.BatchNorm2d(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) -> (B,outputs,H,W)."""
        shortcut = self.conv_s(self.norm_s(x)) if self.learnt_shortcut else x
        y = self.conv_0(functional.leaky_relu(self.norm_0(x), SLOPE))
        y = self.conv_1(functional.leaky_relu(self.norm_1(y), SLOPE))
        out: Tensor = shortcut + y
        return out


class FlowDecoder(nn.Module):
    """The four stages' features, coarse to fine, -> coordinates in the crop."""

    def __init__(self) -> None:
        super().__init__()
        self.G_middle_0 = Residual(2048, 64)
        self.G_middle_1 = Residual(64, 64)
        self.G_middle_2 = Residual(1024, 64)
        self.G_middle_2_1 = Residual(128, 64)
        self.G_middle_3 = Residual(512, 64)
        self.G_middle_3_1 = Residual(128, 64)
        self.G_middle_4 = Residual(256, 32)
        self.G_middle_4_1 = Residual(64, 32)
        self.up_0 = Residual(64, 32)
        self.up_1 = Residual(32, 32)
        self.up_2 = Residual(32, 16)
        self.up_3 = Residual(16, 8)
        self.conv_img = nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """The backbone's stages -> (B,2,256,256), x and y, -1..1 from edge to edge of the crop."""
        s1, s2, s3, s4 = stages
        h = upsampled(self.G_middle_0(s4))
        h = self.G_middle_1(self.G_middle_2_1(torch.cat([h, self.G_middle_2(s3)], dim=1)))
        h = self.up_0(self.G_middle_3_1(torch.cat([upsampled(h), self.G_middle_3(s2)], dim=1)))
        h = self.up_1(self.G_middle_4_1(torch.cat([upsampled(h), self.G_middle_4(s1)], dim=1)))
        h = self.up_3(upsampled(self.up_2(upsampled(h))))
        # Twice, as the weights were trained with it.
        return torch.tanh(torch.tanh(self.conv_img(functional.leaky_relu(h, SLOPE))))


class TextureHead(nn.Module):
    """The decoder under the name that the checkpoint has for it."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = FlowDecoder()

    def forward(self, stages: Sequence[Tensor]) -> Tensor:
        """See :class:`FlowDecoder`."""
        flow: Tensor = self.decoder(stages)
        return flow


def upsampled(x: Tensor) -> Tensor:
    """(B,C,H,W) -> (B,C,2H,2W), bilinear."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
