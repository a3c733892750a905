"""The server: its parts put together, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import shutil
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from reel2sim.observe import tracing
from reel2sim.observe.metrics import metrics_page
from reel2sim.observe.secrets import redactor
from reel2sim.pipeline.cache import Cache
from reel2sim.remote.config import write_stages
from reel2sim.scene.errors import ConflictError, Reel2SimError, UsageError
from reel2sim.server import job_services
from reel2sim.server.admission import Admission
from reel2sim.server.artifact_service import ArtifactService
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.callers import Callers
from reel2sim.server.calls import CallObserver
from reel2sim.server.config import ServerConfig
from reel2sim.server.environment_service import EnvironmentService
from reel2sim.server.guard import Guard
from reel2sim.server.hub import Hub
from reel2sim.server.info_service import MAX_MESSAGE, InfoService
from reel2sim.server.observer import Observer, observed
from reel2sim.server.operation_service import EventService, OperationService
from reel2sim.server.operations import Operations
from reel2sim.server.pool import Pool
from reel2sim.server.room import Room
from reel2sim.server.status import Status
from reel2sim.server.store.blobs import open_blobs
from reel2sim.server.store.database import open_database
from reel2sim.server.uploads import Uploads
from reel2sim.v1 import (
    artifacts_pb2,
    artifacts_pb2_grpc,
    editing_pb2,
    editing_pb2_grpc,
    environments_pb2,
    environments_pb2_grpc,
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
    server_info_pb2,
    server_info_pb2_grpc,
)

_log = logging.getLogger(__name__)
_HOUR_S = 3600.0
_GRACE_S = 2.0
_JOB_SERVICES: dict[str, tuple[Any, Any, Any]] = {
    "generate": (
        generation_pb2.DESCRIPTOR,
        generation_pb2_grpc.add_VideoGenerationServicer_to_server,
        job_services.VideoGeneration,
    ),
    "reconstruct": (
        reconstruction_pb2.DESCRIPTOR,
        reconstruction_pb2_grpc.add_ReconstructionServicer_to_server,
        job_services.Reconstruction,
    ),
    "rig": (
        rigging_pb2.DESCRIPTOR,
        rigging_pb2_grpc.add_RiggingServicer_to_server,
        job_services.Rigging,
    ),
    "export": (
        export_pb2.DESCRIPTOR,
        export_pb2_grpc.add_ExportServicer_to_server,
        job_services.Export,
    ),
    "edit": (
        editing_pb2.DESCRIPTOR,
        editing_pb2_grpc.add_EditingServicer_to_server,
        job_services.Editing,
    ),
    "run": (
        pipeline_pb2.DESCRIPTOR,
        pipeline_pb2_grpc.add_PipelineServicer_to_server,
        job_services.Pipeline,
    ),
}


class Server:
    """A running server.

    Attributes:
        address: ``host:port`` it listens on.
        metrics_url: where Prometheus finds its metrics; None if they are not served.
    """

    def __init__(
        self, address: str, grpc_server: grpc.aio.Server, metrics_url: str | None = None
    ) -> None:
        self.address = address
        self.metrics_url = metrics_url
        self._grpc_server = grpc_server

    async def wait(self) -> None:
        """Wait until the server is stopped."""
        await self._grpc_server.wait_for_termination()


def serve(config: ServerConfig) -> None:
    """Serve until SIGINT or SIGTERM; operations that run then are taken up at the next start.

    Prints ``listening on HOST:PORT`` once calls are accepted.

    Raises:
        UsageError: if the address cannot be bound or the configuration is at fault.
        ConflictError: if another server uses the data folder.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with running(config) as server:
            print(f"listening on {server.address}", flush=True)
            await stop.wait()

    asyncio.run(main())


@contextlib.asynccontextmanager
async def running(config: ServerConfig) -> AsyncIterator[Server]:
    """A server inside the running event loop, stopped when the block ends.

    Raises:
        UsageError: if the address cannot be bound or the configuration is at fault.
        ConflictError: if another server uses the data folder.
    """
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_sole_owner(config))
        write_stages(config.data_dir, config.stages)
        redactor.learn(config.token)
        stack.enter_context(tracing.exporting(config.otlp_endpoint))
        observer = Observer()
        hub = Hub()
        url = config.database or f"sqlite:///{config.data_dir / 'operations.sqlite3'}"
        redactor.learn(urlsplit(url).password)
        database = await asyncio.to_thread(open_database, url, hub)
        stack.callback(database.close)
        operations = Operations(
            database,
            owner=_identity(config.data_dir),
            kinds=config.kinds,
            max_queued=config.max_queued,
            max_crashes=config.max_crashes,
            max_attempts=config.max_attempts,
            lease_s=config.lease_s,
            backoff_s=config.retry_backoff_s,
        )
        operations = observed(operations, observer)
        stack.callback(observer.close)
        blobs = open_blobs(config.artifact_store or "", config.data_dir / "artifacts")
        artifacts = Artifacts(database, blobs, max_bytes=config.max_store_bytes)
        room = Room(artifacts, max_bytes=config.max_store_bytes, keep_s=config.upload_keep_s)
        uploads = Uploads(
            config.data_dir / "uploads", artifacts, room, max_bytes=config.max_artifact_bytes
        )
        await artifacts.sweep()
        for name in ("work", "tmp"):
            shutil.rmtree(config.data_dir / name, ignore_errors=True)
        await asyncio.to_thread(Cache(config.data_dir / "cache").sweep)
        if resumed := await operations.recover():
            _log.info("taking up %d operations again", resumed)
        pool = Pool(config, operations, artifacts, hub, observer)
        await pool.start()
        stack.push_async_callback(pool.stop)
        environments = EnvironmentService(config, artifacts)
        status = Status(
            config.kinds,
            operations,
            artifacts,
            workers=pool.workers,
            environments=environments.taken,
        )
        url = stack.enter_context(_metrics_page(config, status, observer))
        grpc_server, address, health_service = await _listening(
            config, operations, artifacts, uploads, hub, environments, status, observer
        )
        stack.push_async_callback(grpc_server.stop, _GRACE_S)
        # Before all else, so that balancers stop sending work here.
        stack.push_async_callback(health_service.enter_graceful_shutdown)
        janitor = asyncio.create_task(_expire(config, uploads, operations, artifacts))
        stack.callback(janitor.cancel)
        yield Server(address, grpc_server, url)


@contextlib.contextmanager
def _metrics_page(config: ServerConfig, status: Status, observer: Observer) -> Iterator[str | None]:
    """The metrics over HTTP, if they are wanted."""
    if config.metrics_port is None:
        yield None
        return
    registry = observer.metrics.registry
    observer.metrics.read_from(status.from_thread(asyncio.get_running_loop()))
    with metrics_page(registry, host=config.metrics_host, port=config.metrics_port) as url:
        _log.info("metrics at %s", url)
        yield url


async def _listening(
    config: ServerConfig,
    operations: Operations,
    artifacts: Artifacts,
    uploads: Uploads,
    hub: Hub,
    environments: EnvironmentService,
    status: Status,
    observer: Observer,
) -> tuple[grpc.aio.Server, str, HealthServicer]:
    """The gRPC server, started, its address, and what tells its health."""
    callers = None if config.callers is None else Callers(config.callers)
    server = grpc.aio.server(
        interceptors=[
            CallObserver(observer.metrics),
            Admission(config.max_concurrent_rpcs),
            Guard(token=config.token, callers=callers, stall_timeout_s=config.stall_timeout_s),
        ],
        options=[
            # Without it two servers share a port silently and each gets some of the calls.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ],
    )
    submit = job_services.submitter(
        operations, artifacts, None if config.database else config.resources
    )
    descriptors: list[Any] = [
        artifacts_pb2.DESCRIPTOR,
        events_pb2.DESCRIPTOR,
        server_info_pb2.DESCRIPTOR,
        operations_pb2.DESCRIPTOR,
    ]
    for kind in config.kinds:
        descriptor, add, servicer = _JOB_SERVICES[kind]
        add(servicer(submit), server)
        descriptors.append(descriptor)
    artifact_service = ArtifactService(
        artifacts, uploads, observer.metrics, stall_timeout_s=config.stall_timeout_s
    )
    if config.max_environments:
        environments_pb2_grpc.add_EnvironmentsServicer_to_server(environments, server)
        descriptors.append(environments_pb2.DESCRIPTOR)
    artifacts_pb2_grpc.add_ArtifactsServicer_to_server(artifact_service, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(OperationService(operations, hub), server)
    events_pb2_grpc.add_OperationEventsServicer_to_server(EventService(operations, hub), server)
    server_info_pb2_grpc.add_ServerInfoServicer_to_server(
        InfoService(config, status, observer), server
    )
    names = [s.full_name for d in descriptors for s in d.services_by_name.values()]
    health_service = await _add_health_and_reflection(server, names)
    address = _bind(server, config)
    await server.start()
    return server, address, health_service


async def _add_health_and_reflection(server: grpc.aio.Server, names: list[str]) -> Any:
    servicer: Any = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for name in ("", *names):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection(
        (*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    return servicer


def _bind(server: grpc.aio.Server, config: ServerConfig) -> str:
    """Bind the configured address; the address in use."""
    host = config.address.rpartition(":")[0]
    try:
        if config.tls_cert is None or config.tls_key is None:
            if host.strip("[]") not in ("127.0.0.1", "localhost", "::1"):
                _log.warning("serving plain text beyond this machine; set tls_cert and tls_key")
            port = server.add_insecure_port(config.address)
        else:
            ca = config.tls_client_ca
            credentials = grpc.ssl_server_credentials(
                [(config.tls_key.read_bytes(), config.tls_cert.read_bytes())],
                root_certificates=None if ca is None else ca.read_bytes(),
                require_client_auth=ca is not None,
            )
            port = server.add_secure_port(config.address, credentials)
    except OSError as cause:
        raise UsageError(f"cannot read: {cause}", source="ServerConfig", field="tls") from cause
    except RuntimeError as cause:
        port = 0
        raise _not_bound(config) from cause
    if port == 0:
        raise _not_bound(config)
    return f"{host}:{port}"


def _not_bound(config: ServerConfig) -> Reel2SimError:
    return UsageError(
        f"cannot listen on {config.address}",
        source="ServerConfig",
        field="address",
        remedy="choose an address of this machine and a port that is free",
    )


@contextlib.contextmanager
def _sole_owner(config: ServerConfig) -> Any:
    """Hold the lock of the data folder: two servers would both run its operations."""
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock: IO[str] = (config.data_dir / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise ConflictError(
                "another server uses this folder",
                source=config.data_dir,
                remedy="stop it, or choose another data folder",
            ) from cause
        yield


async def _expire(
    config: ServerConfig, uploads: Uploads, operations: Operations, artifacts: Artifacts
) -> None:
    """Drop what has outlived its time, now and every hour or more often."""
    ages = (config.upload_keep_s, config.operation_keep_s, config.artifact_keep_s)
    pause_s = min(_HOUR_S, *(age for age in ages if age is not None))
    while True:
        try:
            await asyncio.to_thread(uploads.expire, config.upload_keep_s)
            if config.operation_keep_s is not None:
                await operations.expire(config.operation_keep_s)
            if config.artifact_keep_s is not None:
                await artifacts.expire(config.artifact_keep_s)
        except Exception as error:
            _log.warning("what is old was not removed: %s", error)
        await asyncio.sleep(pause_s)


def _identity(data_dir: Path) -> str:
    """The name of the server that uses this folder, the same after a restart."""
    path = data_dir / "server-id"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(uuid.uuid4().hex)
        part.replace(path)
    return path.read_text()
