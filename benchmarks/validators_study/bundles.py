"""What to look at in a folder: one bundle, or a scene with a bundle for each of its assets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reel2sim.scene.errors import BundleError

STAGE = Path("usd") / "scene" / "scene.usda"
PACKAGE, URDF, GLB = "scene.usdz", "scene.urdf", "asset.glb"
ASSETS = "assets"


@dataclass(frozen=True)
class Subject:
    """A folder to check.

    Attributes:
        root: the folder.
        parts: folders with a URDF: the root itself, or those of a scene's assets.
    """

    root: Path
    parts: tuple[Path, ...]

    @classmethod
    def of(cls, folder: Path) -> Subject:
        """The folder as a subject.

        Raises:
            BundleError: if it is neither a bundle nor a scene.
        """
        root = folder.resolve()
        if not (root / STAGE).is_file():
            raise BundleError(
                f"has no {STAGE}", source=folder, remedy="give a folder that `reel2sim export` made"
            )
        if (root / URDF).is_file():
            return cls(root, (root,))
        inner = tuple(sorted(path.parent for path in (root / ASSETS).glob(f"*/{URDF}")))
        if not inner:
            raise BundleError(f"has neither {URDF} nor {ASSETS}/NAME/{URDF}", source=folder)
        return cls(root, inner)

    @property
    def name(self) -> str:
        """What to call it."""
        return self.root.name

    def label(self, part: Path) -> str:
        """What to call one of its parts; nothing for the subject itself."""
        return "" if part == self.root else part.name
