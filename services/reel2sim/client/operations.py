"""Remote operations: start, watch, cancel, list."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.longrunning import operations_pb2, operations_pb2_grpc

from reel2sim.client.connection import Connection
from reel2sim.scene.errors import Reel2SimError, UnavailableError
from reel2sim.transport.status import error_of
from reel2sim.v1 import (
    common_pb2,
    editing_pb2,
    editing_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    export_pb2,
    export_pb2_grpc,
    generation_pb2,
    generation_pb2_grpc,
    pipeline_pb2,
    pipeline_pb2_grpc,
    reconstruction_pb2,
    reconstruction_pb2_grpc,
    rigging_pb2,
    rigging_pb2_grpc,
)

Request = (
    generation_pb2.GenerateRequest
    | reconstruction_pb2.ReconstructRequest
    | rigging_pb2.RigRequest
    | export_pb2.ExportRequest
    | editing_pb2.EditRequest
    | pipeline_pb2.RunRequest
)
_RESPONSES: dict[str, tuple[Any, str]] = {
    "generate": (generation_pb2.GenerateResponse, "capture"),
    "reconstruct": (reconstruction_pb2.ReconstructResponse, "surfels"),
    "rig": (rigging_pb2.RigResponse, "asset"),
    "export": (export_pb2.ExportResponse, "bundle"),
    "edit": (editing_pb2.EditResponse, "bundle"),
    "run": (pipeline_pb2.RunResponse, "bundle"),
}


@dataclass(frozen=True)
class RemoteOperation:
    """An operation as the server last told it.

    Attributes:
        name: ``operations/…``.
        kind: which job.
        state: ``"QUEUED"``, ``"RUNNING"``, ``"SUCCEEDED"``, ``"FAILED"`` or ``"CANCELLED"``.
        request_id: what it was created with.
        stage: latest progress: stage,
        fraction: … share of it that is done, 0..1,
        message: … and text.
        attempts: how often a worker has taken it up.
        digest: digest of the result, when succeeded.
        metrics: figures of the result, when succeeded.
        error: why it failed or was cancelled.
        worker_log: digest of an artifact with the last lines of its worker, if it failed because
            workers died on it; else "".
    """

    name: str
    kind: str
    state: str
    request_id: str = ""
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    attempts: int = 0
    digest: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    error: Reel2SimError | None = None
    worker_log: str = ""

    @property
    def done(self) -> bool:
        """Whether it will never change again."""
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED")

    def raise_for_error(self) -> None:
        """Raise the error of an operation that failed or was cancelled."""
        if self.error is not None:
            raise self.error


@dataclass(frozen=True)
class RemoteEvent:
    """One step of an operation.

    Attributes:
        sequence: 1, 2, 3, … within the operation.
        state: as in :class:`RemoteOperation`.
        stage: of the job.
        fraction: share of the stage that is done, 0..1.
        message: for people.
        metrics: figures at that moment.
        operation: the finished operation, in the final event only.
    """

    sequence: int
    state: str
    stage: str
    fraction: float
    message: str
    metrics: Mapping[str, float]
    operation: RemoteOperation | None


class RemoteOperations:
    """Operations over one connection."""

    def __init__(self, connection: Connection) -> None:
        channel = connection.channel
        self._connection = connection
        self._operations = operations_pb2_grpc.OperationsStub(channel)
        self._events = events_pb2_grpc.OperationEventsStub(channel)
        self._starters: dict[type[Any], Any] = {
            generation_pb2.GenerateRequest: (
                generation_pb2_grpc.VideoGenerationStub(channel).Generate
            ),
            reconstruction_pb2.ReconstructRequest: (
                reconstruction_pb2_grpc.ReconstructionStub(channel).Reconstruct
            ),
            rigging_pb2.RigRequest: rigging_pb2_grpc.RiggingStub(channel).Rig,
            export_pb2.ExportRequest: export_pb2_grpc.ExportStub(channel).Export,
            editing_pb2.EditRequest: editing_pb2_grpc.EditingStub(channel).Edit,
            pipeline_pb2.RunRequest: pipeline_pb2_grpc.PipelineStub(channel).Run,
        }

    def start(self, request: Request) -> RemoteOperation:
        """Create an operation; repeated safely while the server cannot be reached."""
        request.request_id = request.request_id or uuid.uuid4().hex
        method = self._starters[type(request)]
        return _operation(self._connection.persist(lambda: self._connection.call(method, request)))

    def get(self, name: str) -> RemoteOperation:
        """The latest state of an operation."""
        request = operations_pb2.GetOperationRequest(name=name)
        return _operation(
            self._connection.persist(
                lambda: self._connection.call(self._operations.GetOperation, request)
            )
        )

    def cancel(self, name: str) -> None:
        """Ask an operation to stop; one that is done stays as it is."""
        request = operations_pb2.CancelOperationRequest(name=name)
        self._connection.persist(
            lambda: self._connection.call(self._operations.CancelOperation, request)
        )

    def delete(self, name: str) -> None:
        """Forget a finished operation."""
        request = operations_pb2.DeleteOperationRequest(name=name)
        self._connection.call(self._operations.DeleteOperation, request)

    def list(self, *, filter: str = "", page_size: int = 100) -> Iterator[RemoteOperation]:
        """All operations that meet ``filter``, such as ``"state=RUNNING AND kind=run"``."""
        token = ""
        while True:
            request = operations_pb2.ListOperationsRequest(
                filter=filter, page_size=page_size, page_token=token
            )
            page = self._connection.call(self._operations.ListOperations, request)
            yield from map(_operation, page.operations)
            token = page.next_page_token
            if not token:
                return

    def watch(self, name: str, *, after_sequence: int = 0) -> Iterator[RemoteEvent]:
        """Events of an operation as they happen, up to the final one.

        A connection that breaks is made again, and no event is lost or told twice.

        Raises:
            UnavailableError: if the server stays away too long.
            NotFoundError: if there is no such operation.
        """
        patience = self._connection.patience()
        while True:
            try:
                for event in self.watch_once(name, after_sequence=after_sequence):
                    patience.restore()
                    after_sequence = event.sequence
                    yield event
                return
            except UnavailableError as error:
                patience.endure(error)

    def watch_once(
        self, name: str, *, after_sequence: int = 0, timeout_s: float | None = None
    ) -> Iterator[RemoteEvent]:
        """Like :meth:`watch`, but over one stream, and for ``timeout_s`` at most.

        Raises:
            UnavailableError: if the stream breaks or its time is over.
        """
        request = events_pb2.WatchOperationRequest(name=name, after_sequence=after_sequence)
        stream = self._connection.stream(self._events.WatchOperation, request, timeout_s=timeout_s)
        yield from map(_event, stream)


def _operation(message: operations_pb2.Operation) -> RemoteOperation:
    metadata = common_pb2.OperationMetadata()
    message.metadata.Unpack(metadata)
    digest: str | None = None
    metrics: dict[str, float] = {}
    if message.HasField("response"):
        kind, output = _RESPONSES[metadata.kind]
        response = kind()
        message.response.Unpack(response)
        digest, metrics = getattr(response, output).digest, dict(response.metrics)
    return RemoteOperation(
        name=message.name,
        kind=metadata.kind,
        state=_state(metadata.state),
        request_id=metadata.request_id,
        stage=metadata.stage,
        fraction=metadata.fraction,
        message=metadata.message,
        attempts=metadata.attempts,
        digest=digest,
        metrics=metrics,
        error=error_of(message.error) if message.HasField("error") else None,
        worker_log=metadata.worker_log_digest,
    )


def _event(message: events_pb2.OperationEvent) -> RemoteEvent:
    return RemoteEvent(
        sequence=message.sequence,
        state=_state(message.state),
        stage=message.stage,
        fraction=message.fraction,
        message=message.message,
        metrics=dict(message.metrics),
        operation=_operation(message.operation) if message.HasField("operation") else None,
    )


def _state(number: int) -> str:
    return common_pb2.OperationState.Name(number).removeprefix("OPERATION_STATE_")  # type: ignore[arg-type]
