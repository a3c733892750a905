"""The bundle: every format of one asset, in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reel2sim.exporters.joints import require_expressible, start_surfels
from reel2sim.exporters.manifest import manifest_record, write_manifest
from reel2sim.exporters.media import BundleMedia, Provenance
from reel2sim.exporters.motion import write_motion
from reel2sim.exporters.paths import FolderPaths
from reel2sim.exporters.splat import write_splats
from reel2sim.exporters.srdf import write_srdf
from reel2sim.exporters.urdf import write_urdf
from reel2sim.scene import Progress, RiggedAsset, silent
from reel2sim.scene.errors import ConflictError, UsageError
from reel2sim.scene.store import save_asset

ASSET_FILE = "asset.npz"


@dataclass(frozen=True)
class BundlePaths(FolderPaths):
    """Where the bundle of an asset keeps things.

    Attributes:
        root: the folder.
    """

    @property
    def urdf(self) -> Path:
        """The robot description; its meshes are beside it."""
        return self.root / "scene.urdf"

    @property
    def srdf(self) -> Path:
        """What the URDF cannot say for planners: the root's joint and what never collides."""
        return self.root / "scene.srdf"

    @property
    def splats_glb(self) -> Path:
        """Surfels on nodes that move; absent unless asked for."""
        return self.root / "splats.glb"

    @property
    def motion(self) -> Path:
        """The reference motion."""
        return self.root / "motion.json"

    @property
    def asset(self) -> Path:
        """The asset itself, so that it can be rendered, edited and exported again."""
        return self.root / ASSET_FILE

    @property
    def preview(self) -> Path:
        """The film; absent if the bundle was made without pictures."""
        return self.root / "preview.mp4"


def export_bundle(
    asset: RiggedAsset,
    out: Path,
    *,
    media: BundleMedia | None = None,
    provenance: Provenance | None = None,
    splats_glb: bool = False,
    progress: Progress = silent,
) -> BundlePaths:
    """Write ``asset`` in every format into the empty folder ``out``.

    For a folder that appears whole or not at all, call it inside
    :func:`reel2sim.exporters.staging.staged_folder`.

    Args:
        asset: the object.
        out: an existing empty folder, or one to make.
        media: pictures for the preview and the report; None leaves the preview out.
        provenance: where the asset came from.
        splats_glb: whether to write animated splats as ``splats.glb`` too.
        progress: told after each file.

    Raises:
        ExportError: if a joint has no equal in URDF, USD and MJCF.
        ConflictError: if ``out`` is not empty.
    """
    from reel2sim.exporters.gltf import write_glb
    from reel2sim.exporters.mjcf import write_mjcf
    from reel2sim.exporters.preview import write_preview
    from reel2sim.exporters.report import write_report
    from reel2sim.exporters.splats_gltf import write_splats_glb
    from reel2sim.exporters.usd import write_usd

    require_empty(out)
    require_expressible(asset, format="a bundle")
    origin = provenance or Provenance()
    out.mkdir(parents=True, exist_ok=True)
    paths = BundlePaths(out)
    write_motion(asset, paths.motion)
    write_splats(start_surfels(asset), paths.splats)
    progress("export", 0.1, "wrote motion and splats")
    write_urdf(asset, paths.urdf)
    write_srdf(asset, paths.srdf)
    write_mjcf(asset, paths.mjcf)
    progress("export", 0.3, "wrote URDF, SRDF and MJCF")
    write_glb(asset, paths.glb)
    if splats_glb:
        write_splats_glb(asset, paths.splats_glb)
    progress("export", 0.4, "wrote GLB")
    write_usd(asset, out, source=origin.source)
    progress("export", 0.6, "wrote USD")
    if media is not None:
        write_preview(media, paths.preview)
    progress("export", 0.8, "wrote preview")
    write_report(asset, paths.report, media=media, provenance=origin, preview=paths.preview)
    save_asset(paths.asset, asset)
    write_manifest(manifest_record(asset, origin, out), out)
    progress("export", 1.0, "wrote report and manifest")
    return paths


def require_empty(out: Path) -> None:
    """Refuse a folder that a bundle cannot be written into.

    Raises:
        UsageError: if ``out`` is a file.
        ConflictError: if ``out`` is not empty.
    """
    if out.exists() and not out.is_dir():
        raise UsageError("is not a folder", source=out)
    if out.is_dir() and any(out.iterdir()):
        raise ConflictError("is not empty", source=out, remedy="give an empty folder")
