"""``reel2sim generator data``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.commands.generator.options import Preset
from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.generation.uvit.config import Layout
    from reel2sim.generation.uvit.make import Made
    from reel2sim.scene.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Data:
    """Make a training set with the scripted backend.

    Examples:
      reel2sim generator data data --preset tiny --count 200
      reel2sim generator data data --preset small --count 4000 --workers 8
      reel2sim generator data data --families cabinet fridge oven --count 1000
      reel2sim generator data data --prompts prompts.txt --count 100
      reel2sim dataset make made --count 9000 --size 64 --views 8 --frames 8 --truth joints
      reel2sim generator data data --from made
    """

    out: Annotated[tyro.conf.Positional[Path], shown("DATA")]
    """Folder; samples that are there stay, so a stopped run goes on."""
    preset: Preset = "small"
    """Whose layout: tiny is 4 + 4 + 4 frames of 32², the others 8 + 8 + 8 of 64²."""
    count: Annotated[int, tyro.conf.arg(metavar="N")] = 1000
    """Samples there shall be."""
    families: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = ()
    """What random prompts are about: any families of the scripted backend; chest, laptop, garage
    and barrier if none is named."""
    prompts: Annotated[Path | None, shown("FILE")] = None
    """Take the lines of this file in turn instead of random prompts."""
    from_: Annotated[Path | None, tyro.conf.arg(name="from", metavar="DATASET")] = None
    """Take the train split of what `reel2sim dataset make` made instead, all of it."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Of prompts and objects."""
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Processes."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Make what is missing."""
        from reel2sim.generation.uvit import preset
        from reel2sim.generation.uvit.make import make_data
        from reel2sim.generation.uvit.prompts import DEFAULT

        chosen = preset(self.preset)
        with console.progress() as progress:
            made = self._taken(chosen.layout, progress) or make_data(
                self.out,
                count=self.count,
                layout=chosen.layout,
                families=self.families or DEFAULT,
                longest=chosen.model.words,
                prompts=self._prompts(),
                seed=self.seed,
                workers=self.workers,
                progress=progress,
            )
        for text in sorted({*made.refused})[:10]:
            console.note(f"refused: {text}")
        record = {"data": str(self.out), **asdict(made)}
        refused = f", {len(made.refused)} prompts refused" if made.refused else ""
        console.result(record, f"{made.samples} samples, {made.made} new{refused}: {self.out}")
        return 0

    def _taken(self, layout: Layout, progress: Progress) -> Made | None:
        """What was taken from a dataset, if one is named."""
        if self.from_ is None:
            return None
        from reel2sim.dataset import open_dataset
        from reel2sim.dataset.for_uvit import take_samples

        dataset = open_dataset(self.from_, split="train")
        return take_samples(dataset, self.out, layout, progress=progress)

    def _prompts(self) -> tuple[str, ...]:
        from reel2sim.scene.errors import InputError

        if self.prompts is None:
            return ()
        try:
            lines = self.prompts.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as cause:
            raise InputError(f"cannot be read: {cause}", source=self.prompts) from cause
        found = tuple(line.strip() for line in lines if line.strip())
        if not found:
            raise InputError("holds no prompts", source=self.prompts)
        return found
