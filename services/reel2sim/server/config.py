"""What a server may be told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reel2sim.remote.config import RemoteStages
from reel2sim.scene.errors import UsageError
from reel2sim.server.records import Resources

_URL = re.compile(r"https?://[^\s/]+")
_DATABASES = ("postgresql://", "postgres://")
KINDS = ("generate", "reconstruct", "rig", "export", "edit", "run")


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Configuration of one server process.

    Attributes:
        data_dir: folder of all that this process keeps: the database and the artifacts unless they
            are elsewhere, the stage cache and scratch space.
        database: ``postgresql://…`` for a database that several servers share; None for a file in
            ``data_dir``.
        artifact_store: ``s3://BUCKET/PREFIX?endpoint=URL`` for artifacts in a bucket; None for a
            folder in ``data_dir``.
        address: ``host:port`` to listen on; port 0 takes a free one.
        workers: worker processes; each runs one operation at a time.
        cpus: processor cores for jobs together; None for no limit. So are ``gpus`` and
            ``memory_mib``. A job starts when what it needs is free.
        gpus: GPUs.
        memory_mib: memory, MiB.
        max_job_memory_mib: a worker that needs more is killed; None for no limit.
        kinds: jobs this server takes.
        token: bearer token that every call but health checks must carry; None asks for none.
        callers: TOML file of who may call and what they may do, see
            :class:`~reel2sim.server.callers.Callers`; None lets everybody do all who knows the
            token.
        tls_cert: PEM certificate chain; None serves plain text.
        tls_key: PEM private key of ``tls_cert``.
        tls_client_ca: PEM authorities that must have signed a client's certificate (mTLS).
        runner: ``"module:function"`` of the :class:`~reel2sim.server.job.JobRunner` to run.
        stages: the stages of runs that other servers do; None does all here.
        max_artifact_bytes: largest artifact.
        max_store_bytes: limit of all artifacts together, and of them and unfinished uploads when
            another piece of an upload arrives; None for none.
        max_queued: operations that may wait or run at a time.
        max_concurrent_rpcs: calls in flight, watchers included; health checks and the server's
            status are answered beyond it.
        max_crashes: how often a worker may die on one operation before the operation fails.
        max_attempts: how often an operation is taken up in all, restarts of the server included.
        retry_backoff_s: pause before an operation is tried again after its worker died; doubles.
        lease_s: how long a server may be silent before others take up what it ran.
        operation_keep_s: age at which finished operations are forgotten; None keeps them.
        artifact_keep_s: age at which artifacts are removed that no operation has as its input or
            output; None keeps them.
        cancel_grace_s: time a job has to heed a cancel before its worker is killed.
        job_timeout_s: longest time a job may take.
        stall_timeout_s: longest silence in an upload, or of a reader in a download.
        upload_keep_s: how long after its last byte an unfinished upload is dropped, give or take
            the hour (or less, if this is less) between two looks.
        max_environments: environments of all clients together; 0 offers none.
        max_environments_per_client: of one client, told by certificate or else by host.
        environment_processes: processes that step the environments of one stream.
        environment_idle_s: longest time between two requests to environments.
        metrics_port: where Prometheus finds the metrics over HTTP; 0 takes a free port, None
            serves none.
        metrics_host: address that page listens on.
        otlp_endpoint: URL of an OpenTelemetry collector (OTLP over gRPC) for spans; None for none.
    """

    data_dir: Path
    database: str | None = None
    artifact_store: str | None = None
    address: str = "127.0.0.1:50051"
    workers: int = 1
    cpus: float | None = None
    gpus: float | None = None
    memory_mib: int | None = None
    max_job_memory_mib: int | None = None
    kinds: tuple[str, ...] = KINDS
    token: str | None = None
    callers: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    runner: str = "reel2sim.server.jobs:run_job"
    stages: RemoteStages | None = None
    max_artifact_bytes: int = 4 << 30
    max_store_bytes: int | None = None
    max_queued: int = 1000
    max_concurrent_rpcs: int = 256
    max_crashes: int = 2
    max_attempts: int = 10
    retry_backoff_s: float = 0.5
    lease_s: float = 30.0
    operation_keep_s: float | None = None
    artifact_keep_s: float | None = None
    cancel_grace_s: float = 2.0
    job_timeout_s: float = 24 * 3600.0
    stall_timeout_s: float = 25.0
    upload_keep_s: float = 24 * 3600.0
    max_environments: int = 64
    max_environments_per_client: int = 64
    environment_processes: int = 1
    environment_idle_s: float = 600.0
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    otlp_endpoint: str | None = None

    def __post_init__(self) -> None:
        host, colon, port = self.address.rpartition(":")
        if not (host and colon and port.isdecimal() and int(port) < 65536):
            self._refuse("address", f"{self.address!r} is not host:port")
        if self.workers < 1:
            self._refuse("workers", "must be at least 1")
        for kind in self.kinds:
            if kind not in KINDS:
                self._refuse("kinds", f"{kind!r} is not one of {', '.join(KINDS)}")
        if self.database is not None and not self.database.startswith(_DATABASES):
            self._refuse("database", "must begin with postgresql://")
        if self.artifact_store is not None and not self.artifact_store.startswith("s3://"):
            self._refuse("artifact_store", "must begin with s3://")
        if self.token == "":
            self._refuse("token", "is empty")
        if (self.tls_cert is None) != (self.tls_key is None):
            self._refuse("tls_key", "a certificate and its key go together")
        if self.tls_client_ca is not None and self.tls_cert is None:
            self._refuse("tls_client_ca", "needs tls_cert and tls_key")
        for name in ("max_artifact_bytes", "max_queued", "max_concurrent_rpcs", "max_attempts"):
            if getattr(self, name) < 1:
                self._refuse(name, "must be at least 1")
        if self.metrics_port is not None and not 0 <= self.metrics_port < 65536:
            self._refuse("metrics_port", f"{self.metrics_port} is not a port")
        if self.otlp_endpoint is not None and not _URL.match(self.otlp_endpoint):
            self._refuse("otlp_endpoint", f"{self.otlp_endpoint!r} is not like http://host:4317")
        if self.max_environments < 0:
            self._refuse("max_environments", "must be at least 0")
        for name in ("max_environments_per_client", "environment_processes"):
            if getattr(self, name) < 1:
                self._refuse(name, "must be at least 1")
        for name in (
            "cancel_grace_s",
            "job_timeout_s",
            "stall_timeout_s",
            "environment_idle_s",
            "lease_s",
            "retry_backoff_s",
        ):
            if not getattr(self, name) > 0:
                self._refuse(name, "must be positive")
        for name in ("cpus", "gpus", "memory_mib", "max_job_memory_mib"):
            if (limit := getattr(self, name)) is not None and not limit >= 0:
                self._refuse(name, "must not be negative")
        for name in ("operation_keep_s", "artifact_keep_s"):
            if (age := getattr(self, name)) is not None and not age > 0:
                self._refuse(name, "must be positive")

    @property
    def resources(self) -> Resources:
        """What all jobs together may use."""
        unlimited = 1 << 40
        return Resources(
            cpus=unlimited if self.cpus is None else self.cpus,
            gpus=unlimited if self.gpus is None else self.gpus,
            memory_mib=unlimited if self.memory_mib is None else self.memory_mib,
        )

    def _refuse(self, field: str, message: str) -> None:
        raise UsageError(message, source="ServerConfig", field=field)
