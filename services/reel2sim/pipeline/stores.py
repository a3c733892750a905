"""How the results of the stages become files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

from reel2sim.pipeline.codec import load_value, save_value
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.store import load_asset, load_sequence, save_asset, save_sequence
from reel2sim.scene.surfels import SurfelSequence

T = TypeVar("T")


class ValueStore(Generic[T]):
    """Keeps any frozen dataclass of arrays; see :mod:`reel2sim.pipeline.codec`."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind

    def save(self, path: Path, value: T) -> None:
        """Write ``value`` to ``path``."""
        save_value(path, value)

    def load(self, path: Path) -> T:
        """Read a value; InputError if the file holds another type or is damaged."""
        value = load_value(path)
        if not isinstance(value, self._kind):
            raise InputError(f"holds no {self._kind.__name__}", source=path)
        return value


class AssetStore:
    """Keeps a :class:`RiggedAsset` in the layout of :mod:`reel2sim.scene.store`."""

    def save(self, path: Path, value: RiggedAsset) -> None:
        """Write ``value`` to ``path``."""
        save_asset(path, value)

    def load(self, path: Path) -> RiggedAsset:
        """Read an asset; InputError if the file is not one."""
        return load_asset(path)


class ReconstructionStore:
    """Keeps a surfel sequence, or all of what a clip without cameras was found to be."""

    def save(self, path: Path, value: Any) -> None:
        """Write ``value`` to ``path``."""
        if isinstance(value, SurfelSequence):
            save_sequence(path, value)
        else:
            save_value(path, value)

    def load(self, path: Path) -> Any:
        """Read either; InputError if the file is neither."""
        try:
            return load_sequence(path)
        except InputError:
            value = load_value(path)
            if not hasattr(value, "sequence"):
                raise InputError("is not a reconstruction", source=path) from None
            return value
