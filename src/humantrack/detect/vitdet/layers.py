"""Convolutions with a norm over channels, as the pyramid and the heads use them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

LAYER_NORM_EPS = 1e-6


class ChannelNorm(nn.LayerNorm):
    """Normalises each place of a map over its channels."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=LAYER_NORM_EPS)

    def forward(self, maps: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,C,H,W)."""
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class NormedConv(nn.Conv2d):
    """A convolution that keeps the size, without a bias, and a norm over channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = ChannelNorm(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,D,H,W)."""
        out: Tensor = self.norm(super().forward(maps))
        return out


class NormedConvs(nn.Module):
    """3x3 convolutions with norm and ReLU, under numbered names, one after another.

    Args:
        name: what the numbers follow in the keys.
        channels: that go in and come out.
        count: how many.
    """

    def __init__(self, name: str, channels: int, count: int) -> None:
        super().__init__()
        self._names = [f"{name}{i + 1}" for i in range(count)]
        for each in self._names:
            self.add_module(each, NormedConv(channels, channels, 3))

    def convolve(self, maps: Tensor) -> Tensor:
        """(N,C,H,W) -> (N,C,H,W)."""
        for name in self._names:
            maps = functional.relu(getattr(self, name)(maps))
        return maps
