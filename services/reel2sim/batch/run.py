"""Runs the jobs of a batch, a bounded number at a time, and writes down every end."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reel2sim.batch.attempt import Job, JobRunner, Places
from reel2sim.batch.cluster import RayExecutor, connected
from reel2sim.batch.processes import ProcessExecutor
from reel2sim.batch.results import ResultRow, append_row, read_rows, write_parquet, write_rows
from reel2sim.batch.schedule import End, Patience, Schedule
from reel2sim.batch.steps import Step, pipeline_steps
from reel2sim.pipeline.atomic import remove_leftovers
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import ConflictError, UsageError
from reel2sim.scene.progress import Progress, silent


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """How a batch is run.

    Attributes:
        address: of a Ray cluster that sees the same files; "" starts Ray on this machine.
        workers: jobs that run at a time; None takes one a core of the cluster.
        retries: further attempts after a worker died or something passing went wrong.
        losses: further attempts after the job's machine went away.
        backoff_s: pause before the second attempt; doubles with each further one, to a minute.
        force: redo jobs that are done.
        ray: on Ray; else in processes of this machine.
    """

    address: str = ""
    workers: int | None = None
    retries: int = 2
    losses: int = 20
    backoff_s: float = 1.0
    force: bool = False
    ray: bool = True

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError("must be at least 1", source="batch", field="workers")
        for name in ("retries", "losses", "backoff_s"):
            if not getattr(self, name) >= 0:
                raise UsageError("must not be negative", source="batch", field=name)


@dataclass(frozen=True)
class BatchSummary:
    """What a batch came to.

    Attributes:
        rows: the end of every job of this batch, in the order of the jobs.
        skipped: how many of them had been done before.
    """

    rows: tuple[ResultRow, ...]
    skipped: int

    @property
    def failed(self) -> tuple[ResultRow, ...]:
        """The jobs that have no bundle."""
        return tuple(row for row in self.rows if row.status != "ok")


def run_batch(
    jobs: Sequence[Job],
    out: Path,
    *,
    config: BatchConfig | None = None,
    steps: Sequence[Step] | None = None,
    runner: JobRunner | None = None,
    folder: str = "bundles",
    progress: Progress = silent,
) -> BatchSummary:
    """Make a folder of every job under ``out/bundles/<id>``.

    ``out/results.jsonl`` gains a row as each job ends, and holds exactly one a job when the batch
    does (``results.parquet`` beside it where pyarrow is installed). A batch that was stopped or
    killed goes on where it was: jobs whose row is good and whose folder is unchanged are not done
    again, nor are those that a worker ended after the driver was gone.

    Args:
        jobs: what to do; ids must be unique.
        out: folder for everything, on storage that all workers share.
        config: how to run; the defaults if None.
        steps: of every job; the whole pipeline if None.
        runner: makes one folder in one step; stands for ``steps`` of one step with one core.
        folder: name of the folder of folders.
        progress: told after each job.

    Raises:
        ConflictError: if another batch is running there.
        MissingDependencyError: if Ray is needed and not installed.
        UnavailableError: if the cluster cannot be reached.
    """
    config = config or BatchConfig()
    if steps is None:
        steps = pipeline_steps() if runner is None else (Step(name="run", work=runner),)
    results = out / "results.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        for place in (out, out / "ended"):
            remove_leftovers(place)
        before = read_rows(results)
        sure = [] if config.force else [j for j in jobs if _intact(j, before, out / folder)]
        done = {job.id: before[job.id] for job in sure}
        waiting = [job for job in jobs if job.id not in done]
        if config.force:
            for job in waiting:
                Places.of(out, folder, job).end.unlink(missing_ok=True)
        failed = 0
        progress("batch", len(done) / max(len(jobs), 1), f"{len(waiting)} job(s) to do")
        for end in _ends(waiting, out, folder, config, steps):
            row = _row(end)
            append_row(results, row)
            Places.of(out, folder, end.job).end.unlink(missing_ok=True)
            done[row.id] = row
            failed += row.status != "ok"
            message = row.id if row.status == "ok" else f"{row.id} failed: {row.reason}"
            share = len(done) / len(jobs)
            progress("batch", min(share, 0.999), message, done=len(done), failed=failed)
        rows = tuple(done[job.id] for job in jobs)
        everything = list({**before, **done}.values())
        write_rows(results, everything)
        write_parquet(out / "results.parquet", everything)
    progress("batch", 1.0, "done")
    return BatchSummary(rows, len(jobs) - len(waiting))


def _ends(
    jobs: Sequence[Job], out: Path, folder: str, config: BatchConfig, steps: Sequence[Step]
) -> Generator[End]:
    """The end of every job, as they come."""
    if not jobs:
        return
    patience = Patience(retries=config.retries, losses=config.losses, backoff_s=config.backoff_s)

    def places(job: Job) -> Places:
        return Places.of(out, folder, job)

    if not config.ray:
        workers = config.workers or len(os.sched_getaffinity(0))
        local = ProcessExecutor(steps, places, min(workers, len(jobs)))
        try:
            yield from Schedule(local, steps, patience).run(jobs)
        finally:
            local.stop()
        return
    with connected(config.address, config.workers) as ray:
        cluster = RayExecutor(ray, steps, places, config.workers)
        try:
            yield from Schedule(cluster, steps, patience).run(jobs)
        finally:
            cluster.stop()


@contextmanager
def _alone(out: Path) -> Generator[None]:
    """Hold the batch folder: two drivers would write each other's jobs."""
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise ConflictError(
                "another batch is running here", source=out, remedy="wait for it, or stop it"
            ) from cause
        yield


def _intact(job: Job, rows: dict[str, ResultRow], folders: Path) -> bool:
    """Whether ``job`` was done as it is asked for now and its folder is what it was then."""
    row = rows.get(job.id)
    if row is None or row.status != "ok" or row.job_digest != job.digest:
        return False
    return (folders / job.id).is_dir() and digest_tree(folders / job.id) == row.digest


def _row(end: End) -> ResultRow:
    outcome = end.outcome
    made = outcome.made
    return ResultRow(
        id=end.job.id,
        status="failed" if made is None else "ok",
        job_digest=end.job.digest,
        seconds=round(outcome.seconds, 3),
        attempts=end.attempts,
        joints=made.joints if made else 0,
        peak_memory_mb=round(made.peak_memory_mb, 1) if made else 0.0,
        digest=outcome.digest,
        reason=outcome.reason,
        message=outcome.message,
        exit_code=outcome.exit_code,
        facts=made.facts if made else {},
    )
