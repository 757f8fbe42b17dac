"""Parts of transformers that several networks share; keys as in their files."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between; the gap is where training drops out.

    Args:
        dim: width of a token.
        hidden: width between the layers.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, dim)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,T,D) -> (B,T,D)."""
        out: Tensor = self.net(tokens)
        return out


class PreNorm(nn.Module):
    """Normalises the tokens, nothing else that ``fn`` takes, and adds what ``fn`` makes of them.

    Args:
        dim: width of a token.
        fn: takes the tokens and what else is given; gives tokens.
    """

    def __init__(self, dim: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = fn

    def forward(self, tokens: Tensor, *more: Tensor | None) -> Tensor:
        """(B,T,D) -> (B,T,D)."""
        out: Tensor = tokens + self.fn(self.norm(tokens), *more)
        return out


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B,T,D) -> (B,T,D)."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return out
