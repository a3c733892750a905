"""``reel2sim generator``."""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import tyro

from reel2sim.cli.options import Common, Device, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.generation.uvit import TrainConfig
    from reel2sim.generation.uvit.sample import Sample

Preset = Literal["tiny", "small", "base"]
_MODEL = tyro.conf.arg(metavar="MODEL")
_DATA = tyro.conf.arg(metavar="DATA")


@dataclass(frozen=True, kw_only=True)
class Data:
    """Make a training set with the scripted backend.

    Examples:
      reel2sim generator data data --preset tiny --count 200
      reel2sim generator data data --preset small --count 4000 --workers 8
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
    families: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = ("cabinet", "laptop")
    """What random prompts are about."""
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

        layout = preset(self.preset).layout
        with console.progress() as progress:
            made = self._taken(layout, progress) or make_data(
                self.out,
                count=self.count,
                layout=layout,
                families=self.families,
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

    def _taken(self, layout: Any, progress: Any) -> Any:
        """What was taken from a dataset, if one is named."""
        if self.from_ is None:
            return None
        from reel2sim.dataset import open_dataset
        from reel2sim.dataset.for_uvit import take_samples

        return take_samples(
            open_dataset(self.from_, split="train"), self.out, layout, progress=progress
        )

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

    data: Annotated[tyro.conf.Positional[Path], _DATA]
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

        _use_threads(self.threads)
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


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Make captures with a trained model, or describe one that is given.

    Examples:
      reel2sim generator sample run/model.safetensors --prompt "a red laptop, the lid opens" --out c
      reel2sim generator sample MODEL --prompt "a cabinet with a door" --motion 0.02 --out capture
      reel2sim generator sample MODEL --first front.png --out capture
      reel2sim generator sample MODEL --like capture --motion-scale 2 --out again
      reel2sim generator sample MODEL --describe capture
    """

    model: Annotated[tyro.conf.Positional[Path], _MODEL]
    """File that training wrote."""
    out: Annotated[Path | None, shown("CAPTURE")] = None
    """Capture folder to make."""
    prompt: Annotated[str | None, shown("TEXT")] = None
    """What to show; left to the model if not given."""
    motion: Annotated[float | None, shown("M")] = None
    """Motion magnitude: mean squared difference of the front view to its first picture."""
    first: Annotated[Path | None, shown("PICTURE")] = None
    """First picture of the front view (PNG, RGBA or on white)."""
    last: Annotated[Path | None, shown("PICTURE")] = None
    """Last picture of the front view."""
    reference: Annotated[Path | None, shown("PICTURE")] = None
    """A picture of the object, from anywhere."""
    like: Annotated[Path | None, shown("CAPTURE")] = None
    """Take the still orbit, cameras and times of this capture, and make the rest move."""
    strokes: Annotated[Path | None, shown("FILE")] = None
    """Motion-brush strokes: JSON of paths in the front view, [[[x, y], ...], ...] in −1..1, one
    point for each of its pictures."""
    describe: Annotated[Path | None, shown("CAPTURE")] = None
    """Say what this capture shows instead; it needs the layout of the model."""
    write: Flag = False
    """Make a text together with the video."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """Of the sampler."""
    method: Literal["euler", "heun"] = "euler"
    """Heun's asks the model twice a step."""
    text_scale: Annotated[float, tyro.conf.arg(metavar="S")] = 2.0
    """Guidance towards what is asked for; 1 is none."""
    motion_scale: Annotated[float, tyro.conf.arg(metavar="S")] = 1.0
    """3D-aware guidance away from the still object; 1 is none."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Of the noise."""
    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 2.0
    """Duration of the motion."""
    device: Device = "auto"
    """Where to compute."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Of the CPU."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Write the capture and its sheet, or the text."""
        from reel2sim.generation.uvit.checkpoint import load_model
        from reel2sim.generation.uvit.parallel import device_of
        from reel2sim.generation.uvit.sampler import caption
        from reel2sim.scene.errors import UsageError

        if (self.out is None) == (self.describe is None):
            raise UsageError("give either --out or --describe", field="--out")
        _use_threads(self.threads)
        model = load_model(self.model, device=device_of(self.device))
        if self.describe is not None:
            shown_ = _captured(self.describe, model.layout)
            text = caption(model, shown_, seed=self.seed, steps=self.steps)
            console.result({"text": text}, text or "(nothing)")
            return 0
        return self._make(console, model)

    def _make(self, console: Console, model: Any) -> int:
        from reel2sim.exporters.staging import staged_folder
        from reel2sim.generation.uvit.sampler import sample
        from reel2sim.generation.uvit.sheets import write_sheet
        from reel2sim.media import write_capture

        assert self.out is not None
        with console.progress() as progress:
            made = sample(model, self._request(model), progress=progress)
        with staged_folder(self.out) as folder:
            write_capture(made.reel(model.layout, source="uvit"), folder)
            write_sheet(folder / "sheet.png", [(made.prompt, made)], model.layout)
        record = {"capture": str(self.out), "prompt": made.prompt, "motion": made.motion}
        told = f"\nit says: {made.prompt}" if self.write else ""
        console.result(
            record, f"capture {self.out}, motion {made.motion:.3g}; look at sheet.png{told}"
        )
        return 0

    def _request(self, model: Any) -> Any:
        from reel2sim.generation.uvit.facts import share_of_motion
        from reel2sim.generation.uvit.sampler import Request

        layout = model.layout
        frames: dict[int, Any] = {}
        if self.first is not None:
            frames[layout.first_front] = _picture(self.first, layout.size)
        if self.last is not None:
            frames[layout.frames - 1] = _picture(self.last, layout.size)
        request = Request(
            prompt=self.prompt,
            seed=self.seed,
            seconds=self.seconds,
            steps=self.steps,
            method=self.method,
            text_scale=self.text_scale,
            motion_scale=self.motion_scale,
            motion=self.motion,
            frames=frames,
            reference=None if self.reference is None else _picture(self.reference, layout.size),
            tracks=None if self.strokes is None else _strokes(self.strokes),
            write=self.write,
        )
        if self.like is None:
            return request
        given = _captured(self.like, layout)
        still = dict(enumerate(given.images[: layout.static]))
        return replace(
            request,
            cameras=given.cameras,
            times=share_of_motion(given.times_s),
            frames=still | frames,
        )


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Measure a trained model on samples that it has not seen.

    Tells the autoencoder's PSNR, how well surfels explain views that were made beside real ones,
    Spearman's correlation of asked and measured motion, captions beside chance, and seconds a
    sample against steps.

    Examples:
      reel2sim generator eval run/model.safetensors data --out figures.json
      reel2sim generator eval run/model.safetensors data --samples 4 --fits 0 --steps 10
    """

    model: Annotated[tyro.conf.Positional[Path], _MODEL]
    """File that training wrote."""
    data: Annotated[tyro.conf.Positional[Path], _DATA]
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

        _use_threads(self.threads)
        model = load_model(self.model, device=device_of(self.device))
        some = []
        for path in sample_files(self.data)[-self.samples :]:
            some.append(read_sample(path))
            check_layout(some[-1], model.layout, source=path)
        config = EvaluationConfig(
            samples=self.samples,
            steps=self.steps,
            text_scale=self.text_scale,
            motion_scale=self.motion_scale,
            fits=self.fits,
            levels=self.levels,
            seed=self.seed,
        )
        with console.progress() as progress:
            found = evaluate(model, some, config, progress=progress)
        if self.out is not None:
            write_report(found, self.out)
        rows: list[tuple[object, ...]] = [
            ("autoencoder, dB over the object", found["autoencoder"]["object_db"]),
            ("words right in captions", found["captions"]["words_right"]),
            ("… of chance", found["captions"]["chance"]),
        ]
        if "motion" in found:
            rows.append(("asked and measured motion, Spearman", found["motion"]["spearman"]))
            rows.append(("… within prompts", found["motion"]["within"]))
        for name, figures in found.get("consistency", {}).items():
            rows.append((f"surfels of {name} views, dB held out", figures["held_out_db"]))
        for row in found["seconds"]:
            rows.append((f"seconds a sample, {row['steps']} steps", row["wall_s"]))
        console.result(found, table(f"{len(some)} samples", ("figure", "value"), rows))
        return 0


def _verb(name: str, kind: type) -> Any:
    """How a command's help shows one of its verbs, with its examples."""
    return tyro.conf.subcommand(name, description=inspect.getdoc(kind))


_Action = Union[  # noqa: UP007
    Annotated[Data, _verb("data", Data)],
    Annotated[Learn, _verb("train", Learn)],
    Annotated[Draw, _verb("sample", Draw)],
    Annotated[Judge, _verb("eval", Judge)],
]


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Train and use a small video model of your own (U-ViT); needs 'reel2sim[generate]'.

    `data` makes a training set with the scripted backend, `train` trains, `sample` makes captures
    from text, pictures, motion and strokes, `eval` measures. `reel2sim generate --backend uvit`
    uses the model that the environment variable REEL2SIM_UVIT names. All verbs take --json, --quiet
    and --debug.

    Examples:
      reel2sim generator data data --preset tiny --count 200
      reel2sim generator train data --out run --preset tiny
      reel2sim generator sample run/model.safetensors --prompt "a laptop, the lid opens" --out c
      reel2sim generator eval run/model.safetensors data
    """

    action: tyro.conf.OmitSubcommandPrefixes[_Action]
    """What to do."""

    @property
    def common(self) -> Common:
        """Options of every command."""
        return self.action.common

    def __call__(self, console: Console) -> int:
        """Do it."""
        return self.action.run(console)


def _use_threads(count: int) -> None:
    import torch

    from reel2sim.scene.errors import UsageError

    if count < 1:
        raise UsageError(f"is {count}", field="--threads", remedy="give at least 1")
    torch.set_num_threads(count)


def _picture(path: Path, size: int) -> Any:
    """RGBA over white ``(size, size, 4)`` uint8."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from reel2sim.scene.errors import MediaError

    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGBA").resize((size, size), Image.Resampling.BOX)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as cause:
        raise MediaError(f"is no picture: {cause}", source=path) from cause
    pixels = np.asarray(picture)
    if (pixels[..., 3] == 255).all():
        # A picture on white says by its colour what it covers.
        apart = (255 - pixels[..., :3].min(axis=-1) > 12) * np.uint8(255)
        return np.concatenate([pixels[..., :3], apart[..., None]], axis=-1)
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    flat = np.asarray(Image.alpha_composite(white, picture))
    return np.concatenate([flat[..., :3], pixels[..., 3:]], axis=-1)


def _captured(folder: Path, layout: Any) -> Sample:
    """A capture of the model's layout as a sample."""
    import cv2
    import numpy as np

    from reel2sim.generation.uvit.make import pictures
    from reel2sim.generation.uvit.motion import motion_magnitude
    from reel2sim.generation.uvit.sample import Sample
    from reel2sim.media import load_reel

    images, frames = pictures(load_reel(folder), layout)
    size = layout.size
    if images.shape[1:3] != (size, size):
        images = np.stack(
            [cv2.resize(x, (size, size), interpolation=cv2.INTER_AREA) for x in images]
        )
    return Sample(
        images=images,
        cameras=tuple(f.camera.resized(size, size) for f in frames if f.camera is not None),
        times_s=np.array([frame.time_s for frame in frames]),
        tracks=np.zeros((0, layout.front, 2), np.float32),
        prompt="",
        motion=motion_magnitude(images, layout),
    )


def _strokes(path: Path) -> Any:
    import numpy as np

    from reel2sim.scene.errors import InputError

    try:
        return np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.float32)
    except (OSError, ValueError, TypeError) as cause:
        raise InputError(f"is no list of strokes: {cause}", source=path) from cause
