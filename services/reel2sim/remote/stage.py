"""One stage of one run at one server: send what it lacks, begin or find, follow, fetch."""

from __future__ import annotations

import logging
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reel2sim.client.connection import Connection
from reel2sim.client.operations import RemoteOperation, RemoteOperations, Request
from reel2sim.client.transfer import Transfer
from reel2sim.remote.board import Board
from reel2sim.remote.call import Course, UnfitError
from reel2sim.remote.channel import connected, facts_of
from reel2sim.remote.config import RemoteStages
from reel2sim.scene.digest import digest_config, digest_file
from reel2sim.scene.errors import CancelledError, NotFoundError, Reel2SimError, UnavailableError
from reel2sim.transport.archive import pack_folder
from reel2sim.v1 import artifacts_pb2
from reel2sim.v1 import common_pb2 as common

_log = logging.getLogger(__name__)
_SLICE_S = 20.0
_FAREWELL_S = 0.6


@dataclass(frozen=True)
class Parcel:
    """An input as it travels.

    Attributes:
        path: the file that is sent.
        format: how it is to be read, a number of ``reel2sim.v1.ArtifactFormat``.
        filename: name under which the stage sees it.
        digest: sha256 of the file, hex.
        upload_id: of all attempts to send it, so that each goes on where the last one broke off.
    """

    path: Path
    format: common.ArtifactFormat
    filename: str
    digest: str
    upload_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def of(cls, source: Path, *, name: str, scratch: Path) -> Parcel:
        """A file as it is, or a folder packed into a file in ``scratch``."""
        if source.is_dir():
            packed = Path(tempfile.mkdtemp(dir=scratch)) / "folder.tar"
            pack_folder(source, packed)
            return cls(packed, common.ARTIFACT_FORMAT_TAR, name, digest_file(packed))
        filename = f"{name}{source.suffix.lower()}"
        return cls(source, common.ARTIFACT_FORMAT_FILE, filename, digest_file(source))

    @property
    def reference(self) -> common.ArtifactRef:
        """How a request names it."""
        return common.ArtifactRef(digest=self.digest, filename=self.filename)

    @property
    def spec(self) -> artifacts_pb2.UploadSpec:
        """How an upload describes it."""
        return artifacts_pb2.UploadSpec(format=self.format, filename=self.filename)


@dataclass(frozen=True)
class Work:
    """What a stage is to do.

    Attributes:
        kind: which job.
        stage: what progress events of that stage are called.
        code: digest of the stage's code here, which must be that of the server.
        device: ``"cpu"``, ``"cuda"``, or "" if it does not matter.
        request: the request, without a request_id.
        parcels: what the request refers to.
        target: file to which the result is written.
    """

    kind: str
    stage: str
    code: str
    device: str
    request: Request
    parcels: tuple[Parcel, ...]
    target: Path

    @property
    def content(self) -> str:
        """sha256 of all that the result depends on: code, settings and inputs."""
        asked = self.request.SerializeToString(deterministic=True)
        return digest_config(self.kind, self.code, asked.hex())

    def request_id(self, generation: int) -> str:
        """Id of the operation that does this work for the ``generation``-th time.

        It follows from the content alone: whoever asks again, even from a process that knows
        nothing of the first, finds the operation that was begun.
        """
        return digest_config(self.content, generation)


@dataclass
class StageAtServers:
    """Does ``work`` at whichever server it is told to; see :class:`reel2sim.remote.call.Call`.

    Attributes:
        work: what to do.
        stages: how to connect.
        board: told when a server answers.
        begun: operation by address, of those that may still run.
        generation: how many operations of this work are of no use any more, by address.
        seen: number of the last event of each operation.
        line: connection of the latest attempt.
    """

    work: Work
    stages: RemoteStages
    board: Board
    begun: dict[str, str] = field(default_factory=dict[str, str])
    generation: dict[str, int] = field(default_factory=dict[str, int])
    seen: dict[str, int] = field(default_factory=dict[str, int])
    line: Connection | None = None

    def attempt(self, address: str, course: Course) -> Path:
        """Do it at ``address``; the result's file."""
        with connected(address, self.stages) as connection:
            self.line = connection
            self._check(connection)
            transfer = Transfer(connection)
            for parcel in self.work.parcels:
                course.note = f"{address}: sending {parcel.filename}"
                transfer.upload_file(parcel.path, parcel.spec, upload_id=parcel.upload_id)
            operations = RemoteOperations(connection)
            operation = self._begin(operations, address, course)
            if not operation.done:
                operation = self._follow(operations, address, operation, course)
            self.begun.pop(address, None)
            if operation.error is not None:
                course.ended += 1
                course.home = None
                raise operation.error
            return self._fetch(transfer, address, operation, course)

    def leave(self) -> None:
        """Cancel what runs elsewhere and serves nobody any more."""
        for address, name in list(self.begun.items()):
            self.begun.pop(address, None)
            try:
                with connected(address, self.stages, call_s=_FAREWELL_S) as connection:
                    RemoteOperations(connection).cancel(name)
                _log.info("%s: cancelled %s", address, name)
            except Reel2SimError as error:
                _log.warning("%s: could not cancel %s: %s", address, name, error.message)

    def hang_up(self) -> None:
        """Close the connection of the attempt that runs."""
        if self.line is not None:
            self.line.close()

    def _check(self, connection: Connection) -> None:
        """Refuse a server that would not give the same result."""
        facts = facts_of(connection)
        work = self.work
        if work.kind not in facts.kinds:
            raise UnfitError(f"does not take {work.kind} jobs")
        if facts.code.get(work.kind) != work.code:
            raise UnfitError(f"has other code for {work.kind} (version {facts.version})")
        if work.device and work.device not in facts.devices:
            raise UnfitError(f"has no {work.device}")

    def _begin(self, operations: RemoteOperations, address: str, course: Course) -> RemoteOperation:
        """The operation that does the work, begun now or before."""
        request: Any = type(self.work.request)()
        while True:
            request.CopyFrom(self.work.request)
            generation = self.generation.setdefault(address, 0)
            request.request_id = self.work.request_id(generation)
            operation = operations.start(request)
            if operation.done and operation.state != "SUCCEEDED":
                # The end of an earlier run. This one begins anew.
                self.generation[address] = generation + 1
                continue
            self.board.succeeded(address)
            if not operation.done:
                self.begun[address] = operation.name
                course.home = address
            if course.stop.is_set():
                # Whoever left could not know of it yet.
                operations.cancel(operation.name)
                raise CancelledError("nobody waits for it any more")
            return operation

    def _follow(
        self,
        operations: RemoteOperations,
        address: str,
        operation: RemoteOperation,
        course: Course,
    ) -> RemoteOperation:
        """The operation once it is done; a watch that breaks is begun again where it was."""
        name, silent_s = operation.name, 0.0
        while True:
            news = False
            try:
                watch = operations.watch_once(
                    name, after_sequence=self.seen.get(name, 0), timeout_s=self._slice_s
                )
                for event in watch:
                    news, course.failures = True, 0
                    self.seen[name] = event.sequence
                    if event.operation is not None:
                        return event.operation
                    if event.stage == self.work.stage:
                        course.fraction = event.fraction
                    course.metrics = dict(event.metrics)
                    course.note = f"{address}: {event.message or event.stage}"
            except UnavailableError:
                # The end of this look, of the connection, or of the server: which, it will say
                # itself.
                pass
            if course.stop.is_set():
                raise CancelledError("nobody waits for it any more")
            operation = operations.get(name)
            if operation.done:
                return operation
            silent_s = 0.0 if news or operation.state != "RUNNING" else silent_s + self._slice_s
            if silent_s >= self.stages.policy.silence_s:
                operations.cancel(name)
                self.begun.pop(address, None)
                # It may take a while to die, and nobody is to join it meanwhile.
                self.generation[address] += 1
                course.ended += 1
                course.home = None
                raise UnavailableError(f"told nothing for {silent_s:g} s", source=name)

    @property
    def _slice_s(self) -> float:
        return min(_SLICE_S, self.stages.policy.silence_s)

    def _fetch(
        self, transfer: Transfer, address: str, operation: RemoteOperation, course: Course
    ) -> Path:
        """Download the result, whose digest is verified."""
        course.note = f"{address}: fetching the result"
        self.work.target.unlink(missing_ok=True)
        try:
            transfer.download(operation.digest or "", self.work.target)
        except NotFoundError:
            # It has expired there, so the operation is of no use any more.
            self.generation[address] = self.generation.get(address, 0) + 1
            course.ended += 1
            raise
        return self.work.target
