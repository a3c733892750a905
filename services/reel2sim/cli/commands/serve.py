"""``reel2sim serve``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, secret_token, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Serve:
    r"""Serve the pipeline over gRPC until stopped.

    Operations, artifacts and stage results live in DIR and survive restarts. The token is read
    from $REEL2SIM_TOKEN or a file, never from the command line, where others could see it.

    Examples:
      reel2sim serve --data-dir data
      REEL2SIM_TOKEN=secret reel2sim serve --data-dir data --address 0.0.0.0:50051 \
          --tls-cert server.pem --tls-key server.key --workers 4
      reel2sim serve --data-dir data --metrics-port 9464 --log-format json
    """

    data_dir: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder of operations, artifacts and stage results."""
    address: Annotated[str, tyro.conf.arg(metavar="HOST:PORT")] = "127.0.0.1:50051"
    """Where to listen; port 0 takes a free one."""
    workers: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Worker processes; each runs one operation at a time."""
    max_environments: Annotated[int, tyro.conf.arg(metavar="N")] = 64
    """Environments that clients may play with at a time; 0 for none."""
    token_file: Annotated[Path | None, shown("FILE")] = None
    """File with the token that calls must carry; default: $REEL2SIM_TOKEN, else none."""
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
            max_environments=self.max_environments,
            token=secret_token(self.token_file),
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
            tls_client_ca=self.tls_client_ca,
            metrics_port=self.metrics_port,
            metrics_host=self.metrics_host,
            otlp_endpoint=self.otlp_endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"),
        )
        serve(config)
        return 0
