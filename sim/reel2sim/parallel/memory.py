"""The memory that the processes of a crew share: actions in, observations and rewards out."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from reel2sim.parallel.line import BELL_BYTES
from reel2sim.scene.errors import UsageError

Leaf = tuple[tuple[str, ...], np.dtype[Any], tuple[int, ...]]
_ALIGNMENT = 64
_WIDEST_NUMBER = 8
_SPARE = 1024


def leaves_of(space: spaces.Space[Any], path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """The arrays an element of ``space`` consists of: path of keys, dtype and shape.

    Raises:
        UsageError: for a space of other things than arrays of fixed shape.
    """
    if isinstance(space, spaces.Dict):
        for key, inner in space.spaces.items():
            yield from leaves_of(inner, (*path, str(key)))
        return
    dtype = None if space.dtype is None else np.dtype(space.dtype)
    if dtype is None or space.shape is None or dtype.kind not in "biuf":
        raise UsageError(
            f"is {type(space).__name__}, which no array holds",
            source="observation_space",
            field="/".join(path) or None,
            remedy="use Box and Dict",
        )
    yield path, dtype, tuple(space.shape)


class Memory:
    """Arrays of ``count`` environments in one piece of memory.

    Attributes:
        bells: ``(n, 2, 64)`` uint8: of lines between processes, of which there are no more than
            environments, the parent's end and the other.
        spare: bytes for what else is to be shared; those never written cost nothing.
        rewards: ``(n,)`` float64.
        terminated: ``(n,)`` bool.
        truncated: ``(n,)`` bool.
        leaves: paths and arrays ``(n, …)`` of the observations.

    Args:
        observation: space of one observation.
        action: space of one action.
        count: environments.
        file: descriptor of a file to map; None for memory of this process alone.
    """

    def __init__(
        self,
        observation: spaces.Space[Any],
        action: spaces.Box,
        count: int,
        *,
        file: int | None = None,
    ) -> None:
        self._count, self._action = count, action
        self._inbox: dict[np.dtype[Any], np.ndarray] = {}
        leaves = list(leaves_of(observation))
        shapes = [
            (np.dtype(np.uint8), (count * math.prod(action.shape) * _WIDEST_NUMBER,)),
            (np.dtype(np.uint8), (count, 2, BELL_BYTES)),
            (np.dtype(np.uint8), (count * _SPARE,)),
            (np.dtype(np.float64), (count,)),
            (np.dtype(np.bool_), (count,)),
            (np.dtype(np.bool_), (count,)),
            *((dtype, (count, *shape)) for _, dtype, shape in leaves),
        ]
        sizes = [_aligned(dtype.itemsize * math.prod(shape)) for dtype, shape in shapes]
        total = max(sum(sizes), 1)
        if file is not None and os.fstat(file).st_size < total:
            os.ftruncate(file, total)
        buffer = mmap.mmap(-1 if file is None else file, total)
        starts = np.cumsum([0, *sizes[:-1]]).tolist()
        (
            self._raw,
            self.bells,
            self.spare,
            self.rewards,
            self.terminated,
            self.truncated,
            *arrays,
        ) = (
            np.frombuffer(buffer, dtype, math.prod(shape), start).reshape(shape)
            for (dtype, shape), start in zip(shapes, starts, strict=True)
        )
        paths = [path for path, _, _ in leaves]
        self.leaves = list(zip(paths, arrays, strict=True))

    def actions(self, dtype: np.dtype[Any]) -> np.ndarray:
        """Where actions ``(n, …)`` of that dtype are."""
        found = self._inbox.get(dtype)
        if found is None:
            shape = (self._count, *self._action.shape)
            found = self._raw[: math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
            self._inbox[dtype] = found
        return found

    def writer(self, start: int) -> Callable[[int, Any], None]:
        """A function that keeps the observation of an environment, counted from ``start``."""
        leaves = [(path, array[start:]) for path, array in self.leaves]
        if len(leaves) == 1 and not leaves[0][0]:
            whole = leaves[0][1]

            def keep(i: int, observation: Any) -> None:
                whole[i] = observation

            return keep

        def keep_each(i: int, observation: Any) -> None:
            for path, array in leaves:
                value = observation
                for key in path:
                    value = value[key]
                array[i] = value

        return keep_each

    def observations(self) -> Any:
        """A copy of all observations, arrays ``(n, …)`` in dictionaries as the space has them."""
        return nested((path, array.copy()) for path, array in self.leaves)


def nested(leaves: Any) -> Any:
    """Arrays in dictionaries by their paths, or the one array whose path is empty."""
    tree: dict[str, Any] = {}
    for path, array in leaves:
        if not path:
            return array
        inner = tree
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = array
    return tree


def shared_file() -> Any:
    """A file without a name, in memory where there is a place for that."""
    place = Path("/dev/shm")
    usable = place.is_dir() and os.access(place, os.W_OK)
    return tempfile.TemporaryFile(dir=place if usable else None)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
