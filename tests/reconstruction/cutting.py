"""Checkpoints that cut the work off at a place that is the same every time."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reel2sim.pipeline.checkpoints import FolderCheckpoints
from reel2sim.pipeline.codec import write_value
from reel2sim.scene.checkpoints import Checkpoints, Loop
from reel2sim.scene.errors import CancelledError

T = TypeVar("T")


def kept(folder: Path, *, key: str = "work") -> FolderCheckpoints:
    """Checkpoints that keep every step and every round."""
    return FolderCheckpoints(folder, key, every_s=0.0, worth_s=0.0, worth_bytes=float("inf"))


def digest(value: object) -> str:
    """Of all that ``value`` holds, to the last bit."""
    stream = io.BytesIO()
    write_value(stream, value, compressed=False)
    return hashlib.sha256(stream.getvalue()).hexdigest()


class Clock:
    """Counts ends of steps and rounds of loops, and cuts off after ``left`` of them."""

    def __init__(self, left: int = -1) -> None:
        self.left = left
        self.seen = 0

    def tick(self) -> None:
        self.seen += 1
        if self.seen == self.left:
            raise CancelledError("cut off")


class Cutting:
    """``inner``, cut off by ``clock``."""

    def __init__(self, inner: Checkpoints, clock: Clock) -> None:
        self.inner, self.clock = inner, clock

    def step(
        self, name: str, make: Callable[[], T], *, rng: np.random.Generator | None = None
    ) -> T:
        made: list[bool] = []

        def counted() -> T:
            result = make()
            made.append(True)
            return result

        result = self.inner.step(name, counted, rng=rng)
        if made:
            self.clock.tick()
        return result

    def loop(self, name: str) -> Loop:
        return _CuttingLoop(self.inner.loop(name), self.clock)

    def within(self, name: str) -> Cutting:
        return Cutting(self.inner.within(name), self.clock)


class _CuttingLoop:
    def __init__(self, inner: Loop, clock: Clock) -> None:
        self.inner, self.clock = inner, clock

    @property
    def state(self) -> Any:
        return self.inner.state

    def reached(self, state: Callable[[], object]) -> None:
        self.inner.reached(state)
        self.clock.tick()


def with_cuts(
    work: Callable[[Checkpoints], T], folder: Path, cuts: list[int]
) -> tuple[T, list[int]]:
    """The result of ``work``, cut off after so many ticks again and again, then left alone.

    Returns:
        The result, and how many ticks each attempt took.
    """
    ticks: list[int] = []
    for left in [*cuts, -1]:
        clock = Clock(left)
        try:
            result = work(Cutting(kept(folder), clock))
        except CancelledError:
            ticks.append(clock.seen)
            continue
        return result, [*ticks, clock.seen]
    raise AssertionError("the last attempt was cut off")
