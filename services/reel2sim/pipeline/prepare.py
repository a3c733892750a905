"""The first half of a run alone, for machines that share a cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal, NoReturn

from reel2sim.pipeline.cache import Cache
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.run import check_request, take_in
from reel2sim.pipeline.runner import Runner
from reel2sim.pipeline.toolchain import Toolchain, standard_toolchain
from reel2sim.scene.errors import UnavailableError
from reel2sim.scene.progress import Progress, silent


def prepare(
    source: Path | None,
    *,
    prompt: str | None = None,
    config: PipelineConfig,
    cache: Cache,
    progress: Progress = silent,
    toolchain: Toolchain | None = None,
) -> None:
    """Take a source in and reconstruct it, so that a run with this cache begins with the rig.

    Args:
        source: capture folder or video file; None with a prompt.
        prompt: text to generate the reel from; None with a source.
        config: choices, the same as for the run but for the device.
        cache: where the results go.
        progress: told where it is.
        toolchain: the stages; the project's own if None.

    Raises:
        Reel2SimError: as :func:`reel2sim.pipeline.run` does.
    """
    check_request(source, prompt, config)
    tools = toolchain or standard_toolchain()
    runner = Runner(config, progress, cache)
    reel, key = take_in(runner, tools, source, prompt)
    runner(tools.reconstruction, reel, key)


def reconstructed_on(device: Literal["cpu", "cuda"]) -> Toolchain:
    """The project's stages on a machine that takes over what ``device`` reconstructed.

    ``"auto"`` may mean another device here, and results of two kinds of device are kept apart.

    Args:
        device: where the reconstruction was made.
    """
    tools = standard_toolchain()

    def settings(config: PipelineConfig) -> object:
        from reel2sim.reconstruction import ReconstructionConfig

        return ReconstructionConfig.preset(config.preset, seed=config.seed, device=device)

    def missing(*_: object, **__: object) -> NoReturn:
        raise UnavailableError("what was reconstructed is gone", source="scratch")

    stage = replace(tools.reconstruction, settings=settings, function=missing, resumable=False)
    return replace(tools, reconstruction=stage)
