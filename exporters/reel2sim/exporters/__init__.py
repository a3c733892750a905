"""Writers of a bundle: USD, URDF, MJCF, GLB, splats, motion, preview and report.

Names are resolved on first use, so that importing this package loads no engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reel2sim.exporters.media import BundleMedia, Provenance, StageRecord

if TYPE_CHECKING:
    from reel2sim.exporters.bundle import BundlePaths, export_bundle, staged_folder

__all__ = [
    "BundleMedia",
    "BundlePaths",
    "Provenance",
    "StageRecord",
    "export_bundle",
    "staged_folder",
]


def __getattr__(name: str) -> object:
    if name in ("BundlePaths", "export_bundle", "staged_folder"):
        from reel2sim.exporters import bundle

        return getattr(bundle, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
