"""Shape and value checks shared by the dataclasses of this package."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reel2sim.scene.errors import InputError

Array = npt.NDArray[Any]


def checked(
    name: str,
    value: npt.ArrayLike,
    shape: tuple[int | str, ...],
    *,
    dtype: npt.DTypeLike = np.float64,
    finite: bool = True,
    sizes: dict[str, int] | None = None,
    error: type[InputError] = InputError,
) -> Array:
    """Return ``value`` as a C-contiguous array of ``dtype`` after checking it.

    Args:
        name: what to call the array in an error, such as ``"Surfels.means"``.
        value: the data.
        shape: expected shape; a string names a dimension, whose first use fixes its size.
        dtype: element type to convert to.
        finite: refuse NaN and infinity.
        sizes: sizes of named dimensions seen so far; updated in place.
        error: class to raise.

    Raises:
        InputError: (or ``error``) if the shape differs or a value is not finite.
    """
    array: Array = np.ascontiguousarray(value, dtype=dtype)
    known = {} if sizes is None else sizes
    fits = array.ndim == len(shape)
    if fits:
        for length, expected in zip(array.shape, shape, strict=True):
            if isinstance(expected, str):
                fits &= known.setdefault(expected, length) == length
            else:
                fits &= length == expected
    if not fits:
        wanted = tuple(f"{d}={known[d]}" if d in known else d for d in map(str, shape))
        raise error(
            f"has shape {array.shape}, expected ({', '.join(map(str, wanted))})", source=name
        )
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise error(f"is not finite at index {index}", source=name)
    return array


def assign(instance: object, **values: object) -> None:
    """Set fields of a frozen dataclass from its own ``__post_init__``."""
    for name, value in values.items():
        object.__setattr__(instance, name, value)
