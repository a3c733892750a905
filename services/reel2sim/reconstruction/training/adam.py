"""Adam whose moments survive when surfels are split and dropped."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_BETAS = (0.9, 0.99)
_EPSILON = 1e-15


class Adam:
    """Adam (Kingma & Ba 2015) over named tensors, with a learning rate for each name.

    Args:
        parameters: tensors that collect gradients; those without elements are left alone.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._parameters = {name: p for name, p in parameters.items() if p.numel()}
        self._first = {name: torch.zeros_like(p) for name, p in self._parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in self._parameters.items()}
        self._steps = 0

    @torch.no_grad()
    def step(self, rates: Mapping[str, float]) -> None:
        """Move every tensor that has a gradient and a rate; forget all gradients."""
        self._steps += 1
        a, b = (1 - beta**self._steps for beta in _BETAS)
        for name, p in self._parameters.items():
            if p.grad is None or name not in rates:
                p.grad = None
                continue
            first, second = self._first[name], self._second[name]
            first.lerp_(p.grad, 1 - _BETAS[0])
            second.mul_(_BETAS[1]).addcmul_(p.grad, p.grad, value=1 - _BETAS[1])
            p.addcdiv_(first, (second / b).sqrt_().add_(_EPSILON), value=-rates[name] / a)
            p.grad = None

    def reindexed(self, parameters: Mapping[str, Tensor], rows: Tensor, own: set[str]) -> Adam:
        """For new tensors: rows of those named in ``own`` come from old rows ``rows``."""
        fresh = Adam(parameters)
        fresh._steps = self._steps
        for name in fresh._parameters:
            keep = rows if name in own else slice(None)
            fresh._first[name] = self._first[name][keep].clone()
            fresh._second[name] = self._second[name][keep].clone()
        return fresh

    def state(self) -> dict[str, object]:
        """Moments and number of steps, for :meth:`load`."""
        return {"first": self._first, "second": self._second, "steps": self._steps}

    def load(self, state: dict[str, object]) -> None:
        """Take up what :meth:`state` gave."""
        self._first.update(state["first"])  # type: ignore[arg-type]
        self._second.update(state["second"])  # type: ignore[arg-type]
        self._steps = int(state["steps"])  # type: ignore[call-overload]
