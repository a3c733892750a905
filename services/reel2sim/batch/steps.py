"""What a job is made of: steps one after the other, each with what it needs of a machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from reel2sim.batch.attempt import JobRunner
from reel2sim.batch.pipeline_work import Reconstructor, finish_job, run_job
from reel2sim.scene.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one step takes while it runs; work is only put where that much is free.

    Attributes:
        cpus: cores.
        memory_mb: resident memory, MiB; 0 does not reserve any.
        gpus: GPUs; a share below 1 lets several steps use one.
    """

    cpus: float = 1.0
    memory_mb: float = 0.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise UsageError("must be 0 or more", source="demand", field=name)
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise UsageError("above 1 must be a whole number", source="demand", field="gpus")

    @property
    def options(self) -> dict[str, Any]:
        """In Ray's terms."""
        memory = {"memory": int(self.memory_mb * 2**20)} if self.memory_mb else {}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, **memory}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of every job.

    Attributes:
        name: shown to people.
        work: does it; must be picklable. Of a step that holds something, makes what does it.
        demand: what it takes.
        holds: whether ``work`` is called once in a process and what it returns does every job
            that comes there, so that a model stays loaded: an actor on Ray.
        actors: how many hold it; None takes one a GPU share, or half of the workers without GPUs.
        limit_s: seconds after which an attempt is ended, and may be made again; None has no limit.
    """

    name: str
    work: JobRunner | Callable[[], JobRunner]
    demand: Demand = Demand()
    holds: bool = False
    actors: int | None = None
    limit_s: float | None = None

    def __post_init__(self) -> None:
        if self.limit_s is not None and not self.limit_s > 0:
            raise UsageError("must be above 0", source="batch", field="limit")

    def pool(self, *, gpus: float, workers: int) -> int:
        """How many actors a cluster with ``gpus`` GPUs and ``workers`` workers gets."""
        if self.actors is not None:
            return self.actors
        if self.demand.gpus:
            return max(1, int(gpus / self.demand.gpus))
        return max(1, workers // 2)


def pipeline_steps(
    *,
    staged: bool = False,
    gpus: float = 0.0,
    memory_mb: float = 0.0,
    limit_s: float | None = None,
) -> tuple[Step, ...]:
    """The steps from a source or prompt to a bundle.

    In one step a job stays where it is, which is best without GPUs. Staged, the reconstruction
    runs in actors, which take the GPUs and keep its kernels loaded, and the rest where cores are
    free; what passes between them is the stage results in the job's scratch folder.

    Args:
        staged: in two steps; always if ``gpus`` is not 0.
        gpus: share of a GPU that a reconstruction takes; 0 reconstructs on the CPU.
        memory_mb: reserved for each job, MiB.
        limit_s: seconds that a step may take; None has no limit.
    """
    demand = Demand(memory_mb=memory_mb)
    if not (staged or gpus):
        return (Step(name="run", work=run_job, demand=demand, limit_s=limit_s),)
    held = replace(demand, gpus=gpus)
    return (
        Step(name="reconstruct", work=Reconstructor, demand=held, holds=True, limit_s=limit_s),
        Step(name="finish", work=finish_job, demand=demand, limit_s=limit_s),
    )
