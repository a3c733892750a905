"""What environments answer, as messages; nothing is rounded on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reel2sim.parallel.columns import Column
from reel2sim.scene.errors import StageError, UsageError
from reel2sim.transport.arrays import array_message, array_of, named_arrays
from reel2sim.v1 import environments_pb2 as pb

_PLAIN = {np.dtype(float): float, np.dtype(np.int64): int, np.dtype(bool): bool}


def transition_message(
    leaves: Iterable[tuple[tuple[str, ...], np.ndarray]],
    columns: Sequence[Column],
    results: Sequence[np.ndarray] = (),
) -> pb.Transition:
    """Observations, infos and, after a step, rewards, terminated and truncated."""
    message = pb.Transition(
        observations=named_arrays(leaves), infos=[_column_message(column) for column in columns]
    )
    for name, array in zip(("rewards", "terminated", "truncated"), results, strict=False):
        getattr(message, name).CopyFrom(array_message(array))
    return message


def columns_from(message: pb.Transition) -> list[Column]:
    """The columns of ``info``."""
    return [_column(column) for column in message.infos]


def json_text(options: Mapping[str, Any] | None, source: str) -> str:
    """Options as JSON; arrays become lists.

    Raises:
        UsageError: if they hold what JSON cannot tell.
    """
    if not options:
        return ""
    try:
        return json.dumps(dict(options), allow_nan=False, default=_listed)
    except (TypeError, ValueError) as cause:
        raise UsageError(f"cannot travel: {cause}", source=source) from cause


def json_options(text: str, field: str) -> dict[str, Any]:
    """The options that a text holds.

    Raises:
        UsageError: if it is no JSON object, naming ``field``.
    """
    if not text:
        return {}
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"is not JSON: {cause}", field=field) from cause
    if not isinstance(found, dict):
        raise UsageError("is no JSON object", field=field)
    return found


def _column_message(column: Column) -> pb.InfoColumn:
    rows = None if column.rows is None else column.rows.tolist()
    message = pb.InfoColumn(path=column.path, rows=rows)
    if column.kind is object:
        message.kind = pb.InfoColumn.KIND_JSON
        try:
            message.json.extend(json.dumps(value, default=_listed) for value in column.values)
        except (TypeError, ValueError) as cause:
            name = ".".join(column.path)
            raise StageError(f"cannot travel: {cause}", source="info", field=name) from cause
        return message
    message.values.CopyFrom(array_message(column.values))
    plain = column.kind in _PLAIN.values()
    array = isinstance(column.kind, tuple)
    kinds = pb.InfoColumn
    message.kind = kinds.KIND_ARRAY if array else kinds.KIND_PLAIN if plain else kinds.KIND_NUMBER
    return message


def _column(message: pb.InfoColumn) -> Column:
    path = tuple(message.path)
    rows = np.array(message.rows, np.int64) if message.rows else None
    if message.kind == pb.InfoColumn.KIND_JSON:
        return Column(path, object, [json.loads(text) for text in message.json], rows)
    # Users may write to what they get.
    values = array_of(message.values, "infos.values").copy()
    if message.kind == pb.InfoColumn.KIND_ARRAY:
        return Column(path, (values.dtype, values.shape[1:]), values, rows)
    plain = message.kind == pb.InfoColumn.KIND_PLAIN
    return Column(path, _PLAIN[values.dtype] if plain else values.dtype.type, values, rows)


def _listed(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return vars(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")
