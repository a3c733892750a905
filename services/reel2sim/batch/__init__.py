"""Many reels to many bundles, on Ray or in processes of this machine.

Results are files: Ray runs the work and is never the system of record.
"""

from reel2sim.batch.attempt import Job, JobRunner, Made
from reel2sim.batch.jobs import BatchJob, read_jobs
from reel2sim.batch.overview import write_overview
from reel2sim.batch.results import ResultRow, read_rows
from reel2sim.batch.run import BatchConfig, BatchSummary, run_batch
from reel2sim.batch.steps import Demand, Step, pipeline_steps

__all__ = [
    "BatchConfig",
    "BatchJob",
    "BatchSummary",
    "Demand",
    "Job",
    "JobRunner",
    "Made",
    "ResultRow",
    "Step",
    "pipeline_steps",
    "read_jobs",
    "read_rows",
    "run_batch",
    "write_overview",
]
