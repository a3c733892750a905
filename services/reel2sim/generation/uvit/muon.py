"""Muon: gradient descent whose steps are as large in all directions of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that drives singular values into about 0.7..1.2 in a few rounds."""
_ROUNDS = 5
_LIKE_ADAM = 0.2
"""Root mean square of an update, about that of AdamW, so that one rate suits both."""


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal by Newton–Schulz rounds, for matrices inside of a network.

    Jordan et al. 2024 (kellerjordan.github.io/posts/muon), scaled as in Liu et al. 2025 (arXiv
    2502.16982). In float32: torch's own computes the rounds in bfloat16, which CPUs emulate.

    Args:
        matrices: weights of two dimensions.
        lr: learning rate.
        momentum: share of the old average that is kept; Nesterov's.
        weight_decay: decoupled.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if "exp_avg" not in state:
                    state["exp_avg"] = torch.zeros_like(matrix)
                average = state["exp_avg"].lerp_(matrix.grad, 1.0 - group["momentum"])
                ahead = matrix.grad.lerp(average, group["momentum"])
                size = _LIKE_ADAM * max(matrix.shape) ** 0.5
                matrix.mul_(1.0 - group["lr"] * group["weight_decay"])
                matrix.add_(orthogonal(ahead), alpha=-group["lr"] * size)


def orthogonal(matrix: Tensor) -> Tensor:
    """About the nearest matrix whose singular values are all 1."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / x.norm().clamp_min(1e-7)
    a, b, c = _QUINTIC
    for _ in range(_ROUNDS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if matrix.shape[0] > matrix.shape[1] else x
