"""Runs the jobs of a batch on Ray, a bounded number at a time, and writes down every end."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reel2sim.batch.attempt import JobRunner, Outcome, attempt, run_job
from reel2sim.batch.jobs import BatchJob
from reel2sim.batch.results import ResultRow, append_row, read_rows, write_parquet, write_rows
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import MissingDependencyError, UnavailableError, UsageError
from reel2sim.scene.progress import Progress, silent

_POLL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """How a batch is run.

    Attributes:
        address: of a Ray cluster that sees the same files; "" starts Ray on this machine.
        workers: jobs that run at a time; None takes one a core of the cluster.
        retries: further attempts after a worker died or something passing went wrong.
        force: redo jobs that are done.
    """

    address: str = ""
    workers: int | None = None
    retries: int = 2
    force: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError("must be at least 1", source="batch", field="workers")
        if self.retries < 0:
            raise UsageError("must not be negative", source="batch", field="retries")


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
    jobs: Sequence[BatchJob],
    out: Path,
    *,
    config: BatchConfig | None = None,
    runner: JobRunner = run_job,
    progress: Progress = silent,
) -> BatchSummary:
    """Make a bundle of every job under ``out/bundles/<id>``.

    ``out/results.jsonl`` gains a row as each job ends, and holds exactly one a job when the batch
    does (``results.parquet`` beside it where pyarrow is installed). A batch that was stopped goes
    on where it was: jobs whose row is good and whose bundle is unchanged are not done again.

    Args:
        jobs: what to do; ids must be unique.
        out: folder for everything, on storage that all workers share.
        config: how to run; the defaults if None.
        runner: makes one bundle; must be picklable.
        progress: told after each job.

    Raises:
        MissingDependencyError: if Ray is not installed.
        UnavailableError: if the cluster cannot be reached.
    """
    config = config or BatchConfig()
    results = out / "results.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    before = read_rows(results)
    done = {} if config.force else {j.id: before[j.id] for j in jobs if _intact(j, before, out)}
    waiting = [job for job in jobs if job.id not in done]
    progress("batch", len(done) / max(len(jobs), 1), f"{len(waiting)} job(s) to do")
    if waiting:
        with _ray(config) as ray:
            batch = _Batch(ray, out, config, runner)
            for row in batch.run(waiting):
                append_row(results, row)
                done[row.id] = row
                failed = sum(x.status != "ok" for x in done.values())
                message = row.id if row.status == "ok" else f"{row.id} failed: {row.reason}"
                share = len(done) / len(jobs)
                progress("batch", share, message, done=len(done), failed=failed)
    rows = tuple(done[job.id] for job in jobs)
    everything = list({**before, **done}.values())
    write_rows(results, everything)
    write_parquet(out / "results.parquet", everything)
    progress("batch", 1.0, "done")
    return BatchSummary(rows, len(jobs) - len(waiting))


def _intact(job: BatchJob, rows: dict[str, ResultRow], out: Path) -> bool:
    """Whether ``job`` was done as it is asked for now and its bundle is what it was then."""
    row = rows.get(job.id)
    if row is None or row.status != "ok" or row.job_digest != job.digest:
        return False
    bundle = out / "bundles" / job.id
    return bundle.is_dir() and digest_tree(bundle) == row.digest


@dataclass
class _Batch:
    """The jobs in flight.

    Attributes:
        ray: the module.
        out: folder of the batch.
        config: how to run.
        runner: makes one bundle.
        flying: job and number of the attempt by Ray's reference.
    """

    ray: Any
    out: Path
    config: BatchConfig
    runner: JobRunner
    flying: dict[Any, tuple[BatchJob, int]] = field(default_factory=dict)

    def run(self, jobs: Sequence[BatchJob]) -> Generator[ResultRow]:
        """Yield the row of each job as it ends."""
        # One attempt a task: deaths of workers and passing errors then share one count, which
        # Ray's own retries would hide.
        task = self.ray.remote(num_cpus=1, max_retries=0)(attempt)
        runner = self.ray.put(self.runner)
        workers = self.config.workers or int(self.ray.cluster_resources().get("CPU", 1))
        queue = deque((job, 1) for job in jobs)
        try:
            while queue or self.flying:
                while queue and len(self.flying) < 2 * workers:
                    job, number = queue.popleft()
                    paths = (self.out.absolute() / kind / job.id for kind in ("bundles", "scratch"))
                    self.flying[task.remote(runner, job, *paths)] = (job, number)
                ready, _ = self.ray.wait(list(self.flying), num_returns=1, timeout=_POLL_S)
                for reference in ready:
                    job, number = self.flying.pop(reference)
                    outcome = self._outcome(reference)
                    if outcome.retryable and number <= self.config.retries:
                        queue.append((job, number + 1))
                    else:
                        yield _row(job, outcome, number)
        finally:
            for reference in self.flying:
                self.ray.cancel(reference, force=True)

    def _outcome(self, reference: Any) -> Outcome:
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            lines = str(error).strip().splitlines()
            said = lines[0] if lines else "the worker died"
            return Outcome(
                made=None,
                seconds=0.0,
                reason="WORKER_DIED",
                message=f"{type(error).__name__}: {said}",
                exit_code=1,
                retryable=True,
            )


def _row(job: BatchJob, outcome: Outcome, attempts: int) -> ResultRow:
    made = outcome.made
    return ResultRow(
        id=job.id,
        status="failed" if made is None else "ok",
        job_digest=job.digest,
        seconds=round(outcome.seconds, 3),
        attempts=attempts,
        joints=made.joints if made else 0,
        peak_memory_mb=round(made.peak_memory_mb, 1) if made else 0.0,
        digest=outcome.digest,
        reason=outcome.reason,
        message=outcome.message,
        exit_code=outcome.exit_code,
    )


@contextmanager
def _ray(config: BatchConfig) -> Generator[Any]:
    """Ray, connected; a local instance is stopped afterwards."""
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError(
            "Ray is not installed", source="batch", remedy="pip install 'reel2sim[ray]'"
        )
    # Ray's watchdog retries a job that outgrows the memory without counting; we count.
    os.environ.setdefault("RAY_task_oom_retries", "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            if config.address:
                ray.init(address=config.address, **common)
            else:
                ray.init(
                    address="local",
                    num_cpus=config.workers,
                    include_dashboard=False,
                    _node_ip_address="127.0.0.1",
                    **common,
                )
        except (ConnectionError, OSError, RuntimeError, ValueError) as cause:
            raise UnavailableError(
                f"Ray cannot be reached: {cause}", source=config.address or "local Ray"
            ) from cause
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
