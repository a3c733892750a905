"""Where bundles keep what those of an asset and those of a scene both have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reel2sim.exporters.manifest import MANIFEST


@dataclass(frozen=True)
class FolderPaths:
    """Where a bundle keeps things.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def manifest(self) -> Path:
        """Versions, configuration, digests and timings."""
        return self.root / MANIFEST

    @property
    def usd(self) -> Path:
        """The stage's interface layer."""
        return self.root / "usd" / "scene" / "scene.usda"

    @property
    def usdz(self) -> Path:
        """The stage in one file."""
        return self.root / "scene.usdz"

    @property
    def mjcf(self) -> Path:
        """The MuJoCo model; it shares the meshes of URDFs."""
        return self.root / "scene.xml"

    @property
    def glb(self) -> Path:
        """Animated meshes for viewers and engines."""
        return self.root / "asset.glb"

    @property
    def splats(self) -> Path:
        """Surfels at the first instant."""
        return self.root / "splats.ply"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.root / "report.html"
