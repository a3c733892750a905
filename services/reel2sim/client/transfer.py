"""Moves artifacts: resumable, and checked by digest at both ends."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from reel2sim.client.connection import Connection
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import (
    InputError,
    IntegrityError,
    NotFoundError,
    UnavailableError,
)
from reel2sim.scene.progress import Progress, silent
from reel2sim.transport.archive import pack_folder
from reel2sim.transport.names import filename_fault
from reel2sim.v1 import artifacts_pb2, artifacts_pb2_grpc
from reel2sim.v1 import common_pb2 as common

_CHUNK = 1 << 20


class Transfer:
    """Uploads and downloads over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = artifacts_pb2_grpc.ArtifactsStub(connection.channel)

    def upload(
        self, path: Path, *, upload_id: str | None = None, progress: Progress = silent
    ) -> common.Artifact:
        """Put a file, or a folder packed as a tar, into the store.

        Bytes that are there already are not sent again, nor are those that an interrupted upload
        with the same ``upload_id`` has sent.

        Raises:
            NotFoundError: if ``path`` does not exist.
            InputError: if a folder holds what cannot travel.
        """
        if not path.exists():
            raise NotFoundError("does not exist", source=path)
        name = path.resolve().name
        if fault := filename_fault(name):
            raise InputError(f"its name {fault}", source=path, remedy="rename it")
        if path.is_file():
            spec = artifacts_pb2.UploadSpec(format=common.ARTIFACT_FORMAT_FILE, filename=name)
            return self.upload_file(path, spec, upload_id=upload_id, progress=progress)
        with tempfile.TemporaryDirectory(prefix="reel2sim-") as scratch:
            archive = Path(scratch) / "folder.tar"
            pack_folder(path, archive)
            spec = artifacts_pb2.UploadSpec(format=common.ARTIFACT_FORMAT_TAR, filename=name)
            return self.upload_file(archive, spec, upload_id=upload_id, progress=progress)

    def stat(self, digest: str) -> common.Artifact:
        """What an artifact is; NotFoundError if the server has none with that digest."""
        request = artifacts_pb2.GetArtifactRequest(digest=digest)
        call: Callable[[], common.Artifact] = lambda: self._connection.call(  # noqa: E731
            self._stub.GetArtifact, request
        )
        return self._connection.persist(call)

    def delete(self, digest: str) -> None:
        """Remove an artifact; ConflictError while an unfinished operation reads it."""
        request = artifacts_pb2.DeleteArtifactRequest(digest=digest)
        self._connection.call(self._stub.DeleteArtifact, request)

    def download(
        self, digest: str, target: Path, *, progress: Progress = silent
    ) -> common.Artifact:
        """Write an artifact's bytes to the new file ``target``; it is removed on failure.

        Raises:
            NotFoundError: if the server has no such artifact.
            IntegrityError: if what arrived has another digest.
        """
        artifact = self.stat(digest)
        patience = self._connection.patience()
        running = hashlib.sha256()
        try:
            with target.open("xb") as file:
                while True:
                    request = artifacts_pb2.DownloadRequest(digest=digest, offset=file.tell())
                    try:
                        for piece in self._connection.stream(self._stub.Download, request):
                            file.write(piece.data)
                            running.update(piece.data)
                            patience.restore()
                            progress("download", file.tell() / max(artifact.size_bytes, 1))
                        break
                    except UnavailableError as error:
                        patience.endure(error)
            if running.hexdigest() != digest:
                raise IntegrityError("what arrived has another digest", source=digest)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return artifact

    def upload_file(
        self,
        file: Path,
        spec: artifacts_pb2.UploadSpec,
        *,
        upload_id: str | None = None,
        progress: Progress = silent,
    ) -> common.Artifact:
        """Put a file into the store as what ``spec`` says it is; see :meth:`upload`."""
        digest = digest_file(file)
        spec.upload_id = upload_id or uuid.uuid4().hex
        finish = artifacts_pb2.UploadFinish(size_bytes=file.stat().st_size, sha256=digest)
        patience = self._connection.patience()
        while True:
            try:
                if (known := self._known(digest, spec)) is not None:
                    return known
                state = self._connection.call(
                    self._stub.GetUpload,
                    artifacts_pb2.GetUploadRequest(upload_id=spec.upload_id),
                )
                messages = _messages(file, spec, finish, state.persisted_size, progress)
                # No deadline: the server gives up a stream that stalls.
                return self._connection.call(
                    self._stub.Upload, messages, timeout_s=_unbounded(finish.size_bytes)
                ).artifact
            except UnavailableError as error:
                patience.endure(error)

    def _known(self, digest: str, spec: artifacts_pb2.UploadSpec) -> common.Artifact | None:
        """The artifact, if the server has these bytes and reads them in the same way."""
        request = artifacts_pb2.GetArtifactRequest(digest=digest)
        try:
            artifact = self._connection.call(self._stub.GetArtifact, request)
        except NotFoundError:
            return None
        return artifact if artifact.format == spec.format else None


def _unbounded(size: int) -> float:
    """A deadline that only a transfer far below any useful rate misses: 10 kB/s."""
    return 600.0 + size / 1e4


def _messages(
    file: Path,
    spec: artifacts_pb2.UploadSpec,
    finish: artifacts_pb2.UploadFinish,
    offset: int,
    progress: Progress,
) -> Iterator[artifacts_pb2.UploadRequest]:
    """The messages of an upload that goes on at ``offset``."""
    yield artifacts_pb2.UploadRequest(spec=spec, offset=offset)
    with file.open("rb") as stream:
        stream.seek(offset)
        while data := stream.read(_CHUNK):
            yield artifacts_pb2.UploadRequest(offset=offset, data=data)
            offset += len(data)
            progress("upload", offset / max(finish.size_bytes, 1))
    yield artifacts_pb2.UploadRequest(offset=offset, finish=finish)
