"""The Python client."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from reel2sim.client.connection import Connection, TlsFiles
from reel2sim.client.operations import RemoteEvent, RemoteOperation, RemoteOperations, Request
from reel2sim.client.status import ServerStatus, status_of_message
from reel2sim.client.transfer import Transfer
from reel2sim.editing.edits import Edit
from reel2sim.exporters.staging import staged_folder
from reel2sim.observe.tracing import traced
from reel2sim.scene.errors import (
    ConflictError,
    Reel2SimError,
    UsageError,
)
from reel2sim.scene.progress import Progress, silent
from reel2sim.transport.archive import unpack
from reel2sim.transport.choices import DEVICES, PRESETS
from reel2sim.transport.edits import message_of
from reel2sim.v1 import common_pb2 as common
from reel2sim.v1 import editing_pb2, pipeline_pb2, server_info_pb2, server_info_pb2_grpc

Preset = Literal["draft", "standard", "high"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class ServerFacts:
    """What a server is and can do.

    Attributes:
        version: of its reel2sim package.
        kinds: jobs it takes.
        presets: presets it knows.
        devices: devices it has.
        max_artifact_bytes: largest upload.
        max_environments: environments of one client, see
            :class:`reel2sim.client.RemoteVectorEnv`; 0 if the server has none.
    """

    version: str
    kinds: tuple[str, ...]
    presets: tuple[str, ...]
    devices: tuple[str, ...]
    max_artifact_bytes: int
    max_environments: int = 0


class Client:
    """A connection to a Reel2Sim server. Use it in a ``with`` block, or close it.

    Errors are those of :mod:`reel2sim.scene.errors`, of the class the server raised. Calls that
    may safely be repeated are, while the server cannot be reached, for up to ``retry_s``.

    Args:
        address: ``host:port``.
        token: bearer token, if the server wants one.
        tls: certificates; None speaks plain text.
        timeout_s: deadline of each short call.
        retry_s: how long a server that is away is waited for.

    Example:
        >>> with Client("127.0.0.1:50051") as client:
        ...     client.run(Path("capture"), out=Path("bundle"), preset="draft")
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        tls: TlsFiles | None = None,
        timeout_s: float = 30.0,
        retry_s: float = 60.0,
    ) -> None:
        self._connection = Connection(
            address, token=token, tls=tls, timeout_s=timeout_s, retry_s=retry_s
        )
        self._transfer = Transfer(self._connection)
        self._operations = RemoteOperations(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; operations go on."""
        self._connection.close()

    def info(self) -> ServerFacts:
        """What the server is and can do."""
        stub = server_info_pb2_grpc.ServerInfoStub(self._connection.channel)
        request = server_info_pb2.GetServerInfoRequest()
        answer = self._connection.call(stub.GetServerInfo, request)
        return ServerFacts(
            version=answer.version,
            kinds=tuple(answer.kinds),
            presets=tuple(answer.presets),
            devices=tuple(answer.devices),
            max_artifact_bytes=answer.limits.max_artifact_bytes,
            max_environments=min(
                answer.limits.max_environments, answer.limits.max_environments_per_client
            ),
        )

    def status(self, *, max_recent_ends: int = 20) -> ServerStatus:
        """What the server does at this moment, and has done since it started."""
        stub = server_info_pb2_grpc.ServerInfoStub(self._connection.channel)
        request = server_info_pb2.GetServerStatusRequest(max_recent_ends=max_recent_ends)
        return status_of_message(self._connection.call(stub.GetServerStatus, request))

    def upload(
        self, path: Path | str, *, upload_id: str | None = None, progress: Progress = silent
    ) -> str:
        """Put a file or folder into the store and return its digest.

        Nothing is sent that the server has. An upload that broke off goes on where it was if it
        is repeated with the same ``upload_id``; a connection that breaks within one call is made
        again by itself.
        """
        return self._transfer.upload(Path(path), upload_id=upload_id, progress=progress).digest

    def reference(self, path: Path | str, *, progress: Progress = silent) -> common.ArtifactRef:
        """Upload a file or folder and return how a request names it."""
        digest = self.upload(path, progress=progress)
        return common.ArtifactRef(digest=digest, filename=Path(path).resolve().name)

    def with_pictures(
        self,
        options: common.GenerationOptions | None = None,
        *,
        first_frame: Path | str | None = None,
        last_frame: Path | str | None = None,
        reference: Path | str | None = None,
        progress: Progress = silent,
    ) -> common.GenerationOptions:
        """Upload pictures for a generator and return ``options`` that name them.

        Args:
            options: what else is asked; stays as it is.
            first_frame: picture file (PNG, JPEG, WebP) that the clip begins with.
            last_frame: picture file that it ends with.
            reference: picture file of the subject, from anywhere.
            progress: told of the uploads.

        Example:
            >>> asked = client.with_pictures(first_frame="lamp.png")
            >>> client.run(prompt="the lamp bends", out="lamp", backend="diffusers",
            ...            generation=asked)
        """
        asked = common.GenerationOptions()
        if options is not None:
            asked.CopyFrom(options)
        given = {"first_frame": first_frame, "last_frame": last_frame, "reference": reference}
        for name, path in given.items():
            if path is not None:
                getattr(asked, name).CopyFrom(self.reference(path, progress=progress))
        return asked

    def download(
        self, digest: str, out: Path | str, *, overwrite: bool = False, progress: Progress = silent
    ) -> Path:
        """Fetch an artifact to ``out``: a packed folder is unpacked, a file stays one.

        ``out`` appears whole or not at all.

        Raises:
            ConflictError: if ``out`` is taken and ``overwrite`` is not set.
            IntegrityError: if what arrived has another digest.
        """
        out = Path(out)
        artifact = self._transfer.stat(digest)
        if artifact.format == common.ARTIFACT_FORMAT_FILE:
            self._download_file(digest, out, overwrite=overwrite, progress=progress)
            return out
        with tempfile.TemporaryDirectory(prefix="reel2sim-") as scratch:
            archive = Path(scratch) / "folder.tar"
            self._transfer.download(digest, archive, progress=progress)
            with staged_folder(out, overwrite=overwrite) as folder:
                unpack(archive, folder)
        return out

    def delete_artifact(self, digest: str) -> None:
        """Remove an artifact that no unfinished operation reads."""
        self._transfer.delete(digest)

    def start(
        self,
        source: Path | str | None = None,
        *,
        prompt: str | None = None,
        preset: Preset = "standard",
        seed: int = 0,
        device: Device = "auto",
        name: str = "",
        backend: str = "",
        material: str = "",
        density: float | None = None,
        max_size: int | None = None,
        generation: common.GenerationOptions | None = None,
        priority: int = 0,
        request_id: str | None = None,
        progress: Progress = silent,
    ) -> RemoteOperation:
        """Upload ``source``, if there is one, and start the whole chain on the server.

        Args:
            source: capture folder or video file; or None with a prompt or pictures.
            prompt: text to generate the reel from; or None with a source.
            preset: effort.
            seed: of every random draw, 0..2³²−1.
            device: where the server computes.
            name: of the object; "" takes it from the source or prompt.
            backend: generation backend; "" for the server's default.
            material: what the object is made of; "" lets the rigging choose.
            density: kg/m³ to use instead of the material's.
            max_size: largest image side to work at, pixels.
            generation: how the reel is made from the prompt; see :meth:`with_pictures`.
            priority: jobs with a lower number are started first, -1000..1000.
            request_id: a repeated call with the same id and content returns the first operation.
            progress: told of the upload.
        """
        if preset not in PRESETS or device not in DEVICES or not 0 <= seed < 2**32:
            raise UsageError(
                f"preset {preset!r}, device {device!r}, seed {seed}: one of them is not known",
                remedy=f"presets: {', '.join(PRESETS)}; devices: {', '.join(DEVICES)}",
            )
        if density is not None and not density > 0:
            raise UsageError(f"{density:g} is not above 0", field="density", remedy="give kg/m³")
        request = pipeline_pb2.RunRequest(
            request_id=request_id or "",
            prompt=prompt or "",
            config=common.JobConfig(
                preset=PRESETS[preset],
                seed=seed,
                device=DEVICES[device],
                name=name,
                backend=backend,
                material=material,
                density=density or 0.0,
                max_size=max_size or 0,
                generation=generation,
            ),
            execution_policy=common.ExecutionPolicy(priority=priority),
        )
        if source is not None:
            request.source.CopyFrom(self.reference(source, progress=progress))
        return self._operations.start(request)

    def submit(self, request: Request) -> RemoteOperation:
        """Start any kind of job from its message; inputs must have been uploaded."""
        return self._operations.start(request)

    def get(self, name: str) -> RemoteOperation:
        """The latest state of an operation."""
        return self._operations.get(name)

    def list(self, *, filter: str = "", page_size: int = 100) -> Iterator[RemoteOperation]:
        """All operations that meet ``filter``, such as ``"state=RUNNING AND kind=run"``."""
        return self._operations.list(filter=filter, page_size=page_size)

    def cancel(self, name: str) -> None:
        """Ask an operation to stop; one that is done stays as it is."""
        self._operations.cancel(name)

    def delete(self, name: str) -> None:
        """Forget a finished operation; ConflictError if it is not finished."""
        self._operations.delete(name)

    def watch(self, name: str, *, after_sequence: int = 0) -> Iterator[RemoteEvent]:
        """Events of an operation as they happen, up to the final one, across reconnections."""
        return self._operations.watch(name, after_sequence=after_sequence)

    def wait(self, name: str, *, progress: Progress = silent) -> RemoteOperation:
        """Watch an operation to its end and return it; its error, if any, is raised.

        Raises:
            Reel2SimError: what the operation failed with, or CancelledError.
        """
        for event in self.watch(name):
            if event.operation is not None:
                event.operation.raise_for_error()
                return event.operation
            if event.state == "RUNNING" and event.stage:
                progress(event.stage, event.fraction, event.message, **event.metrics)
        raise Reel2SimError("the server ended the watch early", source=name)

    @traced("Client.run")
    def run(
        self,
        source: Path | str | None = None,
        *,
        out: Path | str,
        prompt: str | None = None,
        preset: Preset = "standard",
        seed: int = 0,
        device: Device = "auto",
        name: str = "",
        backend: str = "",
        material: str = "",
        density: float | None = None,
        max_size: int | None = None,
        generation: common.GenerationOptions | None = None,
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> Path:
        """Make a bundle on the server and fetch it: :func:`reel2sim.pipeline.run`, elsewhere.

        If ``progress`` raises, or the user interrupts, the operation is cancelled.

        Args:
            source: capture folder or video file; or None with a prompt or pictures.
            out: bundle folder to make; must not exist, or be empty.
            prompt: text to generate the reel from; or None with a source.
            preset: effort.
            seed: of every random draw, 0..2³²−1.
            device: where the server computes.
            name: of the object; "" takes it from the source or prompt.
            backend: generation backend; "" for the server's default.
            material: what the object is made of; "" lets the rigging choose.
            density: kg/m³ to use instead of the material's.
            max_size: largest image side to work at, pixels.
            generation: how the reel is made from the prompt; see :meth:`with_pictures`.
            overwrite: replace what is at ``out`` once the new bundle is whole.
            progress: told of the upload, the job and the download.

        Returns:
            The bundle folder.

        Raises:
            Reel2SimError: of the class the server raised.
        """
        out = _vacant(Path(out), overwrite=overwrite)
        operation = self.start(
            source,
            prompt=prompt,
            preset=preset,
            seed=seed,
            device=device,
            name=name,
            backend=backend,
            material=material,
            density=density,
            max_size=max_size,
            generation=generation,
            progress=progress,
        )
        return self._awaited(operation, out, overwrite=overwrite, progress=progress)

    @traced("Client.edit")
    def edit(
        self,
        base: Path | str,
        edits: Sequence[Edit],
        *,
        out: Path | str,
        overwrite: bool = False,
        progress: Progress = silent,
    ) -> Path:
        """Change a bundle on the server and fetch the result.

        Args:
            base: bundle folder, or ``.npz`` of an asset or a scene.
            edits: changes in order; a ``source`` in them is a path here, which is uploaded.
            out: bundle folder to make; must not exist, or be empty.
            overwrite: replace what is at ``out`` once the new bundle is whole.
            progress: told of the upload, the job and the download.

        Returns:
            The bundle folder.

        Raises:
            Reel2SimError: of the class the server raised.
        """
        out = _vacant(Path(out), overwrite=overwrite)
        sent: dict[str, common.ArtifactRef] = {}

        def reference(path: Path | str) -> common.ArtifactRef:
            key = str(path)
            if key not in sent:
                sent[key] = self.reference(path, progress=progress)
            return sent[key]

        request = editing_pb2.EditRequest(base=reference(base))
        sources: dict[str, common.ArtifactRef] = {}
        for edit in edits:
            source = getattr(edit, "source", None)
            if source is not None:
                found = reference(source)
                sources[found.digest] = found
                edit = replace(edit, source=found.digest)
            request.edits.append(message_of(edit))
        request.sources.extend(sources.values())
        operation = self._operations.start(request)
        return self._awaited(operation, out, overwrite=overwrite, progress=progress)

    def fetch(self, request: Request, out: Path | str, *, progress: Progress = silent) -> Path:
        """Start any kind of job, wait for it, and fetch what it made to ``out``.

        If ``progress`` raises, or the user interrupts, the operation is cancelled.

        Raises:
            Reel2SimError: of the class the server raised.
        """
        operation = self._operations.start(request)
        return self._awaited(operation, Path(out), overwrite=False, progress=progress)

    def _awaited(
        self, operation: RemoteOperation, out: Path, *, overwrite: bool, progress: Progress
    ) -> Path:
        """Wait for a job and fetch its result; cancel it if the caller gives up."""
        try:
            finished = self.wait(operation.name, progress=progress)
        except BaseException:
            with contextlib.suppress(Reel2SimError):
                self.cancel(operation.name)
            raise
        assert finished.digest is not None
        return self.download(finished.digest, out, overwrite=overwrite, progress=progress)

    def _download_file(
        self, digest: str, out: Path, *, overwrite: bool, progress: Progress
    ) -> None:
        if out.is_dir() or (out.exists() and not overwrite):
            raise ConflictError("exists", source=out, remedy="choose another name")
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_name(f".{out.name}.partial-{digest[:8]}")
        partial.unlink(missing_ok=True)
        self._transfer.download(digest, partial, progress=progress)
        partial.replace(out)


def _vacant(out: Path, *, overwrite: bool) -> Path:
    """``out``, if a bundle may be put there."""
    if out.exists() and not overwrite and (out.is_file() or any(out.iterdir())):
        raise ConflictError("is not empty", source=out, remedy="choose another folder")
    return out
