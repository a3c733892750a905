"""How a vector environment shares out seeds."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

from reel2sim.scene.errors import UsageError


def seeds_of(seed: int | Sequence[int | None] | None, count: int) -> list[int | None]:
    """A seed for each environment, as Gymnasium's vector environments share one out.

    Raises:
        UsageError: if there are more or fewer seeds than environments.
    """
    if seed is None:
        return [None] * count
    if isinstance(seed, Integral):
        return [int(seed) + i for i in range(count)]
    seeds = [None if one is None else int(one) for one in seed]  # type: ignore[union-attr]
    if len(seeds) != count:
        raise UsageError(f"are {len(seeds)}, expected {count}", source="seed")
    return seeds
