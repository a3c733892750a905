"""Building and checking frozen configurations: which field is wrong, and what it should be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from reel2sim.scene.errors import UsageError


def build(kind: type[Any], options: Mapping[str, Any]) -> Any:
    """``kind(**options)``.

    Raises:
        UsageError: if an option is unknown or its value not allowed.
    """
    known = [item.name for item in dataclasses.fields(kind)]
    for name in options:
        if name not in known:
            raise UsageError(
                "is not an option", source=kind.__name__, field=name, remedy=f"use {either(known)}"
            )
    try:
        return kind(**options)
    except TypeError as fault:
        raise UsageError(str(fault), source=kind.__name__) from None


def number(value: Any) -> float:
    """``value`` as a float; NaN, which no comparison accepts, if it is not a number."""
    return float(value) if isinstance(value, Real) else math.nan


def listed(value: Any, name: str) -> list[Any]:
    """``value`` as a list.

    Raises:
        UsageError: if it is none.
    """
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise UsageError(f"is {value!r}, expected several numbers", source=name)
    return list(value)


def either(names: Any) -> str:
    """The names as a choice."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else str(last)


def flags(config: object, *names: str) -> None:
    """Require that fields are true or false."""
    for name in names:
        require(isinstance(getattr(config, name), bool), name, config, "true or false")


def require(holds: bool, name: str, config: object, wanted: str) -> None:
    """Refuse the field ``name`` of ``config`` unless ``holds``.

    Raises:
        UsageError: naming the field and what is wanted.
    """
    if not holds:
        raise UsageError(
            f"is {getattr(config, name)!r}, expected {wanted}",
            source=type(config).__name__,
            field=name,
        )
