"""From a prompt or a source to a bundle, in one call."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from reel2sim.pipeline.cache import Cache
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.kept import bundle_key, keep_bundle, publish_kept
from reel2sim.pipeline.memory import PeakMemory
from reel2sim.pipeline.publish import (
    check_vacant,
    export_files,
    preview_media,
    provenance_of,
    publish,
)
from reel2sim.pipeline.runner import Runner, StageRun, named
from reel2sim.pipeline.stages import posed_reel, reel_digest
from reel2sim.pipeline.toolchain import Toolchain, standard_toolchain
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import PromptError, UsageError
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.reel import Reel


@dataclass(frozen=True, eq=False)
class PipelineResult:
    """What a run made.

    Attributes:
        bundle: the bundle folder.
        asset: the rigged asset that is in it.
        stages: what each stage took, in order.
        seconds: wall time of this run, with what came from the cache at no cost.
        peak_memory_mb: largest resident memory of the process during this run, MiB.
    """

    bundle: Path
    asset: RiggedAsset
    stages: tuple[StageRun, ...]
    seconds: float
    peak_memory_mb: float


def run(
    source: Path | None,
    out: Path,
    *,
    prompt: str | None = None,
    config: PipelineConfig | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
    overwrite: bool = False,
    toolchain: Toolchain | None = None,
) -> PipelineResult:
    """Make a bundle.

    A run that was stopped goes on from where it was, up to half a minute of work, if it has the
    same ``cache``, and gives the same bundle. ``out`` appears whole or not at all.

    Args:
        source: capture folder or video file; None with a prompt.
        out: bundle folder to make; must not exist, or be empty.
        prompt: text to generate the reel from; None with a source.
        config: choices; the defaults if None. If they name no material, one that the prompt
            names is taken.
        progress: told where the run is; it may raise CancelledError to stop it.
        cache: where stage results are kept and looked for; None keeps none.
        overwrite: replace the bundle at ``out`` once the new one is whole.
        toolchain: the stages; the project's own if None.

    Raises:
        UsageError: unless exactly one of source and prompt is given.
        ConflictError: if ``out`` holds something that may not be replaced.
        Reel2SimError: whatever a stage says about its input.
    """
    config = config or PipelineConfig()
    check_request(source, prompt, config)
    check_vacant(out, overwrite=overwrite)
    if prompt is not None and not config.material:
        config = replace(config, material=_material_in(prompt))
    tools = toolchain or standard_toolchain()
    # What is wrong with the choices is said now, not after the first hour.
    first = tools.media if prompt is None else tools.generation
    for stage in (first, tools.reconstruction, tools.rigging):
        stage.settings(config)
    runner = Runner(config, progress, cache)
    began = time.perf_counter()
    with PeakMemory() as memory:
        reel, reel_key = take_in(runner, tools, source, prompt)
        surfels, surfels_digest = runner(tools.reconstruction, reel, reel_key)
        asset, asset_digest = runner(tools.rigging, (reel, surfels), reel_key, surfels_digest)
        asset = replace(asset, name=config.object_name(source=source, prompt=prompt))
        provenance = provenance_of(reel, runner.done, config, source=source)
        # What other exporters make is theirs to keep.
        key = ""
        if cache is not None and tools.preview is preview_media and tools.export is export_files:
            key = bundle_key(
                asset.name, provenance, config, (reel_key, surfels_digest, asset_digest)
            )
        if not (cache and key and publish_kept(cache, key, out, overwrite=overwrite)):
            export = named(progress, "export")
            pictures = subrange(export, 0.0, 0.6)
            media = tools.preview(asset, posed_reel(reel, surfels), config, pictures)
            publish(
                asset,
                out,
                media=media,
                provenance=provenance,
                overwrite=overwrite,
                exporter=tools.export,
                progress=subrange(export, 0.6, 1.0),
            )
            if cache and key:
                keep_bundle(cache, key, out)
        progress("export", 1.0, "done")
    seconds = time.perf_counter() - began
    # The stages' own watches may have caught a moment that this one slept through.
    spent = [stage.peak_memory_mb for stage in runner.done if not stage.cached]
    peak_mb = max([memory.peak_mb, *spent])
    return PipelineResult(out, asset, tuple(runner.done), seconds, peak_mb)


def check_request(
    source: Path | None, prompt: str | None, config: PipelineConfig | None = None
) -> None:
    """Raise UsageError or PromptError unless exactly one of them says what to work on.

    A prompt may be empty where the controls of ``config`` name a picture or a video.
    """
    if source is None and prompt is None:
        raise UsageError(
            "there is nothing to work on",
            remedy="name a capture folder or video file, or pass --prompt TEXT",
        )
    if source is not None and prompt is not None:
        raise UsageError("a source and a prompt exclude each other", remedy="give one of them")
    controls = config.controls if config is not None else None
    shown = controls is not None and controls.pictures_in
    if prompt is not None and not prompt.strip() and not shown:
        raise PromptError("is empty", source="prompt", remedy="say what to make and how it moves")


def _material_in(prompt: str) -> str:
    from reel2sim.rigging.physics.materials import material_in

    return material_in(prompt)


def take_in(
    runner: Runner, tools: Toolchain, source: Path | None, prompt: str | None
) -> tuple[Reel, str]:
    """The reel and a digest of what it shows."""
    if source is None:
        text = prompt or ""
        reel, _ = runner(tools.generation, text, text)
    else:
        reel, _ = runner(tools.media, source, str(source))
    return reel, reel_digest(reel)
