"""Many reels to many bundles on Ray.

Results are files: Ray runs the work and is never the system of record.
"""

from reel2sim.batch.jobs import BatchJob, read_jobs
from reel2sim.batch.results import ResultRow, read_rows
from reel2sim.batch.run import BatchConfig, BatchSummary, run_batch

__all__ = [
    "BatchConfig",
    "BatchJob",
    "BatchSummary",
    "ResultRow",
    "read_jobs",
    "read_rows",
    "run_batch",
]
