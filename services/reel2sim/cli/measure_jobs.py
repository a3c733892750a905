"""Several pieces of a bench at a time, each in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from reel2sim.cli.measure_process import Children, Ended
from reel2sim.scene.progress import Progress


@dataclass(frozen=True)
class Job:
    """What one process is to do.

    Attributes:
        title: for people.
        request: what :mod:`reel2sim.cli.measure_child` reads.
    """

    title: str
    request: Mapping[str, Any]


class Jobs:
    """Runs jobs and tells how far all of them are.

    Args:
        progress: told of all jobs as one.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._children = Children()
        self._lock = threading.Lock()
        self._fractions: dict[int, float] = {}
        self._total = 1

    def run(
        self,
        jobs: Sequence[Job],
        *,
        at_once: int,
        ended: Callable[[int, Ended, dict[str, float]], None],
    ) -> None:
        """Run ``jobs``, and tell ``ended`` of each: its index, its end and its own figures.

        ``ended`` is called from this thread alone. If it raises, all that still runs is killed.
        """
        self._total = max(1, len(jobs))
        threads = max(1, (os.cpu_count() or 1) // at_once)
        with ThreadPoolExecutor(at_once) as pool:
            futures = {pool.submit(self._run, i, jobs[i], threads): i for i in range(len(jobs))}
            try:
                for future in as_completed(futures):
                    ended(futures[future], *future.result())
            except BaseException:
                self._children.kill()
                pool.shutdown(cancel_futures=True)
                raise
        self._progress("bench", 1.0)

    def _run(self, index: int, job: Job, threads: int) -> tuple[Ended, dict[str, float]]:
        metrics: dict[str, float] = {}

        def heard(line: str) -> None:
            said = json.loads(line)
            metrics.update(said.get("metrics", {}))
            self._tell(index, job.title, said.get("fraction", 1.0), said.get("message", ""))

        self._tell(index, job.title, 0.0, "starting")
        result = self._children.run(
            [sys.executable, "-m", "reel2sim.cli.measure_child"],
            request=json.dumps(job.request),
            heard=heard,
            environment={"NUMBA_NUM_THREADS": str(threads), **os.environ},
        )
        self._tell(index, job.title, 1.0, "")
        return result, metrics

    def _tell(self, index: int, title: str, fraction: float, message: str) -> None:
        with self._lock:
            self._fractions[index] = fraction
            done = sum(self._fractions.values()) / self._total
            self._progress("bench", min(done, 0.999), f"{title} {message}".strip())
