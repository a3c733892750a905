"""What a server tells about this moment: read for the metrics page and for ``GetServerStatus``."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psutil
from google.protobuf.timestamp_pb2 import Timestamp

from reel2sim.observe.metrics import Metrics
from reel2sim.observe.snapshot import Load, Snapshot, Worker, resident_bytes
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.observer import Attempt, End, Observer
from reel2sim.server.operations import Operations
from reel2sim.server.records import State
from reel2sim.v1 import common_pb2 as common
from reel2sim.v1 import server_info_pb2 as pb

_log = logging.getLogger(__name__)
_PATIENCE_S = 5.0
_UNFINISHED = (State.QUEUED, State.RUNNING)


class Status:
    """Reads what nobody counts: the queue, the store, memory.

    Args:
        kinds: of the server.
        operations: store of operations.
        artifacts: store of artifacts.
        workers: tells the workers, without their memory.
        environments: tells how many environments are in use, and by how many clients.
    """

    def __init__(
        self,
        kinds: Iterable[str],
        operations: Operations,
        artifacts: Artifacts,
        *,
        workers: Callable[[], list[Worker]],
        environments: Callable[[], tuple[int, int]],
    ) -> None:
        self._kinds = tuple(kinds)
        self._operations = operations
        self._artifacts = artifacts
        self._workers = workers
        self._environments = environments

    async def now(self) -> Snapshot:
        """The server at this moment."""
        backlog = await self._operations.backlog()
        artifacts, artifact_bytes = await self._artifacts.usage()
        numbers = {(part.kind, part.state): part.number for part in backlog}
        kinds = dict.fromkeys((*self._kinds, *(part.kind for part in backlog)))
        queued_us = [part.oldest_us for part in backlog if part.state is State.QUEUED]
        environments, clients = self._environments()
        return Snapshot(
            loads=[
                Load(kind, *(numbers.get((kind, state), 0) for state in _UNFINISHED))
                for kind in kinds
            ],
            oldest_s=max(time.time() - min(queued_us) / 1e6, 0.0) if queued_us else 0.0,
            workers=await asyncio.to_thread(_weighed, self._workers()),
            artifacts=artifacts,
            artifact_bytes=artifact_bytes,
            environments=environments,
            environment_clients=clients,
        )

    def from_thread(self, loop: asyncio.AbstractEventLoop) -> Callable[[], Snapshot | None]:
        """:meth:`now` for a thread outside of ``loop``; None if it takes too long or fails."""

        def take() -> Snapshot | None:
            reading = asyncio.run_coroutine_threadsafe(self.now(), loop)
            try:
                return reading.result(_PATIENCE_S)
            except Exception:
                reading.cancel()
                _log.warning("the gauges could not be read", exc_info=True)
                return None

        return take


def status_message(
    observer: Observer, snapshot: Snapshot, *, most_ends: int
) -> pb.GetServerStatusResponse:
    """What a server does and has done, as told to clients."""
    metrics = observer.metrics
    running = sorted(observer.running.values(), key=lambda attempt: attempt.began_ns)
    newest = list(observer.ends)[::-1][:most_ends]
    return pb.GetServerStatusResponse(
        version=importlib.metadata.version("reel2sim"),
        time=_timestamp(time.time_ns()),
        start_time=_timestamp(observer.started_ns),
        loads=[
            pb.KindLoad(kind=load.kind, queued=load.queued, running=load.running)
            for load in snapshot.loads
        ],
        oldest_queued_seconds=snapshot.oldest_s,
        running=[_running(attempt) for attempt in running],
        workers=[pb.WorkerStatus(**vars(worker)) for worker in snapshot.workers],
        recent_ends=[_ended(end) for end in newest],
        calls=_calls(metrics),
        stages=_stages(metrics),
        artifacts=snapshot.artifacts,
        artifact_bytes=snapshot.artifact_bytes,
        uploaded_bytes=int(_total(metrics.uploaded)),
        downloaded_bytes=int(_total(metrics.downloaded)),
        environments=snapshot.environments,
        environment_clients=snapshot.environment_clients,
        resident_bytes=psutil.Process(os.getpid()).memory_info().rss,
    )


def _weighed(workers: list[Worker]) -> list[Worker]:
    return [
        Worker(one.index, one.pid, one.operation, resident_bytes(one.pid) if one.pid else 0)
        for one in workers
    ]


def _running(attempt: Attempt) -> pb.RunningOperation:
    record = attempt.record
    return pb.RunningOperation(
        name=record.name,
        kind=record.kind,
        attempt=record.attempts,
        create_time=_timestamp(record.created_us * 1000),
        attempt_time=_timestamp(attempt.began_ns),
        stage_time=_timestamp(attempt.stage_began_ns),
        stage=attempt.stage,
        fraction=attempt.fraction,
        message=attempt.message,
    )


def _ended(end: End) -> pb.EndedOperation:
    return pb.EndedOperation(
        name=end.name,
        kind=end.kind,
        state=common.OperationState.Name(end.state),
        end_time=_timestamp(end.ended_ns),
        run_seconds=end.seconds,
        error=end.error,
    )


def _calls(metrics: Metrics) -> list[pb.CallCount]:
    spent: dict[tuple[str, str], float] = defaultdict(float)
    made: dict[tuple[str, str], float] = defaultdict(float)
    for name, labels, value in _samples(metrics.call_seconds):
        key = (labels["grpc_service"], labels["grpc_method"])
        if name.endswith("_sum"):
            spent[key] += value
        elif name.endswith("_count"):
            made[key] += value
    counts: list[pb.CallCount] = []
    for name, labels, value in _samples(metrics.calls_handled):
        if not name.endswith("_total"):
            continue
        key = (labels["grpc_service"], labels["grpc_method"])
        mean = spent[key] / made[key] if made[key] else 0.0
        counts.append(
            pb.CallCount(
                service=key[0],
                method=key[1],
                code=labels["grpc_code"],
                count=int(value),
                mean_seconds=mean,
            )
        )
    return sorted(counts, key=lambda call: (call.service, call.method, call.code))


def _stages(metrics: Metrics) -> list[pb.StageCount]:
    found: dict[str, pb.StageCount] = {}

    def of(stage: str) -> pb.StageCount:
        return found.setdefault(stage, pb.StageCount(stage=stage))

    for name, labels, value in _samples(metrics.stage_seconds):
        if name.endswith("_sum"):
            of(labels["stage"]).seconds += value
        elif name.endswith("_count"):
            of(labels["stage"]).runs += int(value)
    for name, labels, value in _samples(metrics.stage_cache):
        if name.endswith("_total"):
            field = "cache_hits" if labels["result"] == "hit" else "cache_misses"
            setattr(of(labels["stage"]), field, int(value))
    return list(found.values())


def _samples(metric: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in metric.collect():
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def _total(counter: Any) -> float:
    return sum(value for name, _, value in _samples(counter) if name.endswith("_total"))


def _timestamp(nanoseconds: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(nanoseconds)
    return stamp
