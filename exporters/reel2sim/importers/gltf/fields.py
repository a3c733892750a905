"""Values out of untrusted JSON, each of the kind it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_MOST = 2**40


@dataclass(frozen=True)
class Fields:
    """A JSON object, and where it is.

    Attributes:
        values: as parsed.
        where: path within the file, such as ``nodes[3]``.
        source: the file.
    """

    values: Mapping[str, Any]
    where: str
    source: str

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def wrong(self, key: str, message: str, *, remedy: str | None = None) -> InputError:
        """An error that names ``key`` of this object."""
        at = f"{self.where}.{key}" if self.where and key else self.where or key
        return InputError(message, source=self.source, field=at, remedy=remedy)

    def inner(self, key: str) -> Fields:
        """The object at ``key``; an empty one if it is not there."""
        value = self.values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.wrong(key, "is not an object")
        return Fields(value, f"{self.where}.{key}" if self.where else key, self.source)

    def each(self, key: str) -> list[Fields]:
        """The objects of the list at ``key``."""
        found: list[Fields] = []
        for i, value in enumerate(self.items(key)):
            if not isinstance(value, dict):
                raise self.wrong(f"{key}[{i}]", "is not an object")
            at = f"{self.where}.{key}[{i}]" if self.where else f"{key}[{i}]"
            found.append(Fields(value, at, self.source))
        return found

    def items(self, key: str) -> list[Any]:
        """The list at ``key``; empty if it is not there."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(key, "is not a list")
        return value

    def text(self, key: str, default: str = "") -> str:
        """The text at ``key``."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "is not a text")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """The truth value at ``key``."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "is not true or false")
        return value

    def whole(self, key: str, default: int | None = None) -> int:
        """The number at ``key``: whole, not negative."""
        value = self.values.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST:
            raise self.wrong(key, f"is {str(value)[:40]!r}, not a whole number")
        return value

    def index(self, key: str, count: int) -> int:
        """The index at ``key`` into a list of ``count``."""
        return self.indexed(key, self.whole(key), count)

    def indices(self, key: str, count: int) -> list[int]:
        """The indices in the list at ``key`` into a list of ``count``."""
        found = Fields({str(i): v for i, v in enumerate(self.items(key))}, "", "")
        return [self.indexed(key, self._only_whole(key, found, i), count) for i in found.values]

    def indexed(self, key: str, index: int, count: int) -> int:
        """``index``, if there is such an element."""
        if index >= count:
            raise self.wrong(key, f"names element {index} of {count}")
        return index

    def number(self, key: str, default: float) -> float:
        """The number at ``key``, finite."""
        return float(self.numbers(key, 1, [default])[0])

    def maybe(self, key: str) -> float | None:
        """The number at ``key``; None if there is none."""
        return None if self.values.get(key) is None else self.number(key, 0.0)

    def numbers(self, key: str, count: int, default: list[float] | None = None) -> Array:
        """Finite numbers ``(count,)`` at ``key``; a single one needs no list."""
        value = self.values.get(key)
        if value is None and default is not None:
            return np.array(default, np.float64)
        listed = [value] if count == 1 and not isinstance(value, list) else value
        if not isinstance(listed, list) or len(listed) != count:
            raise self.wrong(key, f"is not {count} numbers")
        if not all(is_number(x) for x in listed):
            raise self.wrong(key, "holds what is no finite number")
        return np.array(listed, np.float64)

    def _only_whole(self, key: str, found: Fields, at: str) -> int:
        try:
            return found.whole(at)
        except InputError as cause:
            raise self.wrong(f"{key}[{at}]", cause.message) from cause


def is_number(value: object) -> bool:
    """Whether ``value`` is a finite JSON number that a double holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
