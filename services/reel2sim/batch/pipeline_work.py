"""The project's own work for a batch: the whole pipeline, or its two halves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reel2sim.batch.attempt import Made
from reel2sim.batch.jobs import BatchJob

if TYPE_CHECKING:
    from reel2sim.pipeline.toolchain import Toolchain

_DEVICE = "device.txt"


def run_job(job: BatchJob, bundle: Path, scratch: Path) -> Made:
    """The whole pipeline on one core."""
    return _finish(job, bundle, scratch, None)


class Reconstructor:
    """Does the first half of the pipeline: reel and moving surfels, kept in the job's scratch.

    Made once a process, so that what is slow to load and to compile is ready for the next job.
    """

    def __init__(self) -> None:
        use_one_core()
        from reel2sim.reconstruction.device import target

        self.device = target("auto").device.type

    def __call__(self, job: BatchJob, bundle: Path, scratch: Path) -> Made:
        """Reconstruct; a later :func:`finish_job` finds the results."""
        from reel2sim.pipeline import Cache
        from reel2sim.pipeline.prepare import prepare

        device = "cuda" if self.device == "cuda" else "cpu"
        prepare(
            Path(job.source) if job.source else None,
            prompt=job.prompt or None,
            config=replace(job.pipeline_config(), device=device),
            cache=Cache(scratch),
        )
        (scratch / _DEVICE).write_text(device)
        return Made()


def finish_job(job: BatchJob, bundle: Path, scratch: Path) -> Made:
    """The second half of the pipeline: rig and bundle of what is in the job's scratch."""
    from reel2sim.pipeline.prepare import reconstructed_on

    told = scratch / _DEVICE
    device = "cuda" if told.exists() and told.read_text() == "cuda" else "cpu"
    return _finish(job, bundle, scratch, reconstructed_on(device))


def use_one_core() -> None:
    """Keep the numerics to the one core that the work was given."""
    import numba
    import torch

    numba.set_num_threads(1)
    torch.set_num_threads(1)


def _finish(job: BatchJob, bundle: Path, scratch: Path, toolchain: Toolchain | None) -> Made:
    from reel2sim.pipeline import Cache, run

    use_one_core()
    # Stage results last as long as the job does, so that a retry goes on where a worker died.
    result = run(
        Path(job.source) if job.source else None,
        bundle,
        prompt=job.prompt or None,
        config=job.pipeline_config(),
        cache=Cache(scratch),
        overwrite=True,
        toolchain=toolchain,
    )
    return Made(joints=len(result.asset.joints), peak_memory_mb=result.peak_memory_mb)
