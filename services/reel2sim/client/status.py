"""What a server does at this moment, as plain values."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from reel2sim.v1 import common_pb2, server_info_pb2


@dataclass(frozen=True)
class KindLoad:
    """Unfinished operations of one kind."""

    kind: str
    queued: int
    running: int


@dataclass(frozen=True)
class RunningOperation:
    """An operation that a worker runs.

    Attributes:
        name: ``operations/…``.
        kind: which job.
        attempt: from 1.
        stage: latest progress: stage,
        fraction: … share of it that is done, 0..1,
        message: … and text.
        age_s: since the operation was created, seconds.
        run_s: since this attempt began.
        stage_s: since its stage began.
    """

    name: str
    kind: str
    attempt: int
    stage: str
    fraction: float
    message: str
    age_s: float
    run_s: float
    stage_s: float


@dataclass(frozen=True)
class WorkerStatus:
    """A worker; ``pid`` is 0 if there is no process, ``operation`` "" while it waits."""

    index: int
    pid: int
    operation: str
    resident_bytes: int


@dataclass(frozen=True)
class EndedOperation:
    """An operation that ended.

    Attributes:
        name: ``operations/…``.
        kind: which job.
        state: ``"SUCCEEDED"``, ``"FAILED"`` or ``"CANCELLED"``.
        ago_s: how long ago, seconds.
        run_s: how long its last attempt took; 0 if none was made.
        error: why it did not succeed, or "".
    """

    name: str
    kind: str
    state: str
    ago_s: float
    run_s: float
    error: str


@dataclass(frozen=True)
class CallCount:
    """Calls of one method that ended with one code; ``mean_s`` is of the method."""

    service: str
    method: str
    code: str
    count: int
    mean_s: float


@dataclass(frozen=True)
class StageCount:
    """How often a stage ran, seconds in all, and what the cache had."""

    stage: str
    runs: int
    seconds: float
    cache_hits: int
    cache_misses: int


@dataclass(frozen=True)
class ServerStatus:
    """A server at one moment, and its counts since it started.

    Attributes:
        version: of its reel2sim package.
        time: its clock, ISO 8601 in UTC.
        uptime_s: since it started, seconds.
        oldest_queued_s: age of the operation that has waited longest; 0 if none waits.
        loads: unfinished operations by kind, of everyone who shares its queue.
        running: what its workers run, the oldest attempt first.
        workers: its workers.
        recent_ends: the newest first.
        calls: ended calls by service, method and code.
        stages: stages that ran here.
        artifacts: in the store; ``artifact_bytes`` is their size.
        uploaded_bytes: received since it started; ``downloaded_bytes`` were sent.
        environments: in use, by ``environment_clients``.
        resident_bytes: memory of the server's own process.
    """

    version: str
    time: str
    uptime_s: float
    oldest_queued_s: float
    loads: tuple[KindLoad, ...]
    running: tuple[RunningOperation, ...]
    workers: tuple[WorkerStatus, ...]
    recent_ends: tuple[EndedOperation, ...]
    calls: tuple[CallCount, ...]
    stages: tuple[StageCount, ...]
    artifacts: int
    artifact_bytes: int
    uploaded_bytes: int
    downloaded_bytes: int
    environments: int
    environment_clients: int
    resident_bytes: int


def status_of_message(message: server_info_pb2.GetServerStatusResponse) -> ServerStatus:
    """The status that a message tells."""
    now = _seconds(message.time)

    def since(moment: Timestamp) -> float:
        return max(now - _seconds(moment), 0.0)

    moment = datetime.datetime.fromtimestamp(now, tz=datetime.UTC)
    return ServerStatus(
        version=message.version,
        time=moment.isoformat(timespec="milliseconds"),
        uptime_s=since(message.start_time),
        oldest_queued_s=message.oldest_queued_seconds,
        loads=tuple(KindLoad(load.kind, load.queued, load.running) for load in message.loads),
        running=tuple(
            RunningOperation(
                name=one.name,
                kind=one.kind,
                attempt=one.attempt,
                stage=one.stage,
                fraction=one.fraction,
                message=one.message,
                age_s=since(one.create_time),
                run_s=since(one.attempt_time),
                stage_s=since(one.stage_time),
            )
            for one in message.running
        ),
        workers=tuple(
            WorkerStatus(one.index, one.pid, one.operation, one.resident_bytes)
            for one in message.workers
        ),
        recent_ends=tuple(
            EndedOperation(
                name=one.name,
                kind=one.kind,
                state=_state(one.state),
                ago_s=since(one.end_time),
                run_s=one.run_seconds,
                error=one.error,
            )
            for one in message.recent_ends
        ),
        calls=tuple(
            CallCount(one.service, one.method, one.code, one.count, one.mean_seconds)
            for one in message.calls
        ),
        stages=tuple(
            StageCount(one.stage, one.runs, one.seconds, one.cache_hits, one.cache_misses)
            for one in message.stages
        ),
        artifacts=message.artifacts,
        artifact_bytes=message.artifact_bytes,
        uploaded_bytes=message.uploaded_bytes,
        downloaded_bytes=message.downloaded_bytes,
        environments=message.environments,
        environment_clients=message.environment_clients,
        resident_bytes=message.resident_bytes,
    )


def _state(number: Any) -> str:
    return common_pb2.OperationState.Name(number).removeprefix("OPERATION_STATE_")


def _seconds(moment: Timestamp) -> float:
    return moment.ToNanoseconds() / 1e9
