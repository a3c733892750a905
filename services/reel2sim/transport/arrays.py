"""Arrays and spaces as they go over the wire, bit by bit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium import spaces

from reel2sim.scene.errors import InputError, UsageError
from reel2sim.v1 import environments_pb2 as pb

_DTYPES = {
    pb.ELEMENT_TYPE_BOOL: np.dtype("?"),
    pb.ELEMENT_TYPE_INT8: np.dtype("i1"),
    pb.ELEMENT_TYPE_INT16: np.dtype("<i2"),
    pb.ELEMENT_TYPE_INT32: np.dtype("<i4"),
    pb.ELEMENT_TYPE_INT64: np.dtype("<i8"),
    pb.ELEMENT_TYPE_UINT8: np.dtype("u1"),
    pb.ELEMENT_TYPE_UINT16: np.dtype("<u2"),
    pb.ELEMENT_TYPE_UINT32: np.dtype("<u4"),
    pb.ELEMENT_TYPE_UINT64: np.dtype("<u8"),
    pb.ELEMENT_TYPE_FLOAT16: np.dtype("<f2"),
    pb.ELEMENT_TYPE_FLOAT32: np.dtype("<f4"),
    pb.ELEMENT_TYPE_FLOAT64: np.dtype("<f8"),
}
_TYPES = {dtype: number for number, dtype in _DTYPES.items()}
_MAX_DIMENSIONS = 8
_MAX_ELEMENTS = 2**40


def array_message(array: np.ndarray) -> pb.Array:
    """An array as a message.

    Raises:
        InputError: if its elements are neither numbers nor truth values.
    """
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _TYPES:
        raise InputError(f"holds {array.dtype}, which cannot travel", source="array")
    data = np.ascontiguousarray(array, dtype).tobytes()
    return pb.Array(type=_TYPES[dtype], shape=array.shape, data=data)


def array_of(message: pb.Array, field: str) -> np.ndarray:
    """The array a message stands for; it cannot be written to.

    Raises:
        InputError: if type, shape and bytes do not fit each other, naming ``field``.
    """
    dtype = _DTYPES.get(message.type)
    if dtype is None:
        raise InputError(f"{message.type} is no type of elements", field=f"{field}.type")
    shape = tuple(message.shape)
    sizes = [max(size, 1) for size in shape]  # numpy refuses large ones, empty arrays or not
    whole = all(size >= 0 for size in shape) and math.prod(sizes) < _MAX_ELEMENTS
    if len(shape) > _MAX_DIMENSIONS or not whole:
        raise InputError(f"{list(shape)} is no shape", field=f"{field}.shape")
    wanted = math.prod(shape) * dtype.itemsize
    if len(message.data) != wanted:
        raise InputError(
            f"holds {len(message.data)} bytes, expected {wanted}", field=f"{field}.data"
        )
    return np.frombuffer(message.data, dtype).reshape(shape)


def space_message(space: spaces.Space[Any]) -> pb.Space:
    """A space as a message.

    Raises:
        UsageError: if it is neither Box nor Dict.
    """
    if isinstance(space, spaces.Dict):
        entries = [
            pb.DictSpace.Entry(key=key, space=space_message(inner))
            for key, inner in space.spaces.items()
        ]
        return pb.Space(dict=pb.DictSpace(entries=entries))
    if not isinstance(space, spaces.Box):
        raise UsageError(f"is {type(space).__name__}, which cannot travel", source="space")
    return pb.Space(box=pb.BoxSpace(low=array_message(space.low), high=array_message(space.high)))


def space_of(message: pb.Space) -> spaces.Space[Any]:
    """The space a message stands for.

    Raises:
        InputError: if it is none.
    """
    kind = message.WhichOneof("space")
    if kind == "dict":
        return spaces.Dict({entry.key: space_of(entry.space) for entry in message.dict.entries})
    if kind != "box":
        raise InputError("is neither Box nor Dict", field="space")
    low, high = array_of(message.box.low, "low"), array_of(message.box.high, "high")
    return spaces.Box(low, high, dtype=low.dtype.type)


def named_arrays(leaves: Iterable[tuple[tuple[str, ...], np.ndarray]]) -> list[pb.NamedArray]:
    """Arrays with their paths."""
    return [pb.NamedArray(path=path, values=array_message(array)) for path, array in leaves]
