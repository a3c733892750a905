"""Training: the autoencoder, then the transformer on its latents. Stopped runs go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reel2sim.generation.uvit.autoencoder import (
    Autoencoder,
    as_pictures,
    encode_all,
    standardise,
)
from reel2sim.generation.uvit.checkpoint import Model, build, save_model
from reel2sim.generation.uvit.config import TrainConfig
from reel2sim.generation.uvit.data import Clean, clean, draw_batch, generator
from reel2sim.generation.uvit.facts import Facts
from reel2sim.generation.uvit.journal import Journal, draw_curves
from reel2sim.generation.uvit.learner import Learner
from reel2sim.generation.uvit.model import UViT
from reel2sim.generation.uvit.objective import AutoencoderObjective, FlowObjective, Shares, total
from reel2sim.generation.uvit.parallel import Device, World, joined
from reel2sim.generation.uvit.sample import (
    Sample,
    check_layout,
    read_sample,
    sample_files,
    stack_images,
)
from reel2sim.pipeline.atomic import write_atomically
from reel2sim.reconstruction.device import reproducible
from reel2sim.scene.digest import digest_config, digest_file
from reel2sim.scene.errors import ConflictError, StageError, UsageError
from reel2sim.scene.progress import Progress, silent, subrange

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
JOURNAL_FILE = "progress.csv"
CURVE_FILE = "curve.png"
_STATES = {"autoencoder": "autoencoder_state.safetensors", "flow": "flow_state.safetensors"}
_FREE = ("steps", "autoencoder_steps", "cooldown", "checkpoint_every", "sheet_every")
"""Settings that a resumed run may change: they end it later, or show it more often."""


@dataclass(frozen=True)
class TrainResult:
    """How a run went.

    Attributes:
        out: its folder.
        steps: of the transformer so far.
        finished: whether it did all steps; else time ran out.
        loss: of the last step.
        psnr_db: of the autoencoder's last batch.
        cpu_s: processor seconds of the leading process, those before a resume included.
    """

    out: Path
    steps: int
    finished: bool
    loss: float
    psnr_db: float
    cpu_s: float


def train(
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    resume: bool = False,
    device: Device = "auto",
    minutes: float | None = None,
    progress: Progress = silent,
) -> TrainResult:
    """Train a generator.

    ``out`` gets ``model.safetensors`` (averaged weights), the state of both phases,
    ``config.json``, ``progress.csv``, ``curve.png`` and sample sheets. Under ``torchrun`` every
    process takes its share of each batch; all draws are those of a single process.

    Args:
        data: folder of samples.
        out: folder of the run.
        config: what to train, and how.
        resume: go on with what is in ``out``; begin if there is nothing.
        device: on which to compute.
        minutes: stop after so long, with a checkpoint.
        progress: told of steps and losses; may cancel.

    Raises:
        NotFoundError: if there are no samples.
        ConflictError: if ``out`` holds a run and ``resume`` is not set, or another one.
        StageError: if the loss stops being finite.
    """
    stop = None if minutes is None else time.monotonic() + 60.0 * minutes
    with joined(device) as world, reproducible(world.device):
        run = _Run.open(data, out, config, world, resume=resume)
        finished = run.autoencoder(stop, subrange(progress, 0.0, 0.2))
        if finished:
            finished = run.flow(stop, subrange(progress, 0.2, 1.0))
        return run.result(finished)


def load_samples(data: Path, config: TrainConfig) -> tuple[Sample, ...]:
    """All samples of a data set, each checked against the layout."""
    found: list[Sample] = []
    for path in sample_files(data):
        sample = read_sample(path)
        check_layout(sample, config.layout, source=path)
        found.append(sample)
    return tuple(found)


def split(samples: tuple[Sample, ...], held_out: int) -> tuple[tuple[Sample, ...], ...]:
    """Samples to learn from, and those that are kept for evaluation.

    Raises:
        UsageError: if none are left to learn from.
    """
    if held_out >= len(samples):
        raise UsageError(
            f"{held_out} of {len(samples)} samples are held out",
            field="held_out",
            remedy="hold out fewer, or make more samples",
        )
    cut = len(samples) - held_out
    return samples[:cut], samples[cut:]


class _Run:
    """One run, in one of its processes."""

    def __init__(
        self,
        out: Path,
        config: TrainConfig,
        world: World,
        samples: tuple[Sample, ...],
        record: Mapping[str, Any],
    ) -> None:
        self.out, self.config, self.world, self.record = out, config, world, record
        self.learn, self.kept = split(samples, config.held_out)
        self.facts = Facts.of(self.learn, config.layout)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            words = len(self.facts.vocabulary)
            self.coder = Autoencoder(config.autoencoder).to(world.device)
            uvit = UViT(config.model, config.autoencoder, config.layout, words)
            self.uvit = uvit.to(world.device)
        self.autoencoder_learner = Learner(self.coder, config, config.autoencoder_steps)
        self.flow_learner = Learner(self.uvit, config, config.steps)
        keep = None
        for phase, learner in self._learners.items():
            path = out / _STATES[phase]
            if path.is_file():
                learner.restore(path, self._about(phase))
                keep = (phase, learner.step)
        self.journal = Journal(out / JOURNAL_FILE, keep)

    @classmethod
    def open(
        cls, data: Path, out: Path, config: TrainConfig, world: World, *, resume: bool
    ) -> _Run:
        for batch in (config.batch, config.autoencoder_batch):
            world.share(batch)  # refuses one that cannot be shared
        if not resume and any((out / name).exists() for name in _STATES.values()):
            raise ConflictError(
                "holds a run", source=out, remedy="go on with --resume, or choose another folder"
            )
        world.wait()
        digest = digest_config([digest_file(path) for path in sample_files(data)])
        settings = {k: v for k, v in asdict(config).items() if k not in _FREE}
        out.mkdir(parents=True, exist_ok=True)
        samples = load_samples(data, config)
        run = cls(out, config, world, samples, {"config": settings, "data": digest})
        if world.leads:
            _write_json(out / CONFIG_FILE, {"data": str(data), **asdict(config)})
        return run

    @property
    def _learners(self) -> dict[str, Learner]:
        return {"autoencoder": self.autoencoder_learner, "flow": self.flow_learner}

    def _about(self, phase: str) -> dict[str, Any]:
        return {**self.record, "phase": phase}

    def autoencoder(self, stop: float | None, progress: Progress) -> bool:
        """First phase; whether it is done."""
        config, world = self.config, self.world
        images = torch.from_numpy(stack_images(self.learn)).flatten(0, 1)
        objective = AutoencoderObjective(self.coder, config.autoencoder.kl)
        spread = world.spread(objective.train())
        side = config.layout.size // config.autoencoder.factor
        own = world.share(config.autoencoder_batch)

        def terms(step: int) -> dict[str, Tensor]:
            g = generator(config.seed, 4, step)
            places = torch.randint(len(images), (config.autoencoder_batch,), generator=g)
            noise = torch.randn(
                config.autoencoder_batch, config.autoencoder.channels, side, side, generator=g
            )
            pictures = as_pictures(images[places[own]].to(world.device))
            return spread(pictures, noise[own].to(world.device))

        return self._phase("autoencoder", terms, config.autoencoder_steps, stop, progress)

    def flow(self, stop: float | None, progress: Progress) -> bool:
        """Second phase; whether it is done."""
        config, world, learner = self.config, self.world, self.flow_learner
        self.model = self._model()
        data = self._clean(self.learn)
        objective = FlowObjective(self.uvit, config)
        spread = world.spread(objective.train())
        own = world.share(config.batch)

        def terms(step: int) -> dict[str, Tensor]:
            batch = draw_batch(data, config, step)
            return spread(batch[own].to(world.device), Shares.of(batch), world.size)

        done = self._phase("flow", terms, config.steps, stop, progress)
        if done and world.leads:
            self._sheet(learner.step)
        return done

    def _model(self) -> Model:
        """The generator whose transformer is to be trained, its autoencoder ready."""
        config = self.config
        model = build(config.layout, config.autoencoder, config.model, self.facts)
        model = model.to(self.world.device)
        self.autoencoder_learner.ema.copy_to(model.autoencoder)
        standardise(model.autoencoder, torch.from_numpy(stack_images(self.learn)).flatten(0, 1))
        return model

    def _clean(self, samples: tuple[Sample, ...]) -> Clean:
        images = torch.from_numpy(stack_images(samples))
        latents = encode_all(self.model.autoencoder, images.flatten(0, 1))
        video = latents.unflatten(0, images.shape[:2])
        return clean(samples, video, self.facts, self.config)

    def _phase(
        self,
        phase: str,
        terms: Callable[[int], dict[str, Tensor]],
        steps: int,
        stop: float | None,
        progress: Progress,
    ) -> bool:
        learner, world, config = self._learners[phase], self.world, self.config
        half = config.precision == "bfloat16" and world.device.type == "cuda"
        late = False
        while learner.step < steps and not late:
            rate = learner.rate()
            with torch.autocast("cuda", torch.bfloat16) if half else nullcontext():
                found = terms(learner.step)
            try:
                norm = learner.learn(total(found))
            except FloatingPointError as cause:
                raise StageError(
                    f"training diverged at step {learner.step}: {cause}",
                    source=phase,
                    remedy="begin anew in another folder with a smaller learning_rate",
                ) from cause
            figures = {name: float(value.detach()) for name, value in found.items()}
            # A term is exactly 0 only where a batch had nothing of its kind to predict.
            shown = {name: value for name, value in figures.items() if value}
            self.journal.add(phase, learner.step, {**shown, "norm": norm, "rate": rate})
            progress(
                "training", learner.step / steps, f"{phase} {learner.step}", loss=figures["loss"]
            )
            late = world.agree(stop is not None and time.monotonic() > stop)
            over = late or learner.step == steps
            if over or learner.step % config.checkpoint_every == 0:
                self._checkpoint(phase)
            if world.leads and (over or learner.step % (10 * config.checkpoint_every) == 0):
                draw_curves(self.journal, self.out / CURVE_FILE)
            due = config.sheet_every and learner.step % config.sheet_every == 0
            if phase == "flow" and due and learner.step < steps and world.leads:
                self._sheet(learner.step)
        return learner.step >= steps

    def _checkpoint(self, phase: str) -> None:
        learner = self._learners[phase]
        if self.world.leads:
            self.journal.save()
            learner.save(self.out / _STATES[phase], self._about(phase))
            if phase == "flow":
                learner.ema.copy_to(self.model.uvit)
                save_model(self._carded(), self.out / MODEL_FILE)
        self.world.wait()

    def _carded(self) -> Model:
        model = self.model
        card = {
            "steps": self.flow_learner.step,
            "autoencoder_steps": self.autoencoder_learner.step,
            "processor_seconds": round(self.journal.cpu_s, 1),
            "parameters": model.parameters,
            "config": asdict(self.config),
        }
        return Model(model.layout, model.autoencoder, model.uvit, model.facts, model.configs, card)

    def _sheet(self, step: int) -> None:
        """A sheet of held-out prompts beside what the scripted backend makes of them."""
        from reel2sim.generation.uvit.sampler import Request, sample
        from reel2sim.generation.uvit.sheets import write_sheet

        self.flow_learner.ema.copy_to(self.model.uvit)
        rows: list[tuple[str, Sample]] = []
        for i, true in enumerate((self.kept or self.learn)[:4]):
            request = Request(
                prompt=true.prompt,
                cameras=true.cameras,
                motion=true.motion,
                text_scale=2.0,
                seed=i,
            )
            made = sample(self.model, request)
            rows += [(f"true: {true.prompt}", true), ("made", made)]
        write_sheet(self.out / f"samples-{step:07d}.png", rows, self.config.layout)

    def result(self, finished: bool) -> TrainResult:
        losses = self.journal.series("flow", "loss")[1]
        psnr = self.journal.series("autoencoder", "psnr")[1]
        return TrainResult(
            out=self.out,
            steps=self.flow_learner.step,
            finished=finished,
            loss=float(losses[-1]) if len(losses) else float("nan"),
            psnr_db=float(np.mean(psnr[-20:])) if len(psnr) else float("nan"),
            cpu_s=self.journal.cpu_s,
        )


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    import json

    text = json.dumps(record, indent=1) + "\n"
    write_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))
