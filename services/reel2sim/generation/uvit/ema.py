"""An average of weights over the steps of a training run."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of a network's parameters.

    The decay of step n is min(decay, (1 + n) / (10 + n)), so that the first weights are soon
    forgotten. Buffers are taken as they are.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] = {
            name: value.detach().clone() for name, value in network.named_parameters()
        }

    def decay_at(self, step: int) -> float:
        """Share of the old average that is kept at ``step``, counted from 0."""
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after ``step``."""
        keep = self.decay_at(step)
        for name, value in network.named_parameters():
            self.values[name].lerp_(value, 1.0 - keep)

    @torch.no_grad()
    def copy_to(self, network: nn.Module) -> None:
        """Give a network of the same shape the averaged weights."""
        for name, value in network.named_parameters():
            value.copy_(self.values[name])
