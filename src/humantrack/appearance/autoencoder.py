"""HMAR's texture autoencoder: UV map (4,256,256) <-> code (4096)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.appearance.texture_head import upsampled

CODE_SHAPE = (16, 16, 16)
"""Channels, rows and columns of a code before it is made flat."""


class Encoder(nn.Module):
    """Six 3x3 convolutions with ReLU, the first four followed by 2x2 max pooling.

    Source: PHALP's phalp/models/heads/encoding_head.py.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1x = nn.Conv2d(4, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.conv4 = nn.Conv2d(128, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)
        self.conv5_1 = nn.Conv2d(256, 16, 3, padding=1)

    @property
    def device(self) -> torch.device:
        """Where the encoder lies."""
        return self.conv1x.weight.device

    def forward(self, maps: Tensor) -> Tensor:
        """(B,4,256,256) -> (B,4096)."""
        # With so few channels a CPU is twice as fast when those of a texel lie together.
        x = (
            maps.contiguous(memory_format=torch.channels_last)
            if maps.device.type == "cpu"
            else maps
        )
        for conv in (self.conv1x, self.conv2, self.conv3, self.conv4):
            # The maximum before the ReLU is the same number, of a quarter of the values.
            x = functional.max_pool2d(conv(x), 2).relu_()
        codes: Tensor = self.conv5_1(self.conv5(x).relu_()).relu_()
        return codes.flatten(1)


class Autoencoder(Encoder):
    """The encoder, and the decoder that it was trained with."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"5_1": (16, 256), "5": (256, 256), "4": (256, 128)}
        sizes |= {"3": (128, 64), "2": (64, 16), "1x": (16, 4)}
        for name, (inputs, outputs) in sizes.items():
            self.add_module(f"t_conv{name}", nn.Conv2d(inputs, outputs, 3, padding=1))
            self.add_module(f"t_bn_{name}", nn.BatchNorm2d(outputs))
        self.t_conv1_1x = nn.Conv2d(4, 4, 3, padding=1)

    def decode(self, codes: Tensor) -> Tensor:
        """(B,4096) -> (B,4,256,256), each number -1..1."""
        x = codes.view(-1, *CODE_SHAPE)
        for name in ("5_1", "5", "4", "3", "2", "1x"):
            conv, norm = self.get_submodule(f"t_conv{name}"), self.get_submodule(f"t_bn_{name}")
            x = norm(conv(x)).relu_()
            if not name.startswith("5"):
                x = upsampled(x)
        return torch.tanh(self.t_conv1_1x(x))
