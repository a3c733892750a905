"""Reel to moving surfels: canonical Gaussian surfels, and bones that carry them through time."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from reel2sim.reconstruction.config import ReconstructionConfig

if TYPE_CHECKING:
    from reel2sim.reconstruction.fit import reconstruct
    from reel2sim.reconstruction.render import Rendered, render

__all__ = ["ReconstructionConfig", "Rendered", "reconstruct", "render"]

_HOMES = {"reconstruct": "fit", "render": "render", "Rendered": "render"}


def __getattr__(name: str) -> Any:
    """Load torch and numba only when something is reconstructed or drawn."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Package(ModuleType):
    """Keeps the function ``render`` visible after its module of the same name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "render" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
