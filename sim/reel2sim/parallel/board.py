"""Where processes write what is said in ``info``, so that it need not be sent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reel2sim.parallel.columns import Column, Kind

Layout = tuple[tuple[tuple[str, ...], Kind], ...]
"""Path and kind of each column."""


def layout_of(columns: Sequence[Column]) -> Layout | None:
    """The layout of columns that a board can hold: all environments have them, as numbers."""
    if any(column.rows is not None or column.kind is object for column in columns):
        return None
    return tuple((column.path, column.kind) for column in columns)


class Board:
    """Columns of one layout in memory that processes share.

    Args:
        memory: bytes to write to.
        count: environments.
        layout: of the columns.
    """

    def __init__(self, memory: np.ndarray, count: int, layout: Layout) -> None:
        self._layout = layout
        self._arrays: list[np.ndarray] = []
        start = 0
        for _, kind in layout:
            dtype, shape = _form(kind)
            size = count * math.prod(shape) * dtype.itemsize
            self._arrays.append(memory[start : start + size].view(dtype).reshape(count, *shape))
            start += -(-size // 8) * 8

    @staticmethod
    def fits(memory: np.ndarray, count: int, layout: Layout) -> bool:
        """Whether there is enough memory."""
        sizes = (count * math.prod(s) * d.itemsize for d, s in (_form(k) for _, k in layout))
        return sum(-(-size // 8) * 8 for size in sizes) <= len(memory)

    def put(self, start: int, columns: Sequence[Column]) -> bool:
        """Write the columns of environments from ``start`` on; whether they have the layout."""
        if layout_of(columns) != self._layout:
            return False
        for array, column in zip(self._arrays, columns, strict=True):
            array[start : start + len(column.values)] = column.values
        return True

    def columns(self, start: int, end: int) -> tuple[Column, ...]:
        """A copy of the columns of environments from ``start`` up to ``end``."""
        pairs = zip(self._layout, self._arrays, strict=True)
        return tuple(Column(path, kind, array[start:end].copy()) for (path, kind), array in pairs)


def _form(kind: Kind) -> tuple[np.dtype[Any], tuple[int, ...]]:
    return kind if isinstance(kind, tuple) else (np.dtype(kind), ())
