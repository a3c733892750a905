"""``reel2sim top``."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.options import Common, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.client import Client, ServerStatus

_SHORTEST_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Top:
    """Watch a server: queue, running operations, workers, recent ends and calls.

    The view lasts until Ctrl-C, also while the server is away. The token is read from
    $REEL2SIM_TOKEN or a file, never from the command line, where others could see it.

    Examples:
      reel2sim top 127.0.0.1:50051
      reel2sim top 127.0.0.1:50051 --once
      reel2sim top 127.0.0.1:50051 --once --json | jq '.loads'
      REEL2SIM_TOKEN=… reel2sim top gpu-host:50051 --tls-ca ca.pem
    """

    address: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ADDRESS")]
    """host:port of the server."""
    once: Flag = False
    """Show one view and leave."""
    interval: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 1.0
    """Time between two views."""
    token_file: Annotated[Path | None, shown("FILE")] = None
    """File with the server's token; default: $REEL2SIM_TOKEN, else none."""
    tls: Flag = False
    """Encrypt, trusting the system's authorities."""
    tls_ca: Annotated[Path | None, shown("FILE")] = None
    """Encrypt, trusting these authorities (PEM)."""
    tls_cert: Annotated[Path | None, shown("FILE")] = None
    """Certificate chain of this client (PEM), for servers that want one."""
    tls_key: Annotated[Path | None, shown("FILE")] = None
    """Key of the certificate (PEM)."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Watch."""
        from reel2sim.scene.errors import UsageError

        if not self.interval >= _SHORTEST_S:
            raise UsageError(f"must be at least {_SHORTEST_S} s", field="--interval")
        with self._client() as client:
            if self.once:
                self._show(console, client.status())
            elif self.common.json:
                self._stream(console, client)
            else:
                self._live(client)
        return 0

    def _client(self) -> Client:
        from reel2sim.cli.options import secret_token
        from reel2sim.client import Client, TlsFiles

        files = (self.tls_ca, self.tls_cert, self.tls_key)
        encrypted = self.tls or any(file is not None for file in files)
        return Client(
            self.address,
            token=secret_token(self.token_file),
            tls=TlsFiles(ca=self.tls_ca, cert=self.tls_cert, key=self.tls_key)
            if encrypted
            else None,
            timeout_s=10.0,
            retry_s=0.0,
        )

    def _show(self, console: Console, status: ServerStatus) -> None:
        from dataclasses import asdict

        from reel2sim.cli.top_view import status_view

        console.result(asdict(status), status_view(self.address, status))

    def _stream(self, console: Console, client: Client) -> None:
        """One JSON object after another."""
        try:
            while True:
                self._show(console, client.status())
                time.sleep(self.interval)
        except KeyboardInterrupt:
            return

    def _live(self, client: Client) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        before: ServerStatus | None = None
        try:
            with Live(console=RichConsole(), auto_refresh=False, screen=True) as live:
                while True:
                    before, view = self._next(client, before)
                    live.update(view, refresh=True)
                    time.sleep(self.interval)
        except KeyboardInterrupt:
            return

    def _next(self, client: Client, before: ServerStatus | None) -> tuple[Any, Any]:
        """The status of now, or the last one known, and its view."""
        from rich.console import Group
        from rich.text import Text

        from reel2sim.cli.top_view import status_view
        from reel2sim.scene.errors import UnavailableError

        try:
            status = client.status()
        except UnavailableError as away:
            if before is None:
                raise
            told = Text(f"{self.address} is away, trying again: {away.message}", style="bold red")
            return before, Group(told, status_view(self.address, before))
        return status, status_view(self.address, status, before)
