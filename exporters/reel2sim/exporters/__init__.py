"""Writers of a bundle: USD, URDF, MJCF, GLB, splats, motion, preview and report.

Names are resolved on first use, so that importing this package loads no engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from reel2sim.exporters.media import BundleMedia, Edited, Provenance, StageRecord

if TYPE_CHECKING:
    from reel2sim.exporters.bundle import BundlePaths, export_bundle
    from reel2sim.exporters.scene_bundle import ScenePaths, export_scene
    from reel2sim.exporters.staging import staged_folder

__all__ = [
    "BundleMedia",
    "BundlePaths",
    "Edited",
    "Provenance",
    "ScenePaths",
    "StageRecord",
    "export_bundle",
    "export_scene",
    "staged_folder",
]

_HOMES = {
    "BundlePaths": "bundle",
    "export_bundle": "bundle",
    "ScenePaths": "scene_bundle",
    "export_scene": "scene_bundle",
    "staged_folder": "staging",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        module = importlib.import_module(f"reel2sim.exporters.{_HOMES[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
