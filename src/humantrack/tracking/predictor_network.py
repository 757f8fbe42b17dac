"""The network behind the pose forecast: T steps of a person's poses, gaps allowed -> T better ones.

Source: PHALP's phalp/models/predictor/pose_transformer_v2.py. Loads torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from humantrack.body.smpl_head import IterativeSmplHead
from humantrack.nn.transformer import FeedForward, PreNorm

POSE_SIZE = 229
"""Numbers of a pose vector: 24 rotation matrices, 10 betas, camera (x, y, z/200)."""

_HIDDEN_LOGIT = -1000.0
"""Put in place of the logits of steps that may not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSizes:
    """Sizes of the network; the released ones are in its yaml file."""

    dim: int
    frame_length: int
    """T, the steps that the network sees at once."""

    depth: int
    heads: int
    dim_head: int
    mlp_dim: int
    mid_dim: int
    conv_pad: int
    conv_stride: int
    action_classes: int
    readouts: int = 1
    """Copies of the read-out heads; only the first is read."""


class PoseNetwork(nn.Module):
    """The encoder and its read-out; state-dict keys are the checkpoint's without ``encoder.``."""

    def __init__(self, sizes: PredictorSizes) -> None:
        super().__init__()
        dim, steps = sizes.dim, sizes.frame_length
        kernel = sizes.conv_stride + 2 * sizes.conv_pad
        self.frame_length = steps
        self.mask_token = nn.Parameter(torch.zeros(dim))
        self.pos_embedding_learned1 = nn.Parameter(torch.zeros(1, steps, dim))
        self.pos_embedding_learned2 = nn.Parameter(torch.zeros(1, steps, dim))
        self.pose_shape_encoder = nn.Sequential(
            nn.Linear(POSE_SIZE, sizes.mid_dim), nn.ReLU(), nn.Linear(sizes.mid_dim, dim)
        )
        self.transformer1 = _Transformer(sizes, sizes.depth)
        self.conv_en = nn.Conv1d(dim, dim, kernel, sizes.conv_stride, sizes.conv_pad)
        self.conv_de = nn.ConvTranspose1d(dim, dim, kernel, sizes.conv_stride, sizes.conv_pad)
        self.transformer2 = _Transformer(sizes, 1)
        copies = range(sizes.readouts)
        self.smpl_head = nn.ModuleList(IterativeSmplHead(dim) for _ in copies)
        self.loca_head = nn.ModuleList(_camera_head(dim) for _ in copies)
        self.action_head_ava = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, sizes.action_classes)) for _ in copies
        )

    def forward(self, poses: Tensor, seen: Tensor) -> Tensor:
        """Normalised poses (B,T,229) and which steps have one (B,T) bool -> tokens (B,T,D)."""
        tokens = self.pose_shape_encoder(poses)
        tokens = torch.where(seen[..., None], tokens, self.mask_token)
        tokens = self.transformer1(tokens + self.pos_embedding_learned1, ~seen)
        # Down to one token per stride and back up, with nothing in between.
        tokens = self.conv_de(self.conv_en(tokens.transpose(1, 2))).transpose(1, 2)
        out: Tensor = self.transformer2(tokens + self.pos_embedding_learned2, None)
        return out

    def read_poses(self, tokens: Tensor) -> Tensor:
        """(...,D) -> pose vectors (...,229), not normalised."""
        # The body head's camera takes part in its rounds, but is read from a head of its own.
        rotations, betas, _ = self.smpl_head[0](tokens)
        return torch.cat([rotations.flatten(-3), betas, self.loca_head[0](tokens)], dim=-1)

    def read_actions(self, tokens: Tensor) -> Tensor:
        """(...,D) -> logits of AVA's actions (...,C)."""
        logits: Tensor = self.action_head_ava[0](tokens)
        return logits


class _Transformer(nn.Module):
    """Layers one after another, without a norm at the end."""

    def __init__(self, sizes: PredictorSizes, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(sizes) for _ in range(depth))

    def forward(self, tokens: Tensor, hidden: Tensor | None) -> Tensor:
        """(B,T,D) -> (B,T,D); ``hidden`` (B,T) bool marks steps that nobody may look at."""
        for layer in self.layers:
            tokens = layer(tokens, hidden)
        return tokens


class _Layer(nn.Sequential):
    """Self-attention and feed-forward, each added to what it is given; keys 0 and 1."""

    def __init__(self, sizes: PredictorSizes) -> None:
        parts = (_Attention(sizes), FeedForward(sizes.dim, sizes.mlp_dim))
        super().__init__(*(PreNorm(sizes.dim, part) for part in parts))

    def forward(self, tokens: Tensor, hidden: Tensor | None) -> Tensor:  # type: ignore[override]
        out: Tensor = self[1](self[0](tokens, hidden))
        return out


class _Attention(nn.Module):
    """Every step looks at all steps that are not hidden, hidden steps do so too."""

    def __init__(self, sizes: PredictorSizes) -> None:
        super().__init__()
        inner = sizes.heads * sizes.dim_head
        self.heads = sizes.heads
        self.to_qkv = nn.Linear(sizes.dim, 3 * inner, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner, sizes.dim))

    def forward(self, tokens: Tensor, hidden: Tensor | None) -> Tensor:
        batch, steps, _ = tokens.shape
        parts = self.to_qkv(tokens).view(batch, steps, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if hidden is not None:
            logits = logits.masked_fill(hidden[:, None, None], _HIDDEN_LOGIT)
        mixed = (logits.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        out: Tensor = self.to_out(mixed)
        return out


def _camera_head(dim: int) -> nn.Sequential:
    layers = (nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(dim, 3))
