# pyright: strict, reportMissingTypeStubs=false
"""Rows as messages."""

from __future__ import annotations

from google.longrunning import operations_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from reel2sim.server.records import ArtifactRecord, EventRecord, OperationRecord
from reel2sim.v1 import common_pb2 as common
from reel2sim.v1 import events_pb2


def artifact_message(record: ArtifactRecord) -> common.Artifact:
    """An artifact as told to clients."""
    return common.Artifact(
        digest=record.digest,
        size_bytes=record.size,
        format=common.ArtifactFormat.Name(record.format),
        filename=record.filename,
        create_time=_timestamp(record.created_us),
    )


def operation_message(record: OperationRecord) -> operations_pb2.Operation:
    """An operation as told to clients."""
    metadata = common.OperationMetadata(
        kind=record.kind,
        state=common.OperationState.Name(record.state),
        request_id=record.request_id,
        create_time=_timestamp(record.created_us),
        start_time=_timestamp(record.started_us) if record.started_us else None,
        end_time=_timestamp(record.ended_us) if record.ended_us else None,
        stage=record.stage,
        fraction=record.fraction,
        message=record.message,
        attempts=record.attempts,
        cancel_requested=record.cancel_requested and not record.state.final,
        last_sequence=record.last_sequence,
        worker_log_digest=record.log,
        execution_policy=common.ExecutionPolicy(priority=record.priority),
    )
    operation = operations_pb2.Operation(name=record.name, done=record.state.final)
    operation.metadata.Pack(metadata)
    if record.response is not None:
        operation.response.CopyFrom(AnyMessage.FromString(record.response))
    if record.error is not None:
        operation.error.CopyFrom(status_pb2.Status.FromString(record.error))
    return operation


def event_message(
    name: str, event: EventRecord, operation: OperationRecord | None
) -> events_pb2.OperationEvent:
    """An event as told to clients; ``operation`` in the final one."""
    return events_pb2.OperationEvent(
        name=name,
        sequence=event.sequence,
        time=_timestamp(event.time_us),
        state=common.OperationState.Name(event.state),
        stage=event.stage,
        fraction=event.fraction,
        message=event.message,
        metrics=event.metrics,
        operation=None if operation is None else operation_message(operation),
    )


def _timestamp(microseconds: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMicroseconds(microseconds)
    return stamp
