"""``reel2sim export``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, Effort, Flag, Naming, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.scene import RiggedAsset, Scene
    from reel2sim.scene.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write an asset or a scene as a bundle: USD, URDF, MJCF, GLB, splats and motion.

    With the reel it came from the bundle also gets its preview video and the pictures of its
    report. A URDF or MJCF of your own becomes a bundle that stands still, a GLB or glTF one that
    moves as its animation does: nodes that turn or slide become joints. A USD stage is read by its
    UsdPhysics, and moves as its time samples say. What the file leaves out, such as mass or limits
    of effort, is assumed and noted. A file of several assets becomes the
    bundle of a scene, with a bundle of each under assets/.

    Examples:
      reel2sim export asset.npz --out bundle
      reel2sim export asset.npz --source capture_folder --out bundle
      reel2sim export old_bundle --out bundle
      reel2sim export arm_description/urdf/arm.urdf --roots arm_description --out bundle
      reel2sim export cabinet.glb --out bundle
      reel2sim export kitchen.usda --roots usd_assets --out bundle
    """

    asset: Annotated[tyro.conf.Positional[Path], shown("ASSET")]
    """What `reel2sim rig` wrote, a bundle, a .urdf, a MuJoCo model (.xml), a .glb or .gltf, or a
    USD stage (.usd, .usda, .usdc, .usdz)."""
    source: Annotated[Path | None, shown("SOURCE")] = None
    """The reel the asset came from, for the preview."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Bundle folder to make."""
    splats_glb: Flag = False
    """Also write splats.glb: animated splats (glTF's KHR_gaussian_splatting)."""
    overwrite: Flag = False
    """Replace the bundle at --out."""
    naming: Naming = field(default_factory=Naming)
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Export."""
        from reel2sim.pipeline.opening import open_scene
        from reel2sim.pipeline.publish import check_vacant

        check_vacant(self.out, overwrite=self.overwrite)
        packages = self.naming.named_packages()
        scene = open_scene(self.asset, roots=self.naming.roots, packages=packages)
        with console.progress() as progress:
            if scene.is_one_asset:
                self._publish_asset(scene.assets[0], progress)
            else:
                self._publish_scene(scene, progress)
        names = list(scene.names)
        console.result({"bundle": str(self.out), "assets": names}, f"bundle  {self.out}")
        return 0

    def _publish_asset(self, asset: RiggedAsset, progress: Progress) -> None:
        from reel2sim.exporters.media import Provenance
        from reel2sim.media import load_reel
        from reel2sim.pipeline.publish import export_files, preview_media, provenance_of, publish

        config = self.effort.pipeline_config()
        media, provenance = None, Provenance(seed=config.seed, preset=config.preset)
        if self.source is not None:
            reel = load_reel(self.source, max_size=self.effort.max_size, progress=progress)
            media = preview_media(asset, reel, config, progress)
            provenance = provenance_of(reel, (), config, source=self.source)
        publish(
            asset,
            self.out,
            media=media,
            provenance=provenance,
            overwrite=self.overwrite,
            exporter=partial(export_files, splats_glb=self.splats_glb),
            progress=progress,
        )

    def _publish_scene(self, scene: Scene, progress: Progress) -> None:
        from reel2sim.exporters.media import Provenance
        from reel2sim.pipeline.publish import publish_scene
        from reel2sim.scene.errors import UsageError

        for option, given in (("--source", self.source), ("--splats-glb", self.splats_glb)):
            if given:
                raise UsageError("is of one asset, and this is a scene", field=option)
        provenance = Provenance(source=self.asset.resolve().name)
        publish_scene(
            scene, self.out, provenance=provenance, overwrite=self.overwrite, progress=progress
        )
