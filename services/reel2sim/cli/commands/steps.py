"""``reel2sim reconstruct``, ``rig`` and ``export``: single stages that read and write files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, Effort, Text, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


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
