"""How good a trained generator is, in numbers beside what real renders give."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reel2sim.generation.uvit.agreement import agreement, said
from reel2sim.generation.uvit.autoencoder import as_images, as_pictures
from reel2sim.generation.uvit.checkpoint import Model
from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.sample import Sample
from reel2sim.generation.uvit.sampler import Request, caption, sample
from reel2sim.pipeline.scores.pictures import psnr
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import PromptError, Reel2SimError, UsageError
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.reel import Reel


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """How much to measure.

    Attributes:
        samples: held-out samples to look at; those at the end of the data.
        steps: of the sampler, for all but the timing.
        text_scale: of guidance towards the prompt.
        motion_scale: of 3D-aware guidance.
        fits: samples whose views surfels are fitted to, made and real; 0 leaves it out.
        levels: motion magnitudes asked for with each prompt; less than 3 leaves it out.
        scales: of text guidance, to compare; none leaves it out.
        timed: step counts of which the seconds are measured.
        seed: of the noise.
    """

    samples: int = 16
    steps: int = 20
    text_scale: float = 2.0
    motion_scale: float = 1.0
    fits: int = 4
    levels: int = 5
    scales: tuple[float, ...] = (1.0, 2.0, 4.0)
    timed: tuple[int, ...] = (5, 10, 20, 40)
    seed: int = 0


def evaluate(
    model: Model,
    samples: Sequence[Sample],
    config: EvaluationConfig | None = None,
    *,
    references: Sequence[Sample] = (),
    progress: Progress = silent,
) -> dict[str, Any]:
    """All figures of a model on samples that it has not seen.

    Args:
        model: to look at.
        samples: real renders with their prompts.
        config: how much to measure.
        references: other renders, to read films by. Agreement and guidance are left out if there
            are none, or if prompts are not those of the scripted backend.
        progress: told of each part; may cancel.

    Returns:
        ``autoencoder``, ``agreement``, ``guidance``, ``consistency``, ``motion``, ``captions``,
        ``seconds`` and ``config``, as the functions of those names say.

    Raises:
        UsageError: if there are no samples.
    """
    config = config or EvaluationConfig()
    some = list(samples)[-config.samples :]
    if not some:
        raise UsageError("holds no samples to evaluate on", source="data", field="samples")
    made = _made(model, some, config, subrange(progress, 0.0, 0.3))
    found: dict[str, Any] = {
        "autoencoder": autoencoder_psnr(model, some),
        "captions": captions(model, some, config),
        "seconds": seconds(model, some[0].prompt, config),
    }
    if references and _understood([*some, *references]):
        found["agreement"] = agreements(model, some, made, references)
        rows = guidance_table(model, some, references, config, subrange(progress, 0.3, 0.4))
        found["guidance"] = rows
    progress("evaluation", 0.4, "asked against measured motion")
    if config.levels >= 3:
        found["motion"] = motion_control(model, some, config)
    if config.fits:
        fitting = subrange(progress, 0.6, 1.0)
        found["consistency"] = consistency(model, some, made, config, fitting)
    progress("evaluation", 1.0, "done")
    return {**found, "samples": len(some), "config": asdict(config)}


def _made(
    model: Model, samples: Sequence[Sample], config: EvaluationConfig, progress: Progress
) -> list[Sample]:
    """What the model makes of the prompts, cameras and magnitudes of ``samples``."""
    found: list[Sample] = []
    for i, true in enumerate(samples):
        progress("evaluation", i / len(samples), f"sample {i + 1} of {len(samples)}")
        found.append(sample(model, _request(true, config, i)))
    return found


def _request(true: Sample, config: EvaluationConfig, place: int) -> Request:
    return Request(
        prompt=true.prompt,
        cameras=true.cameras,
        motion=true.motion,
        steps=config.steps,
        text_scale=config.text_scale,
        motion_scale=config.motion_scale,
        seed=config.seed + place,
    )


def _understood(samples: Sequence[Sample]) -> bool:
    try:
        return all(said(sample.prompt) for sample in samples)
    except PromptError:
        return False


def agreements(
    model: Model, true: Sequence[Sample], made: Sequence[Sample], references: Sequence[Sample]
) -> dict[str, dict[str, dict[str, float]]]:
    """Agreement with the prompts of films that were ``made``, beside that of ``real`` renders."""
    prompts = [sample.prompt for sample in true]
    return {
        name: agreement(films, prompts, references, model.layout)
        for name, films in (("made", made), ("real", true))
    }


def guidance_table(
    model: Model,
    samples: Sequence[Sample],
    references: Sequence[Sample],
    config: EvaluationConfig,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Agreement with prompts alone, no magnitude given, by the scale of text guidance.

    ``spread`` is the mean deviation of a pixel over films of one prompt and other noise, 0..1.
    """
    rows: list[dict[str, Any]] = []
    for k, scale in enumerate(config.scales):
        progress("evaluation", k / len(config.scales), f"text scale {scale:g}")
        films: list[Sample] = []
        for i, true in enumerate(samples):
            request = replace(_request(true, config, i), motion=None, text_scale=scale)
            films.append(sample(model, request))
        again = [
            sample(model, replace(_request(true, config, 1000 + i), motion=None, text_scale=scale))
            for i, true in enumerate(samples[:4])
        ]
        pairs = zip(films, again, strict=False)
        apart = [np.abs(a.images - b.images.astype(float)) for a, b in pairs]
        prompts = [true.prompt for true in samples]
        rows.append(
            {
                "text_scale": scale,
                "agreement": agreement(films, prompts, references, model.layout),
                "spread": float(np.mean(apart)) / 255.0,
            }
        )
    return rows


def autoencoder_psnr(model: Model, samples: Sequence[Sample]) -> dict[str, float]:
    """PSNR of pictures that went through the autoencoder, dB, mean over samples.

    ``object_db`` counts only pixels that the object covers in either picture.
    """
    full: list[float] = []
    union: list[float] = []
    for true in samples:
        with torch.no_grad():
            pictures = as_pictures(torch.from_numpy(true.images).to(model.device))
            again = model.autoencoder.decode(model.autoencoder.encode(pictures))
        images = as_images(again).cpu().numpy()
        a, b = images / 255.0, true.images / 255.0
        covered = (a[..., 3] > 0.5) | (b[..., 3] > 0.5)
        full.append(psnr(a[..., :3], b[..., :3]))
        union.append(psnr(a[..., :3], b[..., :3], where=covered))
    return {"full_db": float(np.mean(full)), "object_db": float(np.mean(union))}


def motion_control(
    model: Model, samples: Sequence[Sample], config: EvaluationConfig
) -> dict[str, Any]:
    """Spearman's rank correlation of asked and measured motion magnitude.

    Each prompt is asked for with magnitudes at even quantiles of those of ``samples``, from the
    same noise. ``within`` is the mean of the correlations of each prompt alone, which no prompt
    that moves more than another can raise; chance is 0.
    """
    from scipy.stats import spearmanr

    magnitudes = np.quantile([s.motion for s in samples], np.linspace(0.05, 0.95, config.levels))
    asked: list[list[float]] = []
    measured: list[list[float]] = []
    for i, true in enumerate(samples[: max(2, len(samples) // 2)]):
        base = _request(true, config, i)
        asked.append(magnitudes.tolist())
        measured.append([sample(model, replace(base, motion=float(m))).motion for m in magnitudes])

    def rank(a: Sequence[float], b: Sequence[float]) -> float:
        found: Any = spearmanr(a, b)
        value = float(found.statistic)
        return value if np.isfinite(value) else 0.0

    return {
        "spearman": rank(np.ravel(asked).tolist(), np.ravel(measured).tolist()),
        "within": float(np.mean([rank(a, m) for a, m in zip(asked, measured, strict=True)])),
        "asked": asked,
        "measured": measured,
    }


def captions(model: Model, samples: Sequence[Sample], config: EvaluationConfig) -> dict[str, Any]:
    """Video to text: share of the true words at their places, beside a chance level.

    Chance is that of always giving the caption that agrees best with all others.
    """
    true = [s.prompt for s in samples]
    made = [caption(model, s, seed=config.seed + i) for i, s in enumerate(samples)]
    guesses = [float(np.mean([_agreement(t, g) for t in true])) for g in true]
    return {
        "words_right": float(np.mean([_agreement(t, m) for t, m in zip(true, made, strict=True)])),
        "chance": max(guesses),
        "made": made,
        "true": true,
    }


def _agreement(true: str, made: str) -> float:
    from reel2sim.generation.uvit.vocabulary import pieces

    a, b = pieces(true), pieces(made)
    return sum(x == y for x, y in zip(a, b, strict=False)) / max(len(a), len(b), 1)


def seconds(model: Model, prompt: str, config: EvaluationConfig) -> list[dict[str, float]]:
    """Wall and processor seconds of one sample, by steps of the sampler, with guidance."""
    rows: list[dict[str, float]] = []
    for steps in config.timed:
        request = Request(
            prompt=prompt, steps=steps, text_scale=config.text_scale,
            motion_scale=config.motion_scale, seed=config.seed,
        )  # fmt: skip
        wall, cpu = time.perf_counter(), time.process_time()
        sample(model, request)
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        rows.append(
            {
                "steps": steps,
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.process_time() - cpu,
            }
        )
    return rows


def consistency(
    model: Model,
    true: Sequence[Sample],
    made: Sequence[Sample],
    config: EvaluationConfig,
    progress: Progress,
) -> dict[str, Any]:
    """View consistency: how well surfels explain the still orbit, made and real.

    Surfels are fitted to all views of the orbit but every fourth; PSNR in dB over the object, of
    views that were fitted and of those that were not, mean over samples. A fit that fails counts
    as 0 dB. ``mixed`` takes each view from another of the made films: what views that have nothing
    to do with each other reach. The real renders went through the autoencoder for ``coded``, so
    that what it loses is told apart from what the transformer gets wrong.
    """
    kinds: dict[str, list[tuple[float, float]]] = {
        "made": [], "mixed": [], "coded": [], "real": []
    }  # fmt: skip
    count = min(config.fits, len(true))
    for i in range(count):
        with torch.no_grad():
            pictures = as_pictures(torch.from_numpy(true[i].images).to(model.device))
            again = model.autoencoder.decode(model.autoencoder.encode(pictures))
        coded = replace(true[i], images=as_images(again).cpu().numpy())
        others = np.stack([made[(i + k) % len(made)].images[k] for k in range(model.layout.frames)])
        mixed = replace(made[i], images=others)
        films = {"made": made[i], "mixed": mixed, "coded": coded, "real": true[i]}
        for k, (name, one) in enumerate(films.items()):
            progress("evaluation", (4 * i + k) / (4 * count), f"surfels of {name} views")
            kinds[name].append(orbit_psnr(one, model.layout, seed=config.seed))
    return {
        name: {
            "fitted_db": float(np.mean([a for a, _ in values])),
            "held_out_db": float(np.mean([b for _, b in values])),
            "failed": sum(a == 0.0 for a, _ in values),
        }
        for name, values in kinds.items()
    }


def orbit_psnr(shown: Sample, layout: Layout, *, seed: int = 0) -> tuple[float, float]:
    """PSNR over the object of surfels fitted to a still orbit, dB: fitted views, held-out views."""
    from reel2sim.reconstruction.canonical import fit_canonical
    from reel2sim.reconstruction.config import ReconstructionConfig

    reel = shown.reel(layout, source="orbit")
    still = reel.streams["static"]
    held = {*range(2, len(still), 4)}
    kept = tuple(frame for i, frame in enumerate(still) if i not in held)
    settings = replace(
        ReconstructionConfig.preset("draft", seed=seed, device="cpu"), image_px=layout.size
    )
    try:
        surfels = fit_canonical(Reel(kept, source="orbit"), config=settings)
    except Reel2SimError:
        return 0.0, 0.0
    scores = [_drawn_psnr(surfels, frame) for frame in still]
    fitted = [score for i, score in enumerate(scores) if i not in held]
    return float(np.mean(fitted)), float(np.mean([scores[i] for i in sorted(held)]))


def _drawn_psnr(surfels: Any, frame: Any) -> float:
    """PSNR of surfels drawn from a frame's camera, on black, over the union of both objects."""
    from reel2sim.reconstruction import render

    shown = render(surfels, frame.camera)
    alpha: Array = frame.mask.astype(np.float64) / 255.0
    true = frame.image / 255.0 * alpha[..., None]
    union = (shown.alpha > 0.5) | (alpha > 0.5)
    return min(psnr(np.clip(shown.rgb, 0, 1), true, where=union), 60.0)


def write_report(found: dict[str, Any], path: Path) -> None:
    """Write all figures as JSON."""
    from reel2sim.pipeline.atomic import write_atomically

    text = json.dumps(found, indent=1) + "\n"
    write_atomically(path, lambda aside: aside.write_text(text, encoding="utf-8"))
