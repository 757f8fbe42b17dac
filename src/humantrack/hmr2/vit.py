"""The vision transformer: crop -> feature map.

Source: 4D-Humans' hmr2/models/backbones/vit.py (ViT-H, as in ViTPose, arXiv 2204.12484).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.nn.transformer import Mlp

LAYER_NORM_EPS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class VitSizes:
    """Sizes of the backbone; the defaults are ViT-H, as released."""

    embed_dim: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_ratio: int = 4
    patch: int = 16
    patch_padding: int = 2
    grid: tuple[int, int] = (16, 12)
    """Rows and columns of patches: the network sees 256 x 192 pixels."""


class PatchEmbed(nn.Module):
    """Pixels -> one token per patch."""

    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        self.proj = nn.Conv2d(
            3, sizes.embed_dim, sizes.patch, stride=sizes.patch, padding=sizes.patch_padding
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B,3,256,192) -> (B,192,D), rows of the grid one after another."""
        patches: Tensor = self.proj(image)
        return patches.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention over all tokens, heads side by side."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,T,D) -> (B,T,D)."""
        batch, count, dim = tokens.shape
        qkv = self.qkv(tokens).view(batch, count, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, dim))
        return out


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        dim = sizes.embed_dim
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = Attention(dim, sizes.heads)
        self.norm2 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(dim, sizes.mlp_ratio * dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,T,D) -> (B,T,D)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Vit(nn.Module):
    """ViT without class token; the position of the class token is added to every patch."""

    def __init__(self, sizes: VitSizes) -> None:
        super().__init__()
        rows, columns = sizes.grid
        self.grid = sizes.grid
        self.patch_embed = PatchEmbed(sizes)
        self.pos_embed = nn.Parameter(torch.zeros(1, rows * columns + 1, sizes.embed_dim))
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.depth))
        self.last_norm = nn.LayerNorm(sizes.embed_dim, eps=LAYER_NORM_EPS)

    def forward(self, image: Tensor) -> Tensor:
        """(B,3,256,192) normalised RGB -> (B,192,D) tokens, rows of the grid one after another."""
        tokens = self.patch_embed(image) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.last_norm(tokens)
        return out

    def feature_map(self, tokens: Tensor) -> Tensor:
        """(B,192,D) -> (B,D,16,12)."""
        return tokens.transpose(1, 2).reshape(len(tokens), tokens.shape[-1], *self.grid)
