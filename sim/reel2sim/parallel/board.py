"""Where processes write what is said in ``info``, so that it need not be sent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        self._entries = [
            (path[0], *_accepted(kind), array)
            for (path, kind), array in zip(layout, self._arrays, strict=True)
        ]

    @staticmethod
    def fits(memory: np.ndarray, count: int, layout: Layout) -> bool:
        """Whether there is enough memory."""
        sizes = (count * math.prod(s) * d.itemsize for d, s in (_form(k) for _, k in layout))
        return sum(-(-size // 8) * 8 for size in sizes) <= len(memory)

    def put(self, row: int, info: Mapping[str, Any]) -> bool:
        """Write what the environment at ``row`` says; whether it has the layout."""
        if len(info) != len(self._entries):
            return False
        for (name, type_, dtype, shape, array), key in zip(self._entries, info, strict=True):
            value = info[key]
            if key != name or type(value) is not type_:
                return False
            if dtype is not None and (value.dtype != dtype or value.shape != shape):
                return False
            try:
                array[row] = value
            except OverflowError:  # an integer of more than 64 bits
                return False
        return True

    def columns(self, start: int, end: int) -> tuple[Column, ...]:
        """A copy of the columns of environments from ``start`` up to ``end``."""
        pairs = zip(self._layout, self._arrays, strict=True)
        return tuple(Column(path, kind, array[start:end].copy()) for (path, kind), array in pairs)


def _accepted(kind: Kind) -> tuple[type, np.dtype[Any] | None, tuple[int, ...] | None]:
    """Type of the values of a kind; of arrays, dtype and shape."""
    return (np.ndarray, *kind) if isinstance(kind, tuple) else (kind, None, None)


def _form(kind: Kind) -> tuple[np.dtype[Any], tuple[int, ...]]:
    return kind if isinstance(kind, tuple) else (np.dtype(kind), ())
