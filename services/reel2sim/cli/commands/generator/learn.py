"""``reel2sim generator train``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.commands.generator.options import Preset, use_threads
from reel2sim.cli.options import Common, Device, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.generation.uvit import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Learn:
    """Train a model: first its autoencoder, then the transformer.

    DIR gets model.safetensors (what sample and eval read), curve.png, sample sheets, progress.csv,
    config.json and the state that --resume goes on from, with the same bits on the same machine.
    Under torchrun every process takes its share of each batch.

    Examples:
      reel2sim generator train data --out run --preset tiny
      reel2sim generator train data --out run --resume --minutes 60
      reel2sim generator train data --out plain --set model.skips=false
      torchrun --nproc-per-node 8 -m reel2sim.cli.main generator train data --out run --preset base
    """

    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATA")]
    """Folder that `generator data` made."""
    out: Annotated[Path, shown("DIR")]
    """Folder of the run."""
    preset: Preset = "small"
    """tiny is a proof, small for a CPU, base for a GPU."""
    steps: Annotated[int | None, shown("N")] = None
    """Optimiser steps of the transformer; default: the preset's."""
    minutes: Annotated[float | None, shown("M")] = None
    """Stop after so long, with a checkpoint."""
    resume: Flag = False
    """Go on with the run in DIR; begin if there is none."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Of everything random."""
    device: Device = "auto"
    """Where to train."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Of the CPU, in each process; the bits of a run depend on it."""
    set: Annotated[tuple[str, ...], shown("NAME=VALUE ...")] = ()
    """Other settings, values as JSON, as config.json names them: batch=32 learning_rate=1e-4
    model.skips=false model.cameras=false layout.strokes=2."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Train and say how it went."""
        from reel2sim.generation.uvit.trainer import train
        from reel2sim.scene.progress import silent

        use_threads(self.threads)
        config = self._config()
        choices: dict[str, Any] = {
            "resume": self.resume, "device": self.device, "minutes": self.minutes
        }  # fmt: skip
        if int(os.environ.get("RANK", "0")):
            train(self.data, self.out, config, **choices, progress=silent)
            return 0
        with console.progress() as progress:
            result = train(self.data, self.out, config, **choices, progress=progress)
        record = {**asdict(result), "out": str(result.out)}
        state = "done" if result.finished else "stopped in time; go on with --resume"
        console.result(
            record,
            f"{state}: {result.steps} steps, loss {result.loss:.4g}, "
            f"autoencoder {result.psnr_db:.1f} dB, {result.cpu_s:.0f} s on the processor",
            f"everything is in {result.out}",
        )
        return 0

    def _config(self) -> TrainConfig:
        from reel2sim.generation.uvit import TrainConfig, preset
        from reel2sim.generation.uvit.config import from_record
        from reel2sim.scene.errors import UsageError

        chosen = replace(preset(self.preset), seed=self.seed)
        if self.steps is not None:
            chosen = replace(chosen, steps=self.steps)
        record = asdict(chosen)
        for text in self.set:
            name, equals, value = text.partition("=")
            *groups, last = name.split(".")
            inner = record
            for group in groups:
                inner = inner.get(group, {})
            if not equals or last not in inner or isinstance(inner[last], dict):
                raise UsageError(f"{text!r} is not NAME=VALUE of a setting", field="--set")
            try:
                inner[last] = json.loads(value)
            except ValueError:
                inner[last] = value
        return from_record(TrainConfig, record, source="--set")
