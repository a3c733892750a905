"""A network, its optimiser and its averaged weights, as one state that can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reel2sim.generation.uvit.config import TrainConfig
from reel2sim.generation.uvit.ema import Ema
from reel2sim.generation.uvit.tensorfile import fill, read_tensors, under, within, write_tensors
from reel2sim.scene.errors import ConflictError, InputError

STATE = "reel2sim-uvit-state"
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Learner:
    """AdamW with warm-up, clipped gradients and an average of the weights.

    Args:
        network: what learns.
        config: of the run.
    """

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        self.network = network
        self.config = config
        self.step = 0
        self.optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=config.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
        )
        self.ema = Ema(network, config.ema)

    def rate(self) -> float:
        """Learning rate of the next step."""
        return self.config.learning_rate * min(1.0, (self.step + 1) / max(1, self.config.warmup))

    def learn(self, loss: Tensor) -> float:
        """One step down the gradient of ``loss``; the gradient's norm before it was clipped."""
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.step()
        self.ema.update(self.network, self.step)
        self.step += 1
        return float(norm)

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write all that a later process needs to go on with the same bits."""
        tensors = {**under("weights", self.network.state_dict()), **under("ema", self.ema.values)}
        for name, parameter in self.network.named_parameters():
            for moment in _MOMENTS:
                kept = self.optimiser.state.get(parameter, {})
                if moment in kept:
                    tensors[f"{moment}.{name}"] = kept[moment]
        write_tensors(path, tensors, {**record, "kind": STATE, "step": self.step})

    def restore(self, path: Path, record: Mapping[str, Any]) -> None:
        """Go on from what :meth:`save` wrote with the same ``record``.

        Raises:
            ConflictError: if the state is that of another run.
            InputError: if the file is damaged.
        """
        tensors, found = read_tensors(path, kind=STATE)
        for name, value in record.items():
            if found.get(name) != value:
                raise ConflictError(
                    "is the state of another run",
                    source=path,
                    field=name,
                    remedy="resume with the options and data of that run, or choose another folder",
                )
        fill(self.network, within("weights", tensors), source=path)
        names = dict(self.network.named_parameters())
        ema, moments = within("ema", tensors), [within(m, tensors) for m in _MOMENTS]
        if {*ema} != {*names} or any({*m} != {*names} for m in moments):
            raise InputError("lacks averages or moments of some weights", source=path)
        try:
            step = int(found["step"])
            for name, value in ema.items():
                self.ema.values[name].copy_(value)
            for name, parameter in names.items():
                pairs = zip(_MOMENTS, moments, strict=True)
                kept = {moment: part[name].to(parameter) for moment, part in pairs}
                self.optimiser.state[parameter] = {"step": torch.tensor(float(step)), **kept}
        except (KeyError, TypeError, ValueError, RuntimeError) as cause:
            raise InputError(f"is damaged: {cause}", source=path) from cause
        self.step = step
