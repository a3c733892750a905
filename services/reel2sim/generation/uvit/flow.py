"""Flow matching: straight paths from data to noise, and the way back along a velocity field.

Lipman et al. 2023 (arXiv 2210.02747) with the linear path x_t = (1 − t) x + t ε, whose velocity is
ε − x: t is 0 at the data and 1 at the noise, so a modality at 0 is given and one at 1 is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

from reel2sim.generation.uvit.tokens import State

Method = Literal["euler", "heun"]


def spread(times: Tensor, like: Tensor) -> Tensor:
    """``(b,)`` or ``(b, f)`` with trailing dimensions of 1, to multiply with ``like``."""
    return times.reshape(*times.shape, *[1] * (like.ndim - times.ndim))


def noised(clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """The point at ``times`` of the path from ``clean`` to ``noise``."""
    t = spread(times, clean)
    return (1.0 - t) * clean + t * noise


def velocity(clean: Tensor, noise: Tensor) -> Tensor:
    """Of the path, the same all along it."""
    return noise - clean


def clean_from(noisy: Tensor, speed: Tensor, times: Tensor) -> Tensor:
    """The clean end of the straight path through ``noisy`` with a velocity."""
    return noisy - spread(times, noisy) * speed


def scaled(noisy: Tensor, times: Tensor) -> Tensor:
    """``noisy`` with unit variance at all ``times``, as data and noise have it."""
    t = spread(times, noisy)
    return noisy / _deviation(t)


def preconditioned(noisy: Tensor, found: Tensor, times: Tensor) -> Tensor:
    """The velocity of what a network ``found``, whose target has unit variance at all times.

    As in EDM (Karras et al. 2022, arXiv 2206.00364) the best linear guess from ``noisy`` alone is
    added, here (2t − 1) / σ² of it with σ² = t² + (1 − t)², and the rest has deviation 1/σ. The
    network's own target is then ((1 − t) ε − t x) / σ.
    """
    t = spread(times, noisy)
    deviation = _deviation(t)
    return (2.0 * t - 1.0) / deviation.square() * noisy + found / deviation


def _deviation(t: Tensor) -> Tensor:
    return (t.square() + (1.0 - t).square()).sqrt()


def word_velocity(noisy: Tensor, logits: Tensor, table: Tensor, time: Tensor) -> Tensor:
    """The velocity of words' embeddings that follows from what the words probably are.

    With x̂ the mean embedding under ``logits`` it is (x − x̂) / t: the true one, where they are the
    true posterior (Dieleman et al. 2022, arXiv 2211.15089).

    Args:
        noisy: ``(b, l, e)``.
        logits: ``(b, l, words)``.
        table: embedding of each word ``(words, e)``.
        time: ``(b,)``.
    """
    guess = logits.softmax(dim=-1) @ table
    return (noisy - guess) / spread(time.clamp_min(1e-3), noisy)


def schedule(steps: int) -> Tensor:
    """Times from 1 to 0 in even steps, ``(steps + 1,)`` float64."""
    return torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)


def integrate(
    field: Callable[[State, float], State],
    start: State,
    times: Tensor,
    *,
    method: Method = "euler",
) -> Iterator[State]:
    """The states after each step along ``field(state, time)``.

    Args:
        field: velocity.
        start: state at ``times[0]``.
        times: where to stop, as of :func:`schedule`.
        method: Euler, or Heun's, which asks twice a step and errs with the square of the step.
    """
    state = start
    for now, then in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        step = then - now
        speed = field(state, now)
        ahead = _moved(state, speed, step)
        # At the data itself a network has seen no noise, so the last step stays Euler's.
        if method == "heun" and then > 0:
            speed = speed.combine(field(ahead, then), lambda _, a, b: (a + b) / 2)
            ahead = _moved(state, speed, step)
        state = ahead
        yield state


def _moved(state: State, speed: State, step: float) -> State:
    return state.combine(speed, lambda _, x, v: x + step * v)
