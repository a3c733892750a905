"""The service that moves bytes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from reel2sim.observe.metrics import Metrics
from reel2sim.scene.errors import InputError, NotFoundError, UnavailableError, UsageError
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.callers import caller
from reel2sim.server.kinds import check_digest
from reel2sim.server.protos import artifact_message
from reel2sim.server.uploads import MAX_CHUNK, Uploads, UploadStream
from reel2sim.transport.names import TOKEN, filename_fault
from reel2sim.v1 import artifacts_pb2, artifacts_pb2_grpc
from reel2sim.v1 import common_pb2 as common

Context = grpc.aio.ServicerContext[Any, Any]
_SOURCE = "UploadRequest"


class ArtifactService(artifacts_pb2_grpc.ArtifactsServicer):
    """Uploads, downloads, and what is there."""

    def __init__(
        self, artifacts: Artifacts, uploads: Uploads, metrics: Metrics, *, stall_timeout_s: float
    ) -> None:
        self._artifacts = artifacts
        self._metrics = metrics
        self._uploads = uploads
        self._stall_timeout_s = stall_timeout_s

    async def Upload(
        self, request_iterator: AsyncIterator[artifacts_pb2.UploadRequest], context: Context
    ) -> artifacts_pb2.UploadResponse:
        """Append to an upload and, on an explicit finish, commit it.

        A client that is killed looks like one that has said all it had to say, so the end of the
        stream means nothing.
        """
        request = await self._next(request_iterator)
        if request is None or not request.HasField("spec"):
            raise UsageError("is required in the first message", source=_SOURCE, field="spec")
        spec = request.spec
        _check_spec(spec)
        stream = self._uploads.open(_own(spec.upload_id))
        try:
            while request is not None:
                if request.data:
                    await stream.append(request.offset, request.data)
                    self._metrics.uploaded.inc(len(request.data))
                if request.HasField("finish"):
                    return await self._commit(stream, spec, request.finish)
                request = await self._next(request_iterator)
                if request is not None and request.HasField("spec"):
                    raise UsageError("belongs in the first message", source=_SOURCE, field="spec")
            return artifacts_pb2.UploadResponse(persisted_size=stream.size)
        finally:
            self._uploads.close(stream)

    async def GetUpload(
        self, request: artifacts_pb2.GetUploadRequest, context: Context
    ) -> artifacts_pb2.GetUploadResponse:
        """How far an upload has come."""
        _check_upload_id(request.upload_id, "upload_id")
        return artifacts_pb2.GetUploadResponse(
            persisted_size=self._uploads.size(_own(request.upload_id))
        )

    async def Download(
        self, request: artifacts_pb2.DownloadRequest, context: Context
    ) -> AsyncIterator[artifacts_pb2.DownloadResponse]:
        """Send an artifact from an offset on."""
        check_digest(request.digest, "digest")
        record = await self._artifacts.get(request.digest, principal=caller().sees)
        if not 0 <= request.offset <= record.size:
            raise UsageError(f"must be from 0 to {record.size}", field="offset")
        try:
            file = os.open(await self._artifacts.local(record.digest), os.O_RDONLY)
        except FileNotFoundError as cause:
            raise NotFoundError("is not in the store", source=record.digest) from cause
        try:
            offset = request.offset
            yield artifacts_pb2.DownloadResponse(artifact=artifact_message(record), offset=offset)
            while data := await _read(file, offset, MAX_CHUNK):
                yield artifacts_pb2.DownloadResponse(offset=offset, data=data)
                offset += len(data)
                self._metrics.downloaded.inc(len(data))
        finally:
            os.close(file)

    async def GetArtifact(
        self, request: artifacts_pb2.GetArtifactRequest, context: Context
    ) -> common.Artifact:
        """What an artifact is."""
        check_digest(request.digest, "digest")
        return artifact_message(await self._artifacts.get(request.digest, principal=caller().sees))

    async def DeleteArtifact(
        self, request: artifacts_pb2.DeleteArtifactRequest, context: Context
    ) -> Empty:
        """Remove an artifact."""
        check_digest(request.digest, "digest")
        await self._artifacts.delete(request.digest, principal=caller().sees)
        return Empty()

    async def _next(
        self, requests: AsyncIterator[artifacts_pb2.UploadRequest]
    ) -> artifacts_pb2.UploadRequest | None:
        """The next message, None at the end; a silent stream is given up."""
        try:
            async with asyncio.timeout(self._stall_timeout_s):
                return await anext(requests, None)
        except TimeoutError as cause:
            raise UnavailableError(
                f"nothing arrived for {self._stall_timeout_s:g} s",
                source=_SOURCE,
                remedy="ask GetUpload where to go on and continue",
            ) from cause

    async def _commit(
        self,
        stream: UploadStream,
        spec: artifacts_pb2.UploadSpec,
        finish: artifacts_pb2.UploadFinish,
    ) -> artifacts_pb2.UploadResponse:
        check_digest(finish.sha256, "finish.sha256")
        record = await stream.finish(
            size=finish.size_bytes,
            sha256=finish.sha256,
            format=spec.format,
            filename=spec.filename,
            principal=caller().name,
            max_bytes=caller().max_artifact_bytes,
        )
        self._metrics.uploads.inc()
        return artifacts_pb2.UploadResponse(
            persisted_size=record.size, artifact=artifact_message(record)
        )


def _check_spec(spec: artifacts_pb2.UploadSpec) -> None:
    _check_upload_id(spec.upload_id, "spec.upload_id")
    if spec.format not in common.ArtifactFormat.values() or not spec.format:
        raise UsageError(f"{spec.format} is not a format", source=_SOURCE, field="spec.format")
    if fault := filename_fault(spec.filename):
        raise InputError(fault, source=_SOURCE, field="spec.filename")


def _check_upload_id(upload_id: str, field: str) -> None:
    if not TOKEN.match(upload_id):
        raise UsageError("must be 1 to 64 letters, digits, '-' or '_'", field=field)


async def _read(file: int, offset: int, size: int) -> bytes:
    """Up to ``size`` bytes of an open file descriptor at ``offset``."""
    return await asyncio.to_thread(os.pread, file, size, offset)


def _own(upload_id: str) -> str:
    """The name of an upload among those of all callers: nobody goes on with another's."""
    who = caller().name
    return f"{who}.{upload_id}" if who else upload_id
