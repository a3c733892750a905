"""Stages of a job as spans, told by whoever runs it and heard by whoever counts.

Where a stage begins and ends is seen in the progress that every job reports; what the stage cache
had and what a stage cost is told by the pipeline through :func:`tell_cost`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["done", "failed", "cancelled"]


@dataclass(frozen=True)
class StageCost:
    """What a stage took.

    Attributes:
        stage: its name.
        cached: whether its result was in the cache; None if it is not kept in one.
        peak_memory_mb: largest resident memory of the process meanwhile, MiB.
    """

    stage: str
    cached: bool | None
    peak_memory_mb: float


_listener: ContextVar[Callable[[StageCost], None] | None] = ContextVar("stages", default=None)


def tell_cost(cost: StageCost) -> None:
    """Tell what a stage took, to whoever listens."""
    listener = _listener.get()
    if listener is not None:
        listener(cost)


@contextlib.contextmanager
def hearing_costs(listener: Callable[[StageCost], None]) -> Iterator[None]:
    """Have ``listener`` told of every stage that ends until the block ends."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class StageWatch:
    """Turns the progress of one job into reports of spans: one of the job, one of each stage in it.

    A stage lasts from its first report of progress to the report of its end, or to the first of
    another stage. Reports are ``span`` (``id parent name time_ns pid``) and ``span_end`` (``id
    time_ns outcome``, and of a stage ``stage seconds cached peak_memory_mb``).

    Args:
        report: where they go.
    """

    def __init__(self, report: Callable[..., None]) -> None:
        self._report = report
        self._number = 0
        self._stage = ""
        self._began_s = 0.0
        self._ended: str | None = None
        self._cost: StageCost | None = None

    @contextlib.contextmanager
    def job(self, *, cancelled: type[BaseException]) -> Iterator[None]:
        """The job, to its end; ``cancelled`` is how it says that it was stopped."""
        self._begin("worker", parent="", name="worker")
        outcome: Outcome = "failed"
        try:
            with hearing_costs(self._heard):
                yield
            outcome = "done"
        except cancelled:
            outcome = "cancelled"
            raise
        finally:
            self._end_stage(outcome)
            self._report(type="span_end", id="worker", time_ns=time.time_ns(), outcome=outcome)

    def progressed(self, stage: str, fraction: float) -> None:
        """The job has reported progress."""
        if stage == self._ended:
            return  # said once more that it is done
        if stage != self._stage:
            self._end_stage("done")
            self._number += 1
            self._stage, self._ended, self._began_s = stage, None, time.perf_counter()
            self._begin(self._id, parent="worker", name=f"stage {stage}")
        if fraction >= 1.0:
            self._end_stage("done")

    @property
    def _id(self) -> str:
        return f"stage-{self._number}"

    def _heard(self, cost: StageCost) -> None:
        if cost.stage == self._stage:
            self._cost = cost

    def _begin(self, id: str, *, parent: str, name: str) -> None:
        self._report(
            type="span", id=id, parent=parent, name=name, time_ns=time.time_ns(), pid=os.getpid()
        )

    def _end_stage(self, outcome: Outcome) -> None:
        if not self._stage:
            return
        cost = self._cost
        self._report(
            type="span_end",
            id=self._id,
            time_ns=time.time_ns(),
            outcome=outcome,
            stage=self._stage,
            seconds=time.perf_counter() - self._began_s,
            cached=None if cost is None else cost.cached,
            peak_memory_mb=None if cost is None else cost.peak_memory_mb,
        )
        self._ended, self._stage, self._cost = self._stage, "", None


def watched(progress: Any, watch: StageWatch) -> Any:
    """``progress`` that ``watch`` sees too, before it is thinned out."""

    def report(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        watch.progressed(stage[:100], fraction)
        progress(stage, fraction, message, **metrics)

    return report
