"""``reel2sim serve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, Flag, secret_token, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.remote import RemoteStages

KINDS = ("generate", "reconstruct", "rig", "export", "edit", "run")

_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True)
class Serve:
    r"""Serve the pipeline over gRPC until stopped.

    Operations, artifacts and stage results live in DIR and survive restarts. The token is read
    from $REEL2SIM_TOKEN or a file, never from the command line, where others could see it.

    Examples:
      reel2sim serve --data-dir data
      REEL2SIM_TOKEN=secret reel2sim serve --data-dir data --address 0.0.0.0:50051 \
          --tls-cert server.pem --tls-key server.key --workers 4
      reel2sim serve --data-dir data --address 0.0.0.0:50051 --kinds reconstruct
      reel2sim serve --data-dir data --kinds run export edit \
          --stage reconstruct=gpu-a:50051,gpu-b:50051 --stage rig=big-cpu:50051
      reel2sim serve --data-dir data --metrics-port 9464 --log-format json
      PGPASSWORD=secret reel2sim serve --data-dir data --database postgresql://reel2sim@db/jobs \
          --artifact-store "s3://artifacts?endpoint=http://minio:9000"
    """

    data_dir: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder of operations, artifacts and stage results."""
    address: Annotated[str, tyro.conf.arg(metavar="HOST:PORT")] = "127.0.0.1:50051"
    """Where to listen; port 0 takes a free one."""
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Worker processes; each runs one operation at a time."""
    database: Annotated[str | None, shown("URL")] = None
    """PostgreSQL that several servers share, as postgresql://USER@HOST/NAME, with its password in
    $PGPASSWORD or ~/.pgpass; default: a file in DIR. Needs reel2sim[postgres]."""
    artifact_store: Annotated[str | None, shown("URL")] = None
    """Bucket for artifacts, as s3://BUCKET/PREFIX?endpoint=URL&region=NAME, with credentials where
    boto3 finds them ($AWS_ACCESS_KEY_ID …); default: a folder in DIR. Needs reel2sim[s3]."""
    cpus: Annotated[float | None, shown("N")] = None
    """Processor cores that jobs may use together; a job waits for what it needs. Default: as many
    as the workers ask for."""
    gpus: Annotated[float | None, shown("N")] = None
    """GPUs that jobs may use together."""
    memory: Annotated[int | None, shown("MIB")] = None
    """Memory that jobs may use together."""
    job_memory: Annotated[int | None, shown("MIB")] = None
    """Kill a worker that needs more memory than this."""
    store_limit: Annotated[float | None, shown("GIB")] = None
    """Limit of all artifacts together, unfinished uploads included when more of an upload arrives.
    An upload to which nothing is added for a day is dropped. Default: no limit."""
    keep_days: Annotated[float | None, shown("DAYS")] = None
    """Forget finished operations after so long, then artifacts that none of them refers to and
    that nobody asked for since; default: keep them."""
    max_environments: Annotated[int, tyro.conf.arg(metavar="N")] = 64
    """Environments that clients may play with at a time; 0 for none."""
    kinds: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KIND ...")] = KINDS
    """Jobs to take; one alone makes a stage server."""
    stage: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="KIND=HOST:PORT,…", help_behavior_hint="(repeatable)"),
        tyro.conf.UseAppendAction,
    ] = ()
    """Servers that do this stage of runs (generate, reconstruct or rig) instead of this one. Each
    content goes to one of them first, and to the others while that one is away."""
    stage_token_file: Annotated[Path | None, shown("FILE")] = None
    """File with the token that these servers want; read again for each call."""
    stage_tls_ca: Annotated[Path | None, shown("FILE")] = None
    """Authorities to trust with them (PEM)."""
    stage_tls_cert: Annotated[Path | None, shown("FILE")] = None
    """Certificate chain to show them (PEM)."""
    stage_tls_key: Annotated[Path | None, shown("FILE")] = None
    """Key of that certificate (PEM)."""
    stage_tls: Flag = False
    """Speak TLS with them even if none of these files is needed."""
    stage_deadline: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 24 * 3600.0
    """Longest time a stage may take there, retries included."""
    token_file: Annotated[Path | None, shown("FILE")] = None
    """File with the token that calls must carry; default: $REEL2SIM_TOKEN, else none."""
    callers: Annotated[Path | None, shown("FILE")] = None
    """Who may call and what they may do (TOML, see `reel2sim token`). It is read again when it
    changes."""
    tls_cert: Annotated[Path | None, shown("FILE")] = None
    """Certificate chain (PEM)."""
    tls_key: Annotated[Path | None, shown("FILE")] = None
    """Key of the certificate (PEM)."""
    tls_client_ca: Annotated[Path | None, shown("FILE")] = None
    """Authorities that must have signed a client's certificate (PEM)."""
    metrics_port: Annotated[int | None, shown("PORT")] = None
    """Serve Prometheus metrics at http://127.0.0.1:PORT/metrics."""
    metrics_host: Annotated[str, tyro.conf.arg(metavar="HOST")] = "127.0.0.1"
    """Address of that page; 0.0.0.0 lets other machines read it, without a password."""
    otlp_endpoint: Annotated[str | None, shown("URL")] = None
    """OpenTelemetry collector for traces (OTLP over gRPC), such as http://127.0.0.1:4317; default:
    $OTEL_EXPORTER_OTLP_ENDPOINT, else none. Needs reel2sim[otel]."""
    log_format: Literal["text", "json"] = "text"
    """Log lines on stderr: text for people, or JSON objects for machines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What to log; debug tells every call."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Serve."""
        import os

        from reel2sim.observe.logs import set_up_logs
        from reel2sim.server import ServerConfig, serve

        set_up_logs("server", format=self.log_format, level=self.log_level)
        config = ServerConfig(
            data_dir=self.data_dir,
            address=self.address,
            workers=self.workers,
            database=self.database,
            artifact_store=self.artifact_store,
            cpus=self.cpus,
            gpus=self.gpus,
            memory_mib=self.memory,
            max_job_memory_mib=self.job_memory,
            max_store_bytes=None if self.store_limit is None else int(self.store_limit * 2**30),
            operation_keep_s=None if self.keep_days is None else self.keep_days * _DAY_S,
            artifact_keep_s=None if self.keep_days is None else self.keep_days * _DAY_S,
            max_environments=self.max_environments,
            token=secret_token(self.token_file),
            callers=self.callers,
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
            tls_client_ca=self.tls_client_ca,
            kinds=self.kinds,
            stages=self._stages(),
            metrics_port=self.metrics_port,
            metrics_host=self.metrics_host,
            otlp_endpoint=self.otlp_endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"),
        )
        serve(config)
        return 0

    def _stages(self) -> RemoteStages | None:
        from reel2sim.client import TlsFiles
        from reel2sim.remote import stages_from_options
        from reel2sim.scene.errors import UsageError

        files = (self.stage_tls_ca, self.stage_tls_cert, self.stage_tls_key)
        tls = None
        if self.stage_tls or any(files):
            tls = TlsFiles(ca=files[0], cert=files[1], key=files[2])
        stages = stages_from_options(
            self.stage,
            token_file=self.stage_token_file,
            tls=tls,
            deadline_s=self.stage_deadline,
        )
        if stages is not None and "run" not in self.kinds:
            raise UsageError(
                "this server takes no runs, whose stages others could do",
                field="--stage",
                remedy="add run to --kinds, or drop --stage",
            )
        return stages
