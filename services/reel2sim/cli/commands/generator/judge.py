"""``reel2sim generator eval``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.commands.generator.options import MODEL, model_file, use_threads
from reel2sim.cli.options import Common, Device, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Measure a trained model on samples that it has not seen.

    Tells the autoencoder's PSNR, how often films show the family, joints, colour and movement of
    their prompts, that by the scale of guidance, how well surfels explain views that were made
    beside real ones, Spearman's correlation of asked and measured motion, captions beside chance,
    and seconds a sample against steps.

    Examples:
      reel2sim generator eval run/model.safetensors data --out figures.json
      reel2sim generator eval run/model.safetensors data --samples 4 --fits 0 --steps 10
    """

    model: Annotated[tyro.conf.Positional[Path], MODEL]
    """File that training wrote."""
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATA")]
    """Folder of samples; those at the end are looked at, which training holds out."""
    out: Annotated[Path | None, shown("FILE")] = None
    """Also write all figures to this file (JSON)."""
    samples: Annotated[int, tyro.conf.arg(metavar="N")] = 16
    """How many to look at."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """Of the sampler."""
    text_scale: Annotated[float, tyro.conf.arg(metavar="S")] = 2.0
    """Guidance towards the prompt."""
    motion_scale: Annotated[float, tyro.conf.arg(metavar="S")] = 1.0
    """3D-aware guidance."""
    fits: Annotated[int, tyro.conf.arg(metavar="N")] = 4
    """Samples to fit surfels to; 0 leaves view consistency out."""
    levels: Annotated[int, tyro.conf.arg(metavar="N")] = 5
    """Motion magnitudes to ask for with each prompt; 0 leaves motion out."""
    scales: Annotated[tuple[float, ...], shown("S ...")] = (1.0, 2.0, 4.0)
    """Text guidance to compare."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Of the noise."""
    device: Device = "auto"
    """Where to compute."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Of the CPU."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Measure and show."""
        from reel2sim.cli.tables import table
        from reel2sim.generation.uvit.checkpoint import load_model
        from reel2sim.generation.uvit.evaluate import EvaluationConfig, evaluate, write_report
        from reel2sim.generation.uvit.parallel import device_of
        from reel2sim.generation.uvit.sample import check_layout, read_sample, sample_files

        use_threads(self.threads)
        model = load_model(model_file(self.model), device=device_of(self.device))
        every = []
        for path in sample_files(self.data):
            every.append(read_sample(path))
            check_layout(every[-1], model.layout, source=path)
        some, rest = every[-self.samples :], every[: -self.samples]
        config = EvaluationConfig(
            samples=self.samples,
            steps=self.steps,
            text_scale=self.text_scale,
            motion_scale=self.motion_scale,
            fits=self.fits,
            levels=self.levels,
            scales=self.scales,
            seed=self.seed,
        )
        with console.progress() as progress:
            found = evaluate(model, some, config, references=rest, progress=progress)
        if self.out is not None:
            write_report(found, self.out)
        rows: list[tuple[object, ...]] = [
            ("autoencoder, dB over the object", found["autoencoder"]["object_db"]),
            ("words right in captions", found["captions"]["words_right"]),
            ("… of chance", found["captions"]["chance"]),
        ]
        read = found.get("agreement", {})
        for facet in read.get("made", {}):
            one = read["made"][facet]
            rows.append((f"{facet} as asked, made", one["right"]))
            rows.append(("… of real renders", read["real"][facet]["right"]))
            rows.append(("… of chance", one["chance"]))
        for row in found.get("guidance", ()):
            shares = ", ".join(f"{k} {v['right']:.2f}" for k, v in row["agreement"].items())
            rows.append((f"guided by {row['text_scale']:g}", shares))
        if "motion" in found:
            rows.append(("asked and measured motion, Spearman", found["motion"]["spearman"]))
            rows.append(("… within prompts", found["motion"]["within"]))
        for name, figures in found.get("consistency", {}).items():
            rows.append((f"surfels of {name} views, dB held out", figures["held_out_db"]))
        for row in found["seconds"]:
            rows.append((f"seconds a sample, {row['steps']} steps", row["wall_s"]))
        console.result(found, table(f"{len(some)} samples", ("figure", "value"), rows))
        return 0
