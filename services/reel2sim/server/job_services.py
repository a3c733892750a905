"""The services that start jobs. Each method checks its request and creates an operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.longrunning import operations_pb2

from reel2sim.scene.errors import UsageError
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.callers import caller
from reel2sim.server.kinds import JOB_KINDS, JobKind, check_policy, needs_of
from reel2sim.server.operations import Draft, Operations
from reel2sim.server.pictures import check_pictures
from reel2sim.server.protos import operation_message
from reel2sim.server.records import Resources
from reel2sim.v1 import (
    editing_pb2,
    editing_pb2_grpc,
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

Context = grpc.aio.ServicerContext[Any, Any]
Operation = operations_pb2.Operation
Submit = Callable[[JobKind, Any], Awaitable[Operation]]


def submitter(operations: Operations, artifacts: Artifacts, room: Resources | None) -> Submit:
    """What turns a request into an operation.

    Args:
        operations: where it goes.
        artifacts: where its inputs are.
        room: what all jobs together may use, if no other server could have more.
    """

    async def submit(kind: JobKind, request: Any) -> Operation:
        kind.check(request)
        check_policy(request.execution_policy)
        pictures = kind.pictures(request)
        await check_pictures(artifacts, {field: ref.digest for field, ref in pictures.items()})
        references = {
            field: (reference.digest, reference.filename)
            for field, reference in kind.inputs(request)
        }
        request_id = request.request_id
        needs = needs_of(request)
        if room is not None and (lacking := needs.lacking(room)):
            raise UsageError(
                f"such a job needs {' and '.join(lacking)} that this server has for jobs",
                field="config.device" if needs.gpus > room.gpus else "config.preset",
                remedy="ask for less, or a server with more",
            )
        priority = request.execution_policy.priority
        # Neither is part of what is asked for: the same job may be sent again with another.
        request.ClearField("request_id")
        request.ClearField("execution_policy")
        payload = request.SerializeToString(deterministic=True)
        draft = Draft(
            kind=kind.name,
            request=payload,
            request_id=request_id,
            references=references,
            principal=caller().name,
            priority=priority,
            needs=needs,
            max_open=caller().max_operations,
        )
        return operation_message(await operations.create(draft))

    return submit


class VideoGeneration(generation_pb2_grpc.VideoGenerationServicer):
    """Makes captures and clips from words and pictures."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    async def Generate(
        self, request: generation_pb2.GenerateRequest, context: Context
    ) -> Operation:
        """Start generating."""
        return await self._submit(JOB_KINDS["generate"], request)


class Reconstruction(reconstruction_pb2_grpc.ReconstructionServicer):
    """Fits surfels."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    async def Reconstruct(
        self, request: reconstruction_pb2.ReconstructRequest, context: Context
    ) -> Operation:
        """Start reconstructing."""
        return await self._submit(JOB_KINDS["reconstruct"], request)


class Rigging(rigging_pb2_grpc.RiggingServicer):
    """Finds parts and joints."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    async def Rig(self, request: rigging_pb2.RigRequest, context: Context) -> Operation:
        """Start rigging."""
        return await self._submit(JOB_KINDS["rig"], request)


class Export(export_pb2_grpc.ExportServicer):
    """Writes bundles."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    async def Export(self, request: export_pb2.ExportRequest, context: Context) -> Operation:
        """Start exporting."""
        return await self._submit(JOB_KINDS["export"], request)


class Editing(editing_pb2_grpc.EditingServicer):
    """Changes bundles."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    async def Edit(self, request: editing_pb2.EditRequest, context: Context) -> Operation:
        """Start editing."""
        return await self._submit(JOB_KINDS["edit"], request)


class Pipeline(pipeline_pb2_grpc.PipelineServicer):
    """Runs the whole chain."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    async def Run(self, request: pipeline_pb2.RunRequest, context: Context) -> Operation:
        """Start the chain."""
        return await self._submit(JOB_KINDS["run"], request)
