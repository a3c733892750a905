"""What a server knows about the operations it runs: counts, spans, log lines, recent ends.

The store of operations is wrapped, so that neither it nor the pool has to know who looks on.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from google.rpc import status_pb2

from reel2sim.observe import tracing
from reel2sim.observe.metrics import Metrics
from reel2sim.server.records import EventRecord, OperationRecord, State
from reel2sim.transport.status import error_of

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MOST_ENDS = 100
_MOST_ACCEPTED = 256


@dataclass
class Attempt:
    """An operation that a worker of this server runs now.

    Attributes:
        record: as it was taken up.
        began_ns: when, nanoseconds since the epoch; so is ``stage_began_ns``.
        stage: the latest progress: stage,
        fraction: … share of it that is done, 0..1,
        message: … and text.
    """

    record: OperationRecord
    began_ns: int
    span: tracing.Span
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    stage_began_ns: int = 0
    spans: dict[str, tracing.Span] = field(default_factory=dict[str, tracing.Span])


@dataclass(frozen=True)
class End:
    """An operation that ended on this server.

    Attributes:
        name: of the operation.
        kind: which job.
        state: how it ended.
        ended_ns: when, nanoseconds since the epoch.
        seconds: since the last attempt began; 0 if none did.
        error: why it did not succeed, or "".
    """

    name: str
    kind: str
    state: State
    ended_ns: int
    seconds: float
    error: str


class Observer:
    """Looks on.

    Attributes:
        metrics: the counters.
        ends: the newest ends, oldest first.
        running: attempts by the operation's name.
        started_ns: when the server began, nanoseconds since the epoch.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.ends: deque[End] = deque(maxlen=_MOST_ENDS)
        self.running: dict[str, Attempt] = {}
        self.started_ns = tracing.now_ns()
        self._requeued_ns: dict[str, int] = {}
        self._accepted: dict[str, None] = {}  # in the order of acceptance

    def accepted(self, record: OperationRecord) -> None:
        """An operation was created; told again of it, nothing is counted."""
        if record.name in self._accepted:
            return
        self._accepted[record.name] = None
        if len(self._accepted) > _MOST_ACCEPTED:
            del self._accepted[next(iter(self._accepted))]
        self.metrics.created.labels(record.kind).inc()
        self._tell("accepted", record)

    def leased(self, record: OperationRecord) -> None:
        """A worker takes an operation up."""
        now = tracing.now_ns()
        first = record.attempts == 1
        since = record.created_us * 1000 if first else self._requeued_ns.pop(record.name, now)
        waited_s = max(now - since, 0) / 1e9
        if first:
            self.metrics.wait_seconds.labels(record.kind).observe(waited_s)
        about = {"reel2sim.operation": record.name, "reel2sim.kind": record.kind}
        tracing.begin("queue", parent=record.trace, time_ns=since, attributes=about).end()
        about["reel2sim.attempt"] = str(record.attempts)
        span = tracing.begin("attempt", kind="consumer", parent=record.trace, attributes=about)
        self.running[record.name] = Attempt(record, now, span, stage_began_ns=now)
        self._tell("started", record, attempt=record.attempts, waited_s=round(waited_s, 3))

    def order(self, name: str) -> dict[str, Any]:
        """What a worker is told so that it logs and reports in the right context."""
        attempt = self.running.get(name)
        if attempt is None:
            return {}
        return {"trace": attempt.span.traceparent, "attempt": attempt.record.attempts}

    def progressed(self, name: str, event: EventRecord) -> None:
        """A running job has come further."""
        attempt = self.running.get(name)
        if attempt is None:
            return
        if attempt.stage != event.stage:
            attempt.stage_began_ns = tracing.now_ns()
        attempt.stage, attempt.fraction = event.stage, event.fraction
        attempt.message = event.message

    def reported(self, name: str, report: Mapping[str, Any]) -> bool:
        """Take what a worker says about its spans; False if the report says something else."""
        if report["type"] not in ("span", "span_end"):
            return False
        attempt = self.running.get(name)
        if attempt is None:
            return True
        if report["type"] == "span":
            parent = attempt.spans.get(report["parent"], attempt.span).traceparent
            attempt.spans[report["id"]] = tracing.begin(
                report["name"],
                parent=parent,
                time_ns=report["time_ns"],
                attributes={"process.pid": report["pid"], "reel2sim.operation": name},
            )
            return True
        span = attempt.spans.pop(report["id"], None)
        if span is not None:
            _end_span(span, report)
        if "stage" in report:
            self._stage_ended(attempt.record, report)
        return True

    def ended(self, record: OperationRecord, *, error: bytes | None = None) -> None:
        """An operation has reached its final state, that of ``record``."""
        if any(end.name == record.name for end in self.ends):
            return
        attempt = self._over(record, "" if record.state is State.SUCCEEDED else record.state.name)
        now = tracing.now_ns()
        seconds = (now - attempt.began_ns) / 1e9 if attempt is not None else 0.0
        state = record.state.name.lower()
        self.metrics.ended.labels(record.kind, state).inc()
        if attempt is not None:
            self.metrics.run_seconds.labels(record.kind, state).observe(seconds)
        told = "" if error is None else str(error_of(status_pb2.Status.FromString(error)))
        self.ends.append(End(record.name, record.kind, record.state, now, seconds, told))
        level = logging.WARNING if record.state is State.FAILED else logging.INFO
        more = {"error": told} if told else {}
        self._tell(state, record, level=level, seconds=round(seconds, 3), **more)

    def died(self, record: OperationRecord, how: str) -> None:
        """A worker died on an operation, which is as ``record`` says now."""
        self.metrics.worker_deaths.labels(record.kind).inc()
        if record.state.final:
            self.ended(record, error=record.error)
            return
        self._over(record, f"the worker died: {how}")
        self._requeued_ns[record.name] = tracing.now_ns()
        self._tell("queued again", record, level=logging.WARNING, cause=f"the worker died: {how}")

    def close(self) -> None:
        """The server stops; what runs is taken up when it starts again."""
        for attempt in list(self.running.values()):
            self._over(attempt.record, "the server stopped")

    def _over(self, record: OperationRecord, error: str) -> Attempt | None:
        """The attempt that was running, if any, with its spans ended."""
        self._requeued_ns.pop(record.name, None)
        attempt = self.running.pop(record.name, None)
        if attempt is not None:
            for span in reversed(attempt.spans.values()):
                span.end(error=error)
            attempt.span.end(error=error)
        return attempt

    def _stage_ended(self, record: OperationRecord, report: Mapping[str, Any]) -> None:
        self.metrics.stage_ended(
            record.kind,
            report["stage"],
            seconds=report["seconds"],
            outcome=report["outcome"],
            cached=report["cached"],
            peak_memory_mb=report["peak_memory_mb"],
        )
        self._tell(
            "stage ended",
            record,
            **{key: report[key] for key in ("stage", "outcome", "cached")},
            seconds=round(report["seconds"], 3),
        )

    def _tell(
        self, what: str, record: OperationRecord, *, level: int = logging.INFO, **more: Any
    ) -> None:
        facts = {"operation": record.name, "kind": record.kind, **more}
        if trace := tracing.trace_id(record.trace):
            facts["trace_id"] = trace
        _log.log(level, "operation %s", what, extra=facts)


def observed(operations: T, observer: Observer) -> T:
    """A store of operations that tells ``observer`` what it does, once it is committed."""
    return cast("T", _Observed(operations, observer))


class _Observed:
    """Everything that is not here goes to the store as it is."""

    def __init__(self, store: Any, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create(self, draft: Any) -> OperationRecord:
        began_us = time.time_ns() // 1000
        record = await self._store.create(replace(draft, trace=tracing.CURRENT.get()))
        # A repeated request_id answers the operation that was there.
        if record.created_us >= began_us:
            self._observer.accepted(record)
        return record

    async def lease(self, *args: Any, **kwargs: Any) -> OperationRecord | None:
        record = await self._store.lease(*args, **kwargs)
        if record is not None:
            self._observer.leased(record)
        return record

    async def progress(self, name: str, event: EventRecord, *args: Any, **kwargs: Any) -> None:
        await self._store.progress(name, event, *args, **kwargs)
        self._observer.progressed(name, event)

    async def succeed(self, name: str, *args: Any, **kwargs: Any) -> None:
        await self._store.succeed(name, *args, **kwargs)
        await self._ended(name)

    async def fail(self, name: str, *args: Any, **kwargs: Any) -> None:
        await self._store.fail(name, *args, **kwargs)
        await self._ended(name)

    async def cancel(self, name: str, *args: Any, **kwargs: Any) -> None:
        before = await self._store.get(name, *args, **kwargs)
        await self._store.cancel(name, *args, **kwargs)
        if before.state is State.QUEUED:
            await self._ended(name)

    async def worker_died(self, name: str, how: str, *args: Any, **kwargs: Any) -> None:
        await self._store.worker_died(name, how, *args, **kwargs)
        self._observer.died(await self._store.get(name), how)

    async def _ended(self, name: str) -> None:
        record = await self._store.get(name)
        if record.state.final:
            self._observer.ended(record, error=record.error)


def _end_span(span: tracing.Span, report: Mapping[str, Any]) -> None:
    outcome = report["outcome"]
    span.end(
        time_ns=report["time_ns"],
        error="" if outcome == "done" else outcome,
        attributes={
            f"reel2sim.{key}": report[key]
            for key in ("stage", "cached", "peak_memory_mb")
            if report.get(key) is not None
        },
    )
