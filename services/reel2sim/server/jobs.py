"""The standard job runner: the project's own pipeline and its stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reel2sim.remote.config import read_stages
from reel2sim.scene.errors import InputError
from reel2sim.scene.progress import Progress, subrange
from reel2sim.server.job import Job, JobResult
from reel2sim.transport.choices import (
    GENERATION,
    SENT_CONTROLS,
    SENT_PICTURES,
    pipeline_config,
)

if TYPE_CHECKING:
    from reel2sim.pipeline import PipelineConfig, Toolchain
    from reel2sim.pipeline.runner import Runner
    from reel2sim.pipeline.stages import Stage
    from reel2sim.scene.reel import Reel


def run_job(job: Job, progress: Progress) -> JobResult:
    """Run any kind of job; see :class:`reel2sim.server.job.JobRunner`.

    Results of stages are kept in the job's cache under what they were made from, whichever kind
    of job made them: a rig of surfels that another job rigged before is not made again.
    """
    from reel2sim.pipeline.toolchain import standard_toolchain

    return run_with(standard_toolchain(), job, progress)


def run_with(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    """Run any kind of job with stages of one's own."""
    return _JOBS[job.kind](tools, job, progress)


def _generate(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    from reel2sim.generation.keep import write_reel

    request: Any = job.request
    runner = _runner(job, progress)
    reel, _ = runner(_generation(tools, job), request.prompt, request.prompt)
    return JobResult(write_reel(reel, job.out / "capture"), runner.done[-1].metrics)


def _reconstruct(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    from reel2sim.pipeline.stages import reel_digest
    from reel2sim.pipeline.stores import ReconstructionStore

    runner = _runner(job, progress)
    source = job.inputs["reel"]
    reel, _ = runner(tools.media, source, str(source))
    result, _ = runner(tools.reconstruction, reel, reel_digest(reel))
    out = job.out / "surfels.npz"
    ReconstructionStore().save(out, result)
    return JobResult(out, runner.done[-1].metrics)


def _rig(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    from reel2sim.pipeline.stages import reel_digest
    from reel2sim.pipeline.stores import ReconstructionStore
    from reel2sim.scene.digest import digest_file
    from reel2sim.scene.store import save_asset

    runner = _runner(job, progress)
    source, surfels = job.inputs["reel"], _file(job, "surfels")
    reel, _ = runner(tools.media, source, str(source))
    given = (reel, ReconstructionStore().load(surfels))
    asset, _ = runner(tools.rigging, given, reel_digest(reel), digest_file(surfels))
    asset = replace(asset, name=runner.config.object_name(source=source, prompt=None))
    out = job.out / "asset.npz"
    save_asset(out, asset)
    return JobResult(out, runner.done[-1].metrics)


def _export(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    from reel2sim.exporters.media import Provenance
    from reel2sim.media import load_reel
    from reel2sim.pipeline.publish import preview_media, provenance_of, publish
    from reel2sim.scene.store import load_asset

    config = _config(job)
    asset = load_asset(_file(job, "asset"))
    media, provenance = None, Provenance(seed=config.seed, preset=config.preset)
    if (source := job.inputs.get("reel")) is not None:
        reel = load_reel(source, max_size=config.max_size, progress=progress)
        media = preview_media(asset, reel, config, progress)
        provenance = provenance_of(reel, (), config, source=source)
    out = job.out / "bundle"
    publish(asset, out, media=media, provenance=provenance, progress=progress)
    return JobResult(out, asset.metrics)


def _edit(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    from reel2sim.editing import Sources, edited, open_scene
    from reel2sim.editing.history import provenance_after
    from reel2sim.pipeline.publish import publish_scene
    from reel2sim.transport.edits import edit_from_message

    request: Any = job.request
    base = open_scene(job.inputs["base"])
    sources = Sources()
    inside: dict[str, tuple[str, str]] = {}
    for i, reference in enumerate(request.sources):
        path = job.inputs[f"sources.{i}"]
        inside[reference.digest] = (sources.add(path), path.name)
    edits = [edit_from_message(message, inside) for message in request.edits]
    scene = edited(base, edits, sources=sources, progress=subrange(progress, 0.0, 0.5))
    out = job.out / "bundle"
    publish_scene(
        scene,
        out,
        provenance=provenance_after(job.inputs["base"], base, edits),
        progress=progress,
    )
    return JobResult(out, {"assets": len(scene.placements), "edits": len(edits)})


def _run(tools: Toolchain, job: Job, progress: Progress) -> JobResult:
    from reel2sim.pipeline import Cache, run

    request: Any = job.request
    source = job.inputs.get("source")
    tools = _divided(tools, job)
    result = run(
        source,
        job.out / "bundle",
        prompt=request.prompt if source is None else None,
        config=_config(job),
        progress=progress,
        cache=Cache(job.cache),
        toolchain=replace(tools, generation=_generation(tools, job)),
    )
    metrics = {
        f"{stage.name}/{name}": value
        for stage in result.stages
        for name, value in stage.metrics.items()
    }
    return JobResult(result.bundle, {**metrics, "seconds": result.seconds})


_JOBS: dict[str, Callable[[Toolchain, Job, Progress], JobResult]] = {
    "generate": _generate,
    "reconstruct": _reconstruct,
    "rig": _rig,
    "export": _export,
    "edit": _edit,
    "run": _run,
}


def _divided(tools: Toolchain, job: Job) -> Toolchain:
    """``tools``, with the stages that other servers do as calls of them."""
    stages = None if job.stages is None else read_stages(job.stages)
    if stages is None:
        return tools
    from reel2sim.remote.toolchain import remote_toolchain

    return remote_toolchain(tools, stages, source=job.inputs.get("source"), scratch=job.scratch)


def _config(job: Job) -> PipelineConfig:
    request: Any = job.request
    return pipeline_config(request.config, _pictures(job))


def _pictures(job: Job) -> dict[str, Path]:
    """The pictures that a generator is given, by field of GenerationOptions."""
    named = ((name, job.inputs.get(f"{GENERATION}.{name}")) for name in SENT_PICTURES)
    return {name: path for name, path in named if path is not None}


def _generation(tools: Toolchain, job: Job) -> Stage[str, Reel]:
    """The stage that generates, telling faults by the fields and files that the client knows."""
    names = {str(path): path.name for path in _pictures(job).values()}

    def generated(prompt: str, config: PipelineConfig, progress: Progress) -> Reel:
        try:
            return tools.generation.function(prompt, config, progress)
        except InputError as error:
            field = error.field
            if field in (*SENT_CONTROLS, *SENT_PICTURES):
                field = f"{GENERATION}.{field}"
            source = names.get(error.source or "", error.source)
            raise type(error)(
                error.message, source=source, field=field, remedy=error.remedy
            ) from error

    return replace(tools.generation, function=generated)


def _runner(job: Job, progress: Progress) -> Runner:
    from reel2sim.pipeline import Cache
    from reel2sim.pipeline.runner import Runner

    return Runner(_config(job), progress, Cache(job.cache))


def _file(job: Job, name: str) -> Path:
    path = job.inputs[name]
    if not path.is_file():
        raise InputError("is a folder, not a stage result", source=path.name, field=name)
    return path
