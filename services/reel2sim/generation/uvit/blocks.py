"""Pieces of the transformer: attention, blocks with long skips, embeddings of numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head attention of all tokens to all."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens ``(b, n, width)`` mixed with each other."""
        b, n, width = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(b, n, width))


class Block(nn.Module):
    """A pre-norm transformer block, after U-ViT (arXiv 2209.12152).

    With ``skip`` its input is a linear map of itself concatenated with tokens of an earlier block,
    the best of the variants in that paper's figure 2a. They are normalised after concatenation,
    as UniDiffuser (arXiv 2303.06555) does to keep half precision from overflowing.
    """

    def __init__(self, width: int, heads: int, *, skip: bool) -> None:
        super().__init__()
        self.join = (
            nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, width)) if skip else None
        )
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, earlier: Tensor | None = None) -> Tensor:
        """Tokens ``(b, n, width)`` changed; ``earlier`` is left out without a skip."""
        if self.join is not None and earlier is not None:
            x = self.join(torch.cat([x, earlier], dim=-1))
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


class Waves(nn.Module):
    """Numbers as tokens: themselves and their sines and cosines, through two layers.

    Args:
        numbers: in each token.
        width: of a token.
        octaves: frequencies, from half a turn over the unit, each twice the one before.
    """

    frequencies: Tensor

    def __init__(self, numbers: int, width: int, *, octaves: int) -> None:
        super().__init__()
        self.register_buffer(
            "frequencies", math.pi * 2.0 ** torch.arange(octaves), persistent=False
        )
        self.mlp = nn.Sequential(
            nn.Linear(numbers * (1 + 2 * octaves), width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(..., numbers)`` as ``(..., width)``."""
        turns = (x[..., None] * self.frequencies).flatten(-2)
        return self.mlp(torch.cat([x, turns.sin(), turns.cos()], dim=-1))
