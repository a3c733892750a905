"""``reel2sim reconstruct``, ``rig`` and ``export``: single stages that read and write files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, Effort, Flag, Text, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.scene import RiggedAsset


@dataclass(frozen=True, kw_only=True)
class Reconstruct:
    """Fit surfels that move to a reel and write them to a file.

    Examples:
      reel2sim reconstruct capture_folder --out surfels.npz
      reel2sim rig capture_folder surfels.npz --out asset.npz
    """

    source: Annotated[tyro.conf.Positional[Path], shown("SOURCE")]
    """Capture folder or video file."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """File to write (.npz)."""
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Reconstruct."""
        from reel2sim.pipeline.atomic import write_atomically
        from reel2sim.pipeline.runner import Runner
        from reel2sim.pipeline.stores import ReconstructionStore
        from reel2sim.pipeline.toolchain import standard_toolchain

        tools = standard_toolchain()
        check_file_name(self.out)
        with console.progress() as progress:
            runner = Runner(self.effort.pipeline_config(), progress)
            reel, _ = runner(tools.media, self.source)
            result, _ = runner(tools.reconstruction, reel)
        write_atomically(self.out, lambda path: ReconstructionStore().save(path, result))
        metrics = runner.done[-1].metrics
        figures = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        console.result({"surfels": str(self.out), "metrics": metrics}, f"{self.out}  {figures}")
        return 0


@dataclass(frozen=True, kw_only=True)
class Rig:
    """Find parts and joints in reconstructed surfels and give them bodies.

    Examples:
      reel2sim rig capture_folder surfels.npz --out asset.npz
      reel2sim export asset.npz --source capture_folder --out bundle
    """

    source: Annotated[tyro.conf.Positional[Path], shown("SOURCE")]
    """The reel that was reconstructed: capture folder or video file."""
    surfels: Annotated[tyro.conf.Positional[Path], shown("SURFELS")]
    """What `reel2sim reconstruct` wrote."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """File to write (.npz)."""
    name: Text = ""
    """Name of the object; taken from the source if not given."""
    material: Text = ""
    """What the object is made of, such as wood; sets density, friction and restitution."""
    density: Annotated[float | None, shown("KG_PER_M3")] = None
    """Density to use instead of the material's."""
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Rig."""
        from reel2sim.cli.tables import joint_records, joint_table
        from reel2sim.pipeline.atomic import write_atomically
        from reel2sim.pipeline.runner import Runner
        from reel2sim.pipeline.stores import ReconstructionStore
        from reel2sim.pipeline.toolchain import standard_toolchain
        from reel2sim.scene.store import save_asset

        tools = standard_toolchain()
        check_file_name(self.out)
        surfels = ReconstructionStore().load(self.surfels)
        config = self.effort.pipeline_config(
            name=self.name, material=self.material, density=self.density
        )
        with console.progress() as progress:
            runner = Runner(config, progress)
            reel, _ = runner(tools.media, self.source)
            asset, _ = runner(tools.rigging, (reel, surfels))
        asset = replace(asset, name=config.object_name(source=self.source, prompt=None))
        write_atomically(self.out, lambda path: save_asset(path, asset))
        record = {"asset": str(self.out), "joints": joint_records(asset), "notes": asset.notes}
        console.result(record, joint_table(asset), *(f"note: {x}" for x in asset.notes))
        return 0


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a rigged asset as a bundle: USD, URDF, MJCF, GLB, splats and motion.

    With the reel it came from the bundle also gets its preview video and the pictures of its
    report. A URDF or MJCF of your own becomes a bundle that stands still, a GLB or glTF one that
    moves as its animation does: nodes that turn or slide become joints. What the file leaves out,
    such as mass or limits of effort, is assumed and noted.

    Examples:
      reel2sim export asset.npz --out bundle
      reel2sim export asset.npz --source capture_folder --out bundle
      reel2sim export old_bundle/asset.npz --out bundle
      reel2sim export arm_description/urdf/arm.urdf --roots arm_description --out bundle
      reel2sim export cabinet.glb --out bundle
    """

    asset: Annotated[tyro.conf.Positional[Path], shown("ASSET")]
    """What `reel2sim rig` wrote, the asset.npz of a bundle, a .urdf, a MuJoCo model (.xml), or a
    .glb or .gltf."""
    roots: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR ...")] = ()
    """Folders that what a .urdf, .xml or .gltf names may be read from, besides its own."""
    packages: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=DIR ...")] = ()
    """Folders of ROS packages that a URDF names as package://NAME."""
    source: Annotated[Path | None, shown("SOURCE")] = None
    """The reel the asset came from, for the preview."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Bundle folder to make."""
    splats_glb: Flag = False
    """Also write splats.glb: animated splats (glTF's KHR_gaussian_splatting)."""
    overwrite: Flag = False
    """Replace the bundle at --out."""
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Export."""
        from reel2sim.exporters.media import Provenance
        from reel2sim.media import load_reel
        from reel2sim.pipeline.publish import (
            check_vacant,
            export_files,
            preview_media,
            provenance_of,
            publish,
        )

        check_vacant(self.out, overwrite=self.overwrite)
        asset = self._loaded()
        config = self.effort.pipeline_config()
        media, provenance = None, Provenance(seed=config.seed, preset=config.preset)
        with console.progress() as progress:
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
        console.result({"bundle": str(self.out)}, f"bundle  {self.out}")
        return 0

    def _loaded(self) -> RiggedAsset:
        """The asset, of any kind of file."""
        from reel2sim.scene.errors import UsageError

        kind = self.asset.suffix.lower()
        if self.packages and kind != ".urdf":
            raise UsageError("only a .urdf names packages", field="--packages")
        if self.roots and kind not in (".urdf", ".xml", ".gltf", ".glb"):
            raise UsageError("only a .urdf, .xml or .gltf names other files", field="--roots")
        if kind == ".urdf":
            from reel2sim.importers import load_urdf

            return load_urdf(self.asset, roots=self.roots, packages=self._named_packages())
        if kind == ".xml":
            from reel2sim.importers import load_mjcf

            return load_mjcf(self.asset, roots=self.roots)
        if kind in (".glb", ".gltf"):
            from reel2sim.importers import load_gltf

            return load_gltf(self.asset, roots=self.roots)
        from reel2sim.scene.store import load_asset

        return load_asset(self.asset)

    def _named_packages(self) -> dict[str, Path]:
        from reel2sim.scene.errors import UsageError

        unnamed = [text for text in self.packages if "=" not in text]
        if unnamed:
            raise UsageError(f"{unnamed[0]!r} is not name=folder", field="--packages")
        pairs = (text.split("=", 1) for text in self.packages)
        return {name: Path(folder) for name, folder in pairs}


def check_file_name(out: Path) -> None:
    """Refuse an output file that cannot be written before the work is done.

    Raises:
        UsageError: if it is a folder or lies in none.
    """
    from reel2sim.scene.errors import UsageError

    if out.is_dir():
        raise UsageError("is a folder, not a file", source=out)
    if not out.resolve().parent.is_dir():
        raise UsageError("lies in a folder that does not exist", source=out)
