"""``reel2sim run``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.options import Common, Effort, Flag, Storage, Text, shown
from reel2sim.cli.steering import Steering, is_picture

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.pipeline import PipelineResult


@dataclass(frozen=True, kw_only=True)
class Run:
    """Turn a video, a capture, a prompt or a picture into a bundle.

    A picture is given to a generator (--backend) that makes a clip of it.

    A run that was stopped, or killed, goes on by itself when it is started again with the same
    source, options and cache: finished stages are taken from there, and a stage that was at work
    from its last checkpoint, seconds ago. The bundle is the same as if nothing had happened, and
    appears whole or not at all.

    Examples:
      reel2sim run capture_folder --out bundle
      reel2sim run clip.mp4 --out bundle --preset draft --name laptop
      reel2sim run --prompt "a cabinet with a door and a drawer" --out bundle
      reel2sim run --backend diffusers --model models/wan --prompt "a lamp bends" --out bundle
      reel2sim run lamp.png --backend diffusers --model models/svd --out bundle
      reel2sim run capture_folder --out bundle --json > result.json
    """

    source: Annotated[tyro.conf.Positional[Path | None], shown("[SOURCE]")] = None
    """Capture folder (transforms.json and images) or video file; none with --prompt. A picture
    is where the clip of a generator begins."""
    prompt: Annotated[str | None, shown("TEXT")] = None
    """Text to generate the reel from, instead of a source; with a picture, what it does."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Bundle folder to make."""
    name: Text = ""
    """Name of the object; taken from the source or the prompt if not given."""
    backend: str = "scripted"
    """Which generator to use for a prompt or a picture; `reel2sim doctor` lists them."""
    material: Text = ""
    """What the object is made of, such as wood, if the prompt does not say; sets density,
    friction and restitution."""
    density: Annotated[float | None, shown("KG_PER_M3")] = None
    """Density to use instead of the material's."""
    overwrite: Flag = False
    """Replace the bundle at --out."""
    steering: Steering = field(default_factory=Steering)
    effort: Effort = field(default_factory=Effort)
    storage: Storage = field(default_factory=Storage)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Make the bundle and show its joints."""
        from reel2sim.pipeline import run
        from reel2sim.pipeline.config import file_safe_name

        source, prompt, name, more = self.source, self.prompt, self.name, {}
        if source is not None and is_picture(source) and self.backend != "scripted":
            more = {"first_frame": str(source)}
            name = name or file_safe_name(source.stem)
            source, prompt = None, prompt or ""
        controls = self.steering.controls(self.effort.device, **more)
        if source is None and prompt is None and controls is not None and controls.pictures_in:
            prompt = ""
        config = self.effort.pipeline_config(
            name=name,
            backend=self.backend,
            controls=controls,
            material=self.material,
            density=self.density,
        )
        with console.progress() as progress:
            result = run(
                source,
                self.out,
                prompt=prompt,
                config=config,
                progress=progress,
                cache=self.storage.cache(),
                overwrite=self.overwrite,
            )
        show(console, result)
        return 0


def show(console: Console, result: PipelineResult) -> None:
    """Print what a run made."""
    from reel2sim.cli.tables import joint_records, joint_table, stage_records

    asset, folder = result.asset, result.bundle
    make = f'gymnasium.make("reel2sim.envs:Reel2Sim/TrackMotion-v0", bundle="{folder}")'
    record: dict[str, Any] = {
        "bundle": str(folder),
        "report": str(folder / "report.html"),
        "name": asset.name,
        "links": [link.name for link in asset.links],
        "joints": joint_records(asset),
        "metrics": dict(asset.metrics),
        "notes": list(asset.notes),
        "stages": stage_records(result.stages),
        "seconds": result.seconds,
        "peak_memory_mb": result.peak_memory_mb,
        "gymnasium": make,
    }
    notes = [f"note: {note}" for note in asset.notes]
    cost = f"{result.seconds:.1f} s, {result.peak_memory_mb:.0f} MiB at most"
    console.result(
        record,
        joint_table(asset),
        *notes,
        f"bundle  {folder}  ({cost})",
        f"report  {folder / 'report.html'}",
        f"env     {make}",
    )
