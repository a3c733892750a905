"""What the transformer reads: a tensor and a clock for each modality, cameras and times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

MODALITIES = ("video", "text", "motion", "tracks", "reference")
"""Each has a timestep of its own: 0 is clean, hence given; 1 is noise, hence absent."""


class Mapped:
    """Dataclasses of tensors whose first dimension is the batch."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same with every tensor changed."""
        mine: Any = self
        return replace(mine, **{f.name: change(getattr(self, f.name)) for f in fields(mine)})

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return self.map(lambda tensor: tensor.to(device))

    def __getitem__(self, index: Any) -> Self:
        return self.map(lambda tensor: tensor[index])


@dataclass(frozen=True, eq=False)
class State(Mapped):
    """A tensor for each modality: clean, noisy, noise, or a velocity.

    Attributes:
        video: latents ``(b, f, c, h, w)``.
        text: word embeddings ``(b, l, e)``.
        motion: standardised logarithm of the motion magnitude ``(b, 1)``.
        tracks: points of each stroke ``(b, k, 2 t)``.
        reference: latents of a picture of the object from anywhere, at any time ``(b, c, h, w)``.
    """

    video: Tensor
    text: Tensor
    motion: Tensor
    tracks: Tensor
    reference: Tensor

    def combine(self, other: State, change: Callable[[str, Tensor, Tensor], Tensor]) -> State:
        """``change(name, mine, its)`` of every modality."""
        return State(
            **{name: change(name, getattr(self, name), getattr(other, name)) for name in MODALITIES}
        )


@dataclass(frozen=True, eq=False)
class Clocks(Mapped):
    """The timestep of each modality ``(b,)``, 0..1.

    Attributes:
        video: of the frames that are not given.
        text: of the words.
        motion: of the motion magnitude.
        tracks: of the strokes that are drawn.
        reference: of the reference picture.
    """

    video: Tensor
    text: Tensor
    motion: Tensor
    tracks: Tensor
    reference: Tensor

    @classmethod
    def of(cls, batch: int, device: torch.device, **times: float) -> Clocks:
        """Clocks that show ``times``; modalities that are not named are absent, at 1."""
        return cls(
            **{
                name: torch.full((batch,), times.get(name, 1.0), device=device)
                for name in MODALITIES
            }
        )


@dataclass(frozen=True, eq=False)
class Scene(Mapped):
    """What is known of frames and strokes.

    Attributes:
        rays: Plücker rays of each patch ``(b, f, p, 6)``.
        times: of each frame ``(b, f)``, from 0 at the start of the motion to 1 at its end.
        given: frames that are conditions and hence clean ``(b, f)`` bool.
        drawn: strokes that there are ``(b, k)`` bool.
    """

    rays: Tensor
    times: Tensor
    given: Tensor
    drawn: Tensor

    @property
    def still(self) -> Scene:
        """The same cameras around the same object before it moves: the 3D prior of the model.

        Strokes are motion, so they are not drawn.
        """
        return replace(self, times=torch.zeros_like(self.times), drawn=torch.zeros_like(self.drawn))


def patches(latents: Tensor, side: int) -> Tensor:
    """``(..., c, h, w)`` as ``(..., p, c side²)``, row by row of patches."""
    *lead, c, h, w = latents.shape
    cut = latents.reshape(*lead, c, h // side, side, w // side, side)
    n = len(lead)
    order = (*range(n), n + 1, n + 3, n, n + 2, n + 4)
    return cut.permute(order).reshape(*lead, (h // side) * (w // side), c * side * side)


def unpatched(tokens: Tensor, side: int, channels: int) -> Tensor:
    """Inverse of :func:`patches` for square pictures."""
    *lead, p, _ = tokens.shape
    grid = round(p**0.5)
    cut = tokens.reshape(*lead, grid, grid, channels, side, side)
    n = len(lead)
    order = (*range(n), n + 2, n, n + 3, n + 1, n + 4)
    return cut.permute(order).reshape(*lead, channels, grid * side, grid * side)
