"""How long work keeps what it has done, so that a killed run goes on instead of starting again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np

T = TypeVar("T")


class Loop(Protocol):
    """The last state of a loop that was kept."""

    @property
    def state(self) -> Any:
        """What to go on from, or None to begin at the beginning."""
        ...

    def reached(self, state: Callable[[], object]) -> None:
        """Say that a round is over. ``state`` is called if it is time to keep one."""
        ...


class Checkpoints(Protocol):
    """Keeps results of a stage's steps, and states of its loops.

    A stage that goes on from them gives the same bits as one that was never stopped: a step depends
    on nothing but its inputs and the generator that is handed over, and every array comes back
    with its values, type and memory layout. Names are unique within a stage.

    Kept may be what :mod:`reel2sim.pipeline.codec` knows: plain values, numpy arrays, torch
    tensors, and tuples, lists, dictionaries and dataclasses of this project made of these.
    """

    def step(
        self, name: str, make: Callable[[], T], *, rng: np.random.Generator | None = None
    ) -> T:
        """The result of a step: what is kept of it, or else what ``make`` returns.

        Args:
            name: of the step.
            make: does the work.
            rng: generator that the work draws from; brought to where the work leaves it.
        """
        ...

    def loop(self, name: str) -> Loop:
        """Where the states of a loop are kept."""
        ...

    def within(self, name: str) -> Checkpoints:
        """Of the parts of a step. They are dropped once the step's own result is kept."""
        ...


class _NoLoop:
    @property
    def state(self) -> Any:
        return None

    def reached(self, state: Callable[[], object]) -> None:
        pass


class _None:
    def step(
        self, name: str, make: Callable[[], T], *, rng: np.random.Generator | None = None
    ) -> T:
        return make()

    def loop(self, name: str) -> Loop:
        return _NoLoop()

    def within(self, name: str) -> Checkpoints:
        return self


NO_CHECKPOINTS: Checkpoints = _None()
"""Keeps nothing."""
