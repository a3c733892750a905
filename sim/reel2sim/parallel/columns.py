"""What environments say in ``info``, column by column instead of one dictionary each.

A batch of alike dictionaries becomes a few arrays, which is cheap to send to another process or
machine, and nothing is lost: :func:`rows_of` gives the dictionaries back, types included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Row = dict[str, Any]
Kind = type | tuple[np.dtype[Any], tuple[int, ...]]
_NUMBERS = (float, int, bool)
_WIDEST = 2**63


class Column(NamedTuple):
    """Values of one entry.

    Attributes:
        path: its key; keys from outer to inner, for dictionaries in dictionaries.
        kind: ``float``, ``int`` or ``bool``; a numpy scalar's type; dtype and shape of arrays; or
            ``object`` for all else.
        values: one for each row, an array ``(k, …)``; a list if the kind is ``object``.
        rows: the environments ``(k,)`` that have it; None for all.
    """

    path: tuple[str, ...]
    kind: Kind
    values: Any
    rows: np.ndarray | None = None


def columns_of(infos: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """The columns of one dictionary for each environment."""
    first = infos[0]
    alike: list[Column] = []
    for key, sample in first.items():
        values = [info.get(key, _ABSENT) for info in infos]
        kind = _kind(sample)
        if kind is dict or any(_kind(value) != kind for value in values[1:]):
            return _sorted_out(infos)
        alike.append(Column((key,), kind, _packed(kind, values)))
    if any(len(info) != len(first) for info in infos):
        return _sorted_out(infos)
    return tuple(alike)


def rows_of(columns: Iterable[Column], count: int) -> list[Row]:
    """The dictionaries that :func:`columns_of` was given, for ``count`` environments."""
    rows: list[Row] = [{} for _ in range(count)]
    for column in columns:
        values = column.values
        # Scalars of numpy come from indexing, Python's own from a list.
        values = values.tolist() if column.kind in _NUMBERS else values
        for k, i in enumerate(range(count) if column.rows is None else column.rows.tolist()):
            inner = rows[i]
            for key in column.path[:-1]:
                inner = inner.setdefault(key, {})
            value = values[k]
            inner[column.path[-1]] = value.copy() if isinstance(value, np.ndarray) else value
    return rows


def vector_infos(columns: Sequence[Column], count: int, add: Callable[[Row, Row, int], Row]) -> Row:
    """The dictionary that a vector environment of Gymnasium makes of all ``info``.

    Args:
        columns: of ``count`` environments.
        count: of environments.
        add: Gymnasium's way to add one environment's, ``VectorEnv._add_info``; used where entries
            are of mixed types or in dictionaries.
    """
    every: Row = {}
    masks = np.ones((len(columns), count), np.bool_)
    for (path, kind, values, rows), mask in zip(columns, masks, strict=True):
        key = path[0]
        if kind is object or len(path) > 1 or key in every:
            break
        if rows is not None:
            whole = np.zeros((count, *values.shape[1:]), values.dtype)
            whole[rows] = values
            values, mask[:] = whole, False
            mask[rows] = True
        every[key], every[f"_{key}"] = values, mask
    else:
        return every
    found: Row = {}
    for i, row in enumerate(rows_of(columns, count)):
        found = add(found, row, i)
    return found


def joined(parts: Sequence[tuple[int, int, Sequence[Column]]]) -> tuple[Column, ...]:
    """The columns of batches in a row.

    Args:
        parts: index of each batch's first environment, its environments, and its columns.
    """
    if len(parts) == 1:
        return tuple(parts[0][2])
    filled = [part for part in parts if part[2]]
    if len(filled) == len(parts) and _same_layout([part[2] for part in parts]):
        return tuple(
            same[0]._replace(values=_appended([column.values for column in same]))
            for same in zip(*(part[2] for part in parts), strict=True)
        )
    groups: dict[tuple[Any, ...], list[tuple[np.ndarray, Any]]] = {}
    for start, count, columns in filled:
        for column in columns:
            rows = np.arange(count) if column.rows is None else column.rows
            groups.setdefault((column.path, column.kind), []).append((start + rows, column.values))
    return tuple(
        Column(
            path,
            kind,
            _appended([values for _, values in pieces]),
            np.concatenate([rows for rows, _ in pieces]),
        )
        for (path, kind), pieces in groups.items()
    )


_ABSENT = object()


def _kind(value: Any) -> Kind:
    found = type(value)
    if found is np.ndarray:
        return (value.dtype, value.shape) if value.dtype.kind in "biuf" else object
    if found is int:
        return int if -_WIDEST <= value < _WIDEST else object
    if found in _NUMBERS or value is _ABSENT:
        return found if value is not _ABSENT else _Absent
    if isinstance(value, np.generic):
        return found if value.dtype.kind in "biuf" else object
    # An empty dictionary has no entries to be told by.
    return dict if found is dict and value else object


class _Absent:
    """The kind of an entry that is not there."""


def _packed(kind: Kind, values: list[Any]) -> Any:
    if kind is object:
        return values
    return np.array(values, dtype=kind[0] if isinstance(kind, tuple) else kind)


def _sorted_out(infos: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    """Columns of dictionaries that are not alike."""
    groups: dict[tuple[tuple[str, ...], Kind], tuple[list[int], list[Any]]] = {}

    def gather(info: Mapping[str, Any], above: tuple[str, ...], i: int) -> None:
        for key, value in info.items():
            path, kind = (*above, key), _kind(value)
            if kind is dict:
                gather(value, path, i)
                continue
            rows, values = groups.setdefault((path, kind), ([], []))
            rows.append(i)
            values.append(value)

    for i, info in enumerate(infos):
        gather(info, (), i)
    return tuple(
        Column(path, kind, _packed(kind, values), np.array(rows))
        for (path, kind), (rows, values) in groups.items()
    )


def _same_layout(parts: Sequence[Sequence[Column]]) -> bool:
    layouts = [[(c.path, c.kind, c.rows is None) for c in columns] for columns in parts]
    return all(whole for *_, whole in layouts[0]) and layouts[1:] == layouts[:-1]


def _appended(values: list[Any]) -> Any:
    if isinstance(values[0], list):
        return [value for piece in values for value in piece]
    return np.concatenate(values)
