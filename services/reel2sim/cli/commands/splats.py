"""``reel2sim splats``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.scene import RiggedAsset

MOST_TIMES = 10_000


@dataclass(frozen=True, kw_only=True)
class Splats:
    """Write the splats of a bundle as PLY files: of the whole or of each part, at any times.

    Without times NAME.ply shows the object at rest, as the bundle's splats.ply does; with
    times NAME_0001.ply shows the first of them, and so on. --parts adds NAME_LINK.ply, or
    NAME_LINK_0001.ply, for every link that has splats. Any viewer of 3D Gaussian splats reads them.

    Examples:
      reel2sim splats bundle --out splats --parts
      reel2sim splats bundle --out splats --times 0 0.5 1
      reel2sim splats asset.npz --out splats --every 0.1 --parts
      reel2sim splats bundle --out splats --glb
    """

    source: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Bundle folder, its asset.npz, or what `reel2sim rig` wrote."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the files; made if it is not there."""
    parts: Flag = False
    """Also write the splats of each part by themselves."""
    times: Annotated[tuple[float, ...], tyro.conf.arg(metavar="T ...", help_behavior_hint="")] = ()
    """Show these times, in seconds."""
    every: Annotated[float | None, shown("SECONDS")] = None
    """Show the whole motion in steps of this many seconds."""
    glb: Flag = False
    """Also write NAME.glb: animated splats on one node a link (glTF's KHR_gaussian_splatting)."""
    overwrite: Flag = False
    """Replace files of the same names."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Write the files."""
        from reel2sim.exporters.splat_files import splat_files, write_splat_files
        from reel2sim.exporters.splats_gltf import write_splats_glb

        asset = self._asset()
        times_s = self._times(asset)
        planned = splat_files(asset, times_s=times_s, parts=self.parts)
        model = self.out / f"{asset.name}.glb"
        self._check_vacant([*(file.name for file in planned), *([model.name] if self.glb else [])])
        self.out.mkdir(parents=True, exist_ok=True)
        with console.progress() as progress:
            files = write_splat_files(
                asset, self.out, times_s=times_s, parts=self.parts, progress=progress
            )
            if self.glb:
                write_splats_glb(asset, model)
        named = [
            {"file": str(self.out / file.name), "time_s": file.time_s, "part": file.part}
            for file in files
        ]
        record = {"out": str(self.out), "files": named, "glb": str(model) if self.glb else None}
        lines = [f"{len(files)} file(s) of splats in {self.out}"]
        console.result(record, *lines, *([str(model)] if self.glb else []))
        return 0

    def _asset(self) -> RiggedAsset:
        from reel2sim.pipeline.opening import open_scene
        from reel2sim.scene.errors import UsageError

        scene = open_scene(self.source)
        if len(scene.placements) != 1:
            raise UsageError(
                "is a scene of several assets",
                source=self.source,
                remedy="name the bundle of one of them, below assets/",
            )
        return scene.assets[0]

    def _times(self, asset: RiggedAsset) -> tuple[float, ...] | None:
        """Instants to show; None for the state at rest.

        Raises:
            UsageError: if the options contradict each other, or leave the motion.
        """
        from reel2sim.scene.errors import UsageError

        start, stop = float(asset.motion.times_s[0]), float(asset.motion.times_s[-1])
        if self.every is None:
            slack = 1e-6 * max(1.0, abs(stop))
            outside = [t for t in self.times if not start - slack <= t <= stop + slack]
            if outside:
                raise UsageError(
                    f"{outside[0]:g} s lies outside of the motion",
                    field="times",
                    remedy=f"give seconds from {start:g} to {stop:g}",
                )
            return self.times or None
        if self.times:
            raise UsageError("give either --times or --every", field="every")
        if not (math.isfinite(self.every) and self.every > 0):
            raise UsageError(f"must be over 0, got {self.every:g}", field="every")
        count = math.floor((stop - start) / self.every * (1 + 1e-9)) + 1
        if count > MOST_TIMES:
            raise UsageError(
                f"gives {count} times, over {MOST_TIMES}", field="every", remedy="take longer steps"
            )
        return tuple(start + k * self.every for k in range(count))

    def _check_vacant(self, names: list[str]) -> None:
        from reel2sim.scene.errors import ConflictError, UsageError

        if self.out.exists() and not self.out.is_dir():
            raise UsageError("is not a folder", source=self.out)
        there = [name for name in names if (self.out / name).exists()]
        if there and not self.overwrite:
            raise ConflictError(
                "is there already",
                source=self.out / there[0],
                remedy="pass --overwrite, or name another folder",
            )
