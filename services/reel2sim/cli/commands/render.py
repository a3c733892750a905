"""``reel2sim render``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Render:
    """Render a bundle's surfels from given cameras at given times.

    The camera file has the layout of a capture's transforms.json; images need not exist. Each
    frame entry gives one PNG, named as its file_path, of the object at the entry's time in
    seconds since the first frame of the reel.

    Examples:
      reel2sim render bundle --cameras held_out/transforms.json --out renders
      reel2sim render bundle --cameras cameras.json --out renders --background white
    """

    bundle: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Bundle folder."""
    cameras: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """Cameras and times (transforms.json)."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the pictures."""
    background: Literal["transparent", "white", "black"] = "transparent"
    """What is behind the object."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Render every view."""
        from reel2sim.pipeline.views import load_bundle_asset, read_views, render_views

        asset = load_bundle_asset(self.bundle)
        views = read_views(self.cameras)
        with console.progress() as progress:
            files = render_views(
                asset, views, self.out, background=self.background, progress=progress
            )
        record = {"out": str(self.out), "files": [str(file) for file in files]}
        console.result(record, f"{len(files)} picture(s) in {self.out}")
        return 0
