"""One attempt at one step of a job, on whatever machine it was given."""

from __future__ import annotations

import dataclasses
import faulthandler
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import (
    CancelledError,
    ConflictError,
    InputError,
    MissingDependencyError,
    NotFoundError,
    Reel2SimError,
    StageError,
)

_HOPELESS = (
    InputError,
    StageError,
    MissingDependencyError,
    CancelledError,
    NotFoundError,
    ConflictError,
)
"""Errors that the same job will meet again."""


class Job(Protocol):
    """What a batch needs to know of a job."""

    @property
    def id(self) -> str:
        """Names the job and its folder; unique in a batch."""
        ...

    @property
    def digest(self) -> str:
        """sha256 of what is asked for."""
        ...


@dataclass(frozen=True)
class Made:
    """What a runner tells about the folder it made.

    Attributes:
        joints: how many joints are in it.
        peak_memory_mb: largest resident memory, MiB.
        facts: more about it, each a column of the result table: texts, numbers, truths.
    """

    joints: int = 0
    peak_memory_mb: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class JobRunner(Protocol):
    """Makes the folder of a job, or does one step towards it."""

    def __call__(self, job: Any, bundle: Path, scratch: Path, /) -> Made:
        """Make ``bundle``, replacing what is there; ``scratch`` survives failed attempts."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        made: what was made, or None if the attempt failed.
        seconds: wall time.
        digest: of the folder.
        reason: class of the failure in UPPER_SNAKE.
        message: what went wrong.
        exit_code: what the command line would have exited with.
        retryable: whether another attempt may fare better.
        lost: whether the machine went away, which says nothing about the job.
    """

    made: Made | None
    seconds: float = 0.0
    digest: str = ""
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    retryable: bool = False
    lost: bool = False


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a job lives, on storage that all workers share.

    Attributes:
        folder: what is to be made.
        scratch: what survives failed attempts.
        end: file in which a worker notes that ``folder`` is whole, until the driver has
            noted it too.
    """

    folder: Path
    scratch: Path
    end: Path

    @classmethod
    def of(cls, out: Path, name: str, job: Job) -> Places:
        """Those of ``job`` in a batch at ``out`` whose folders are in ``out/name``."""
        out = out.absolute()
        return cls(
            folder=out / name / job.id,
            scratch=out / "scratch" / job.id,
            end=out / "ended" / f"{job.id}.json",
        )


def attempt(
    runner: JobRunner,
    job: Job,
    places: Places,
    *,
    last: bool = True,
    limit_s: float | None = None,
) -> Outcome:
    """Run one step of ``job`` once; failures become an :class:`Outcome`, never an exception.

    Work whose end the driver never heard of, because it or the machine died first, is found by
    its note and not done again.

    Args:
        runner: does the step.
        job: what is asked for.
        places: where it lives.
        last: whether the folder is whole after this step.
        limit_s: seconds after which the whole process ends, since nothing less stops native code.
    """
    began = time.perf_counter()
    if limit_s is not None:
        faulthandler.dump_traceback_later(limit_s, exit=True, file=2)
    try:
        if found := _ended(job, places):
            return found
        made = runner(job, places.folder, places.scratch)
        if not last:
            return Outcome(made=made, seconds=time.perf_counter() - began)
        digest = digest_tree(places.folder)
        outcome = Outcome(made=made, seconds=time.perf_counter() - began, digest=digest)
        _note_end(job, places, outcome)
    except Exception as error:
        outcome = _failure(error, time.perf_counter() - began)
        if outcome.retryable:
            return outcome
    finally:
        if limit_s is not None:
            faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(places.scratch, ignore_errors=True)
    return outcome


def _failure(error: Exception, seconds: float) -> Outcome:
    known = isinstance(error, Reel2SimError)
    return Outcome(
        made=None,
        seconds=seconds,
        reason=error.reason if known else "INTERNAL",
        message=str(error) if known else f"{type(error).__name__}: {error}",
        exit_code=error.exit_code if known else 1,
        retryable=not isinstance(error, _HOPELESS),
    )


def _note_end(job: Job, places: Places, outcome: Outcome) -> None:
    record = {"job": job.digest, "outcome": dataclasses.asdict(outcome)}
    places.end.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(places.end, lambda path: path.write_text(json.dumps(record)))


def _ended(job: Job, places: Places) -> Outcome | None:
    """How an earlier attempt ended well, if the folder is what it left."""
    try:
        record = json.loads(places.end.read_text())
        if record["job"] != job.digest:
            return None
        told = record["outcome"]
        outcome = Outcome(**{**told, "made": Made(**told["made"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = places.folder.is_dir() and digest_tree(places.folder) == outcome.digest
    return outcome if whole else None
