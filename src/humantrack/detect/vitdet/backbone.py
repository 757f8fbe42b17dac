"""The plain vision transformer: picture -> one feature map at a sixteenth of its size.

Sources: ViTDet (arXiv 2203.16527), relative positions as in MViTv2 (arXiv 2112.01526, section 4.1);
sizes and keys as in detectron2's detectron2/modeling/backbone/vit.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.nn.transformer import Mlp

LAYER_NORM_EPS = 1e-6

_WIDTH_MULTIPLE = 8
"""Fused attention wants heads of a multiple of this width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VitDetSizes:
    """Sizes of the network; the defaults are those of ``cascade_mask_rcnn_vitdet_h_75ep``."""

    side_px: int = 1024
    """Pictures are squares with this side."""

    patch: int = 16
    embed_dim: int = 1280
    depth: int = 32
    heads: int = 16
    mlp_ratio: int = 4
    window: int = 14
    """Side, in patches, of the windows within which most blocks attend."""

    global_blocks: tuple[int, ...] = (7, 15, 23, 31)
    """Blocks that attend to the whole picture."""

    pretrained_grid: int = 14
    """Side, in patches, of the pictures that the absolute positions were trained on."""

    proposals: int = 1000
    """Boxes that are looked at in each picture, and in each level before the best are chosen."""

    @property
    def grid(self) -> int:
        """Side of the picture in patches."""
        return self.side_px // self.patch


class PatchEmbed(nn.Module):
    """Pixels -> one token per patch."""

    def __init__(self, sizes: VitDetSizes) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, sizes.embed_dim, sizes.patch, stride=sizes.patch)

    def forward(self, image: Tensor) -> Tensor:
        """(B,3,H,W) -> (B,H/16,W/16,D)."""
        patches: Tensor = self.proj(image)
        return patches.permute(0, 2, 3, 1)


class Attention(nn.Module):
    """Self-attention over a square of tokens, with a bias by how far apart they are.

    The bias of a query and a key is the query times one learnt vector for their rows' distance and
    one for their columns'. It is the same as attention between longer vectors: to a query are
    added its products with the vectors of every row and column, to a key a one in the place of its
    row and one in that of its column. So a fused kernel does it all, and the bias of every pair,
    which would be half a gigabyte for a whole picture, is never there at once.
    """

    def __init__(self, dim: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads, self.side = heads, side
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * side - 1, dim // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * side - 1, dim // heads))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,S,S,D) -> (B,S,S,D)."""
        batch, side, _, dim = tokens.shape
        width = dim // self.heads
        qkv = self.qkv(tokens).view(batch, side * side, 3, self.heads, width)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        apart = _distances(side, tokens.device)
        square = query.unflatten(2, (side, side))
        rows = torch.einsum("bhyxc,ykc->bhyxk", square, self.rel_pos_h[apart]).flatten(2, 3)
        columns = torch.einsum("bhyxc,xkc->bhyxk", square, self.rel_pos_w[apart]).flatten(2, 3)
        total = width + 2 * side
        total += -total % _WIDTH_MULTIPLE
        places = _places(side, key).expand(batch, self.heads, -1, -1)
        mixed = functional.scaled_dot_product_attention(
            _wide([query * width**-0.5, rows, columns], total),
            _wide([key, places], total),
            _wide([value], total),  # as wide as the others, or the fastest kernels refuse
            scale=1.0,
        )[..., :width]
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, side, side, dim))
        return out


def _distances(side: int, device: torch.device) -> Tensor:
    """(S,S) for places i of a query and j of a key: which vector belongs to i - j."""
    at = torch.arange(side, device=device)
    return at[:, None] - at[None] + side - 1


def _places(side: int, like: Tensor) -> Tensor:
    """(S*S, 2S): a one in the place of a token's row, and one in that of its column."""
    one = torch.eye(side, dtype=like.dtype, device=like.device)
    return torch.cat([one.repeat_interleave(side, 0), one.repeat(side, 1)], dim=1)


def _wide(parts: list[Tensor], width: int) -> Tensor:
    """The parts side by side, and zeros up to a width."""
    missing = width - sum(part.shape[-1] for part in parts)
    empty = parts[0].new_zeros(()).expand(*parts[0].shape[:-1], missing)
    return torch.cat([*parts, empty], dim=-1)


class Block(nn.Module):
    """A pre-norm transformer block that attends within windows, or to everything.

    Args:
        sizes: of the network.
        window: side of a window in patches; 0 for the whole picture.
    """

    def __init__(self, sizes: VitDetSizes, window: int) -> None:
        super().__init__()
        dim = sizes.embed_dim
        self.window = window
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = Attention(dim, sizes.heads, window or sizes.grid)
        self.norm2 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(dim, sizes.mlp_ratio * dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,H,W,D) -> (B,H,W,D)."""
        tokens = tokens + self._attend(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out

    def _attend(self, tokens: Tensor) -> Tensor:
        window, (batch, height, width, dim) = self.window, tokens.shape
        if not window:
            out: Tensor = self.attn(tokens)
            return out
        down, right = -height % window, -width % window
        # Zeros after the norm, which take part in attention as any other token.
        padded = functional.pad(tokens, (0, 0, 0, right, 0, down))
        rows, columns = padded.shape[1] // window, padded.shape[2] // window
        cut = padded.view(batch, rows, window, columns, window, dim).transpose(2, 3)
        seen = self.attn(cut.reshape(-1, window, window, dim))
        joined = seen.view(batch, rows, columns, window, window, dim).transpose(2, 3)
        whole: Tensor = joined.reshape(batch, *padded.shape[1:])
        return whole[:, :height, :width]


class VitBackbone(nn.Module):
    """Patches, positions and blocks; no norm at the end."""

    def __init__(self, sizes: VitDetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.patch_embed = PatchEmbed(sizes)
        self.pos_embed = nn.Parameter(torch.zeros(1, sizes.pretrained_grid**2 + 1, sizes.embed_dim))
        self.blocks = nn.ModuleList(
            Block(sizes, 0 if i in sizes.global_blocks else sizes.window)
            for i in range(sizes.depth)
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B,3,S,S) normalised RGB -> (B,D,S/16,S/16)."""
        tokens: Tensor = self.patch_embed(image) + self._positions()
        for block in self.blocks:
            tokens = block(tokens)
        return tokens.permute(0, 3, 1, 2)

    def _positions(self) -> Tensor:
        """(1,H,W,D): the trained grid, without the class token, enlarged."""
        grid = self.sizes.pretrained_grid
        trained = self.pos_embed[:, 1:].reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        enlarged = functional.interpolate(
            trained.float(), size=(self.sizes.grid,) * 2, mode="bicubic", align_corners=False
        )
        return enlarged.permute(0, 2, 3, 1).to(self.pos_embed.dtype)
