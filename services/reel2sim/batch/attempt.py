"""One attempt at one job, on whatever machine Ray gave it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reel2sim.batch.jobs import BatchJob
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import (
    CancelledError,
    InputError,
    MissingDependencyError,
    Reel2SimError,
    StageError,
)

_HOPELESS = (InputError, StageError, MissingDependencyError, CancelledError)
"""Errors that the same job will meet again."""


@dataclass(frozen=True)
class Made:
    """What a runner tells about the bundle it made.

    Attributes:
        joints: how many joints it has.
        peak_memory_mb: largest resident memory, MiB.
    """

    joints: int = 0
    peak_memory_mb: float = 0.0


class JobRunner(Protocol):
    """Makes the bundle of a job."""

    def __call__(self, job: BatchJob, bundle: Path, scratch: Path) -> Made:
        """Make ``bundle``, replacing what is there; ``scratch`` survives failed attempts."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        made: what was made, or None if the attempt failed.
        seconds: wall time.
        digest: of the bundle folder.
        reason: class of the failure in UPPER_SNAKE.
        message: what went wrong.
        exit_code: what the command line would have exited with.
        retryable: whether another attempt may fare better.
    """

    made: Made | None
    seconds: float
    digest: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    retryable: bool = False


def run_job(job: BatchJob, bundle: Path, scratch: Path) -> Made:
    """The project's own :class:`JobRunner`: the whole pipeline on one core."""
    from reel2sim.pipeline import Cache, run

    _use_one_core()
    # Stage results last as long as the job does, so that a retry goes on where a worker died.
    result = run(
        Path(job.source) if job.source else None,
        bundle,
        prompt=job.prompt or None,
        config=job.pipeline_config(),
        cache=Cache(scratch),
        overwrite=True,
    )
    return Made(len(result.asset.joints), result.peak_memory_mb)


def attempt(runner: JobRunner, job: BatchJob, bundle: Path, scratch: Path) -> Outcome:
    """Run ``job`` once; failures become an :class:`Outcome`, never an exception."""
    began = time.perf_counter()
    try:
        made = runner(job, bundle, scratch)
        digest = digest_tree(bundle)
    except Exception as error:
        seconds = time.perf_counter() - began
        retryable = not isinstance(error, _HOPELESS)
        if not retryable:
            shutil.rmtree(scratch, ignore_errors=True)
        known = isinstance(error, Reel2SimError)
        return Outcome(
            made=None,
            seconds=seconds,
            reason=error.reason if known else "INTERNAL",
            message=str(error) if known else f"{type(error).__name__}: {error}",
            exit_code=error.exit_code if known else 1,
            retryable=retryable,
        )
    shutil.rmtree(scratch, ignore_errors=True)
    return Outcome(made=made, seconds=time.perf_counter() - began, digest=digest)


def _use_one_core() -> None:
    """Keep the numerics to the one core that the task was given."""
    import numba
    import torch

    numba.set_num_threads(1)
    torch.set_num_threads(1)
