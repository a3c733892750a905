"""``reel2sim batch``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, Flag, Preset, Text, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Make many bundles at once on Ray.

    JOBS has one JSON object a line: {"source": PATH} or {"prompt": TEXT}, and as you like id,
    preset, seed and name. Bundles go to DIR/bundles/ID, a row for each job to DIR/results.jsonl,
    and DIR/index.html shows them all.
    Run it again to go on after a stop: what is done and unchanged is not done again. Work that
    crashed is tried again, each time after a longer pause; what is wrong with an input is not.
    Exits with 0 if every job has its bundle, else 1.

    Examples:
      reel2sim batch jobs.jsonl --out results
      reel2sim batch jobs.jsonl --out results --workers 8 --memory 2000 --limit 7200
      reel2sim batch jobs.jsonl --out /shared/results --address ray://head:10001 --gpus 0.5
      reel2sim batch jobs.jsonl --out /shared/results --address ray://head:10001 --workers 64
    """

    jobs: Annotated[tyro.conf.Positional[Path], shown("JOBS")]
    """File of jobs, one JSON object a line; sources are relative to it."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for everything, on storage that all workers share."""
    address: Text = ""
    """Ray cluster to use; starts Ray on this machine if not given."""
    workers: Annotated[int | None, shown("N")] = None
    """Jobs that run at a time; one a core if not given."""
    retries: int = 2
    """Further attempts after a worker died or something passing went wrong."""
    losses: int = 20
    """Further attempts after the machine of a job went away, as spot instances do."""
    staged: Flag = False
    """Reconstruct in actors that stay loaded, and rig where cores are free."""
    gpus: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.0
    """GPUs that a reconstruction takes, such as 1 or 0.25; implies --staged."""
    memory: Annotated[float, tyro.conf.arg(metavar="MIB")] = 0.0
    """Reserved for each job; no more run at a time than fit."""
    limit: Annotated[float | None, shown("S")] = None
    """Seconds after which a job's process is ended; it may be tried again."""
    preset: Preset = "standard"
    """Effort of jobs that name none."""
    force: Flag = False
    """Redo jobs that are done."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Run the batch and show what failed."""
        from reel2sim.batch import BatchConfig, pipeline_steps, read_jobs, run_batch
        from reel2sim.batch.overview import INDEX, write_overview
        from reel2sim.cli.tables import table

        config = BatchConfig(
            address=self.address,
            workers=self.workers,
            retries=self.retries,
            losses=self.losses,
            force=self.force,
        )
        steps = pipeline_steps(
            staged=self.staged, gpus=self.gpus, memory_mb=self.memory, limit_s=self.limit
        )
        jobs = read_jobs(self.jobs, preset=self.preset)
        with console.progress() as progress:
            summary = run_batch(jobs, self.out, config=config, steps=steps, progress=progress)
        write_overview(self.out)
        page = self.out / INDEX
        failed = summary.failed
        good = len(jobs) - len(failed)
        record = {
            "jobs": len(jobs),
            "ok": good,
            "failed": len(failed),
            "skipped": summary.skipped,
            "results": str(self.out / "results.jsonl"),
            "report": str(page),
            "rows": [asdict(row) for row in summary.rows],
        }
        lines = [(row.id, row.reason, row.attempts, row.exit_code, row.message) for row in failed]
        columns = ("job", "reason", "attempts", "code", "message")
        shown = [table(f"{len(failed)} failed", columns, lines)] if failed else []
        before = f", {summary.skipped} of them before" if summary.skipped else ""
        console.result(record, *shown, f"{good} of {len(jobs)} bundles made{before}: {page}")
        return 1 if failed else 0
