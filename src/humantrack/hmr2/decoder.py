"""The transformer decoder that reads one body off the backbone's tokens.

Sources: 4D-Humans' hmr2/models/heads/smpl_head.py and hmr2/models/components/pose_transformer.py;
arXiv 2305.20091.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from humantrack.body.smpl_head import rotations_from_6d
from humantrack.nn.transformer import FeedForward, PreNorm


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSizes:
    """Sizes of the head; the defaults are the released ones."""

    dim: int = 1024
    depth: int = 6
    heads: int = 8
    dim_head: int = 64
    mlp_dim: int = 1024


class SelfAttention(nn.Module):
    """Attention among the query tokens."""

    def __init__(self, sizes: DecoderSizes) -> None:
        super().__init__()
        inner = sizes.heads * sizes.dim_head
        self.heads = sizes.heads
        self.to_qkv = nn.Linear(sizes.dim, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, sizes.dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,T,D) -> (B,T,D)."""
        query, key, value = self.to_qkv(tokens).chunk(3, dim=-1)
        out: Tensor = self.to_out(_attend(query, key, value, self.heads))
        return out


class CrossAttention(nn.Module):
    """Attention of the query tokens to the context."""

    def __init__(self, sizes: DecoderSizes, context_dim: int) -> None:
        super().__init__()
        inner = sizes.heads * sizes.dim_head
        self.heads = sizes.heads
        self.to_kv = nn.Linear(context_dim, 2 * inner, bias=False)
        self.to_q = nn.Linear(sizes.dim, inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, sizes.dim))

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(B,T,D), (B,S,C) -> (B,T,D)."""
        key, value = self.to_kv(context).chunk(2, dim=-1)
        out: Tensor = self.to_out(_attend(self.to_q(tokens), key, value, self.heads))
        return out


def _attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention of (B,T,heads*d) tensors."""
    mixed = functional.scaled_dot_product_attention(
        _split(query, heads), _split(key, heads), _split(value, heads)
    )
    return mixed.transpose(1, 2).flatten(2)


def _split(tokens: Tensor, heads: int) -> Tensor:
    """(B,T,heads*d) -> (B,heads,T,d)."""
    batch, count, width = tokens.shape
    return tokens.reshape(batch, count, heads, width // heads).transpose(1, 2)


class DecoderLayer(nn.Sequential):
    """Self-attention, cross-attention, feed-forward; keys 0, 1, 2."""

    def __init__(self, sizes: DecoderSizes, context_dim: int) -> None:
        super().__init__(
            PreNorm(sizes.dim, SelfAttention(sizes)),
            PreNorm(sizes.dim, CrossAttention(sizes, context_dim)),
            PreNorm(sizes.dim, FeedForward(sizes.dim, sizes.mlp_dim)),
        )

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:  # type: ignore[override]
        """(B,T,D), (B,S,C) -> (B,T,D)."""
        out: Tensor = self[2](self[1](self[0](tokens), context))
        return out


class DecoderLayers(nn.Module):
    """Self-attention, cross-attention and feed-forward, ``depth`` times."""

    def __init__(self, sizes: DecoderSizes, context_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(sizes, context_dim) for _ in range(sizes.depth))

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(B,T,D), (B,S,C) -> (B,T,D), without a norm at the end."""
        for layer in self.layers:
            tokens = layer(tokens, context)
        return tokens


class TransformerDecoder(nn.Module):
    """One learnt query token through the layers."""

    def __init__(self, sizes: DecoderSizes, context_dim: int) -> None:
        super().__init__()
        self.to_token_embedding = nn.Linear(1, sizes.dim)
        self.pos_embedding = nn.Parameter(torch.zeros(1, 1, sizes.dim))
        self.transformer = DecoderLayers(sizes, context_dim)

    def forward(self, context: Tensor) -> Tensor:
        """(B,S,C) -> (B,D)."""
        # The token is the embedding of the number 0, which leaves its bias.
        token = self.to_token_embedding.bias + self.pos_embedding
        tokens: Tensor = self.transformer(token.expand(len(context), -1, -1), context)
        return tokens[:, 0]


class SmplHead(nn.Module):
    """Tokens -> rotations, shape and crop camera, as corrections to a mean body."""

    init_body_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(self, sizes: DecoderSizes, context_dim: int) -> None:
        super().__init__()
        self.transformer = TransformerDecoder(sizes, context_dim)
        self.decpose = nn.Linear(sizes.dim, 144)
        self.decshape = nn.Linear(sizes.dim, 10)
        self.deccam = nn.Linear(sizes.dim, 3)
        self.register_buffer("init_body_pose", torch.zeros(1, 144))
        self.register_buffer("init_betas", torch.zeros(1, 10))
        self.register_buffer("init_cam", torch.zeros(1, 3))

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B,S,C) -> rotations (B,24,3,3), betas (B,10), camera (B,3) = (s,tx,ty); float32."""
        token = self.transformer(context.to(self.transformer.pos_embedding.dtype)).float()
        pose = self.decpose(token) + self.init_body_pose
        betas = self.decshape(token) + self.init_betas
        cam = self.deccam(token) + self.init_cam
        return rotations_from_6d(pose.view(-1, 24, 6)), betas, cam
