"""More surfels where the pictures ask for them, fewer where they show nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from reel2sim.reconstruction.skinning import rotate
from reel2sim.reconstruction.training.model import MovingSurfels

_FAINT = 0.06
"""Opacity under which a surfel is dropped."""


def redistributed(
    model: MovingSurfels, pull: Tensor, *, grow: float, most: int
) -> tuple[MovingSurfels, Tensor]:
    """Drop faint surfels and split those that the pictures pull at hardest.

    A split surfel becomes two of 0.7 of its size, half a deviation to either side along its
    longer tangent (after Kerbl et al. 2023, with the budget fixed beforehand).

    Args:
        model: to change.
        pull: mean gradient of each centre over the pictures that show it ``(n,)``.
        grow: share of the surfels to split.
        most: surfels there may be at all.

    Returns:
        The new model, and for each of its surfels the row it came from ``(n',)``.
    """
    bold = torch.sigmoid(model.own["opacity_logits"]) > _FAINT
    index = torch.nonzero(bold).ravel()
    if len(index) < 8:
        return model, torch.arange(len(model), device=pull.device)
    room = max(0, min(round(grow * len(index)), most - len(index)))
    pull = pull[index]
    room = min(room, int((pull > 0).sum()))
    chosen = torch.zeros(len(index), dtype=torch.bool, device=pull.device)
    chosen[torch.topk(pull, room).indices] = True
    parents = index[chosen]
    rows = torch.cat([index[~chosen], parents, parents])
    own = {name: tensor.detach()[rows] for name, tensor in model.own.items()}
    if room:
        first = len(index) - room
        scales = own["log_scales"][first:].exp()
        axis = functional.one_hot(scales.argmax(dim=1), 3).to(scales)
        local = axis * scales.amax(dim=1, keepdim=True) * 0.5
        offset = rotate(functional.normalize(own["rotations"][first:], dim=-1), local)
        sign = torch.ones(2 * room, 1).to(offset)
        sign[room:] = -1
        own["means"] = torch.cat([own["means"][:first], own["means"][first:] + sign * offset])
        smaller = own["log_scales"][first:] + math.log(0.7)
        own["log_scales"] = torch.cat([own["log_scales"][:first], smaller])
    return replace(model, own=own), rows
