"""The bundle of a scene: every format of all assets together, and a bundle of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reel2sim.exporters.bundle import export_bundle, require_empty
from reel2sim.exporters.joints import start_surfels
from reel2sim.exporters.manifest import scene_manifest, write_manifest
from reel2sim.exporters.media import Provenance
from reel2sim.exporters.paths import FolderPaths
from reel2sim.exporters.scene_record import write_scene_record
from reel2sim.exporters.splat import write_splats
from reel2sim.scene import Progress, Scene, Surfels, silent
from reel2sim.scene.progress import subrange
from reel2sim.scene.store import save_scene

ASSETS = "assets"
"""Folder of the assets' own bundles."""
SCENE_FILE = "scene.npz"


@dataclass(frozen=True)
class ScenePaths(FolderPaths):
    """Where the bundle of a scene keeps things.

    Attributes:
        root: the folder.
    """

    @property
    def record(self) -> Path:
        """What stands where, and what is around it."""
        return self.root / "scene.json"

    @property
    def scene(self) -> Path:
        """The scene itself, so that it can be edited and exported again."""
        return self.root / SCENE_FILE

    def asset(self, name: str) -> Path:
        """The bundle of the asset called ``name``, where it stands in the scene."""
        return self.root / ASSETS / name


def export_scene(
    scene: Scene,
    out: Path,
    *,
    provenance: Provenance | None = None,
    progress: Progress = silent,
) -> ScenePaths:
    """Write ``scene`` in every format into the empty folder ``out``.

    URDF describes one robot to a file, so each asset has a bundle of its own under ``assets/``,
    whose poses are in the scene's frame; the other formats are of the whole scene too.

    Args:
        scene: what to write.
        out: an existing empty folder, or one to make.
        provenance: where the scene came from.
        progress: told after each file.

    Raises:
        ExportError: if a joint has no equal in URDF, USD and MJCF.
        ConflictError: if ``out`` is not empty.
    """
    from reel2sim.exporters.gltf_scene import write_scene_glb
    from reel2sim.exporters.mjcf_scene import write_scene_mjcf
    from reel2sim.exporters.report import write_scene_report
    from reel2sim.exporters.usd.assembly import write_scene_usd

    require_empty(out)
    origin = provenance or Provenance()
    paths = ScenePaths(out)
    folders = {name: f"{ASSETS}/{name}" for name in scene.names}
    assets = scene.assets
    for i, asset in enumerate(assets):
        part = subrange(progress, 0.6 * i / len(assets), 0.6 * (i + 1) / len(assets))
        part("export", 0.0, f"writing {asset.name}")
        export_bundle(asset, paths.asset(asset.name), progress=part)
    out.mkdir(parents=True, exist_ok=True)
    write_scene_record(scene, paths.record, folders=folders)
    background = [] if scene.background is None else [scene.background]
    write_splats(Surfels.joined([*background, *map(start_surfels, assets)]), paths.splats)
    write_scene_mjcf(scene, paths.mjcf, folders=folders)
    write_scene_glb(scene, paths.glb)
    progress("export", 0.7, "wrote splats, MJCF and GLB")
    write_scene_usd(scene, out, source=origin.source)
    progress("export", 0.9, "wrote USD")
    write_scene_report(scene, paths.report, provenance=origin, folders=folders)
    save_scene(paths.scene, scene)
    write_manifest(scene_manifest(scene, origin, out), out)
    progress("export", 1.0, "wrote report and manifest")
    return paths
