"""A network, its optimiser and its averaged weights, as one state that can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reel2sim.generation.uvit.config import TrainConfig
from reel2sim.generation.uvit.ema import Ema
from reel2sim.generation.uvit.muon import Muon
from reel2sim.generation.uvit.tensorfile import fill, read_tensors, under, within, write_tensors
from reel2sim.scene.errors import ConflictError, InputError

STATE = "reel2sim-uvit-state"
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Learner:
    """AdamW, and Muon for matrices inside; warm-up, clipped gradients, an average of the weights.

    Args:
        network: what learns; its ``hidden``, if it has any, are the matrices inside.
        config: of the run.
        steps: of this network; its last ones are those of the cool-down.
    """

    def __init__(self, network: nn.Module, config: TrainConfig, steps: int) -> None:
        self.network = network
        self.config = config
        self.steps = steps
        self.step = 0
        hidden: list[nn.Parameter] = list(getattr(network, "hidden", ()))
        inside = {id(parameter) for parameter in hidden}
        rest = [p for p in network.parameters() if id(p) not in inside]
        decay = config.weight_decay
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=decay)
        ]
        if hidden:
            self.optimisers.append(Muon(hidden, lr=config.learning_rate, weight_decay=decay))
        self._moments = {
            name: _MOMENTS[:1] if id(parameter) in inside else _MOMENTS
            for name, parameter in network.named_parameters()
        }
        self.ema = Ema(network, config.ema)

    def rate(self) -> float:
        """Learning rate of the next step: it rises, stays, and falls to 0 after the last.

        Unlike a cosine it does not depend on the end until the cool-down begins, so a run that
        is ended sooner or later than planned loses nothing (Hägele et al. 2024, arXiv 2405.18392).
        """
        rise = (self.step + 1) / max(1, self.config.warmup)
        fall = (self.steps - self.step) / max(1.0, self.config.cooldown * self.steps)
        return self.config.learning_rate * min(1.0, rise, max(0.0, fall))

    def learn(self, loss: Tensor) -> float:
        """One step down the gradient of ``loss``; the gradient's norm before it was clipped."""
        rate = self.rate()
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self.ema.update(self.network, self.step)
        self.step += 1
        return float(norm)

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write all that a later process needs to go on with the same bits."""
        tensors = {**under("weights", self.network.state_dict()), **under("ema", self.ema.values)}
        for name, parameter in self.network.named_parameters():
            kept = self._state(parameter)
            tensors |= {f"{m}.{name}": kept[m] for m in self._moments[name] if m in kept}
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
        ema, moments = within("ema", tensors), {m: within(m, tensors) for m in _MOMENTS}
        lacking = any(name not in moments[m] for name in names for m in self._moments[name])
        if {*ema} != {*names} or lacking:
            raise InputError("lacks averages or moments of some weights", source=path)
        try:
            step = int(found["step"])
            for name, value in ema.items():
                self.ema.values[name].copy_(value)
            for name, parameter in names.items():
                kept = {m: moments[m][name].to(parameter) for m in self._moments[name]}
                self._state(parameter).update({"step": torch.tensor(float(step)), **kept})
        except (KeyError, TypeError, ValueError, RuntimeError) as cause:
            raise InputError(f"is damaged: {cause}", source=path) from cause
        self.step = step

    def _state(self, parameter: Tensor) -> dict[str, Tensor]:
        """What the optimiser of ``parameter`` remembers of it."""
        for optimiser in self.optimisers:
            if any(p is parameter for group in optimiser.param_groups for p in group["params"]):
                return optimiser.state[parameter]
        raise KeyError("a parameter that no optimiser moves")
