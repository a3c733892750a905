"""Which stages are done by which servers, and how the worker processes come to know."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reel2sim.remote.breaker import BreakerPolicy
from reel2sim.remote.policy import RetryPolicy
from reel2sim.scene.errors import UsageError

if TYPE_CHECKING:
    from reel2sim.client.connection import TlsFiles

REMOTE_KINDS = ("generate", "reconstruct", "rig")
"""Jobs of a run that other servers can do. The export stays where the reel and history are."""

STAGES_FILE = "stages.json"


@dataclass(frozen=True)
class Servers:
    """Who does one stage.

    Attributes:
        kind: which job.
        addresses: ``host:port`` of each server.
    """

    kind: str
    addresses: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in REMOTE_KINDS:
            raise UsageError(
                f"{self.kind!r} is not one of {', '.join(REMOTE_KINDS)}", field="--stage"
            )
        if not self.addresses:
            raise UsageError(f"{self.kind} has no address", field="--stage")
        for address in self.addresses:
            host, _, port = address.rpartition(":")
            if not (host and port.isdecimal() and 0 < int(port) < 65536):
                raise UsageError(f"{address!r} is not host:port", field="--stage")

    def order(self, content: str) -> tuple[str, ...]:
        """The addresses, as a stage on ``content`` tries them.

        Each content has an order of its own (rendezvous hashing), so that many contents spread
        evenly, and the same one always goes first to where it was before: there it finds its
        operation, its cached result or its checkpoint.
        """
        return tuple(
            sorted(self.addresses, key=lambda x: sha256(f"{x} {content}".encode()).digest())
        )


@dataclass(frozen=True, kw_only=True)
class RemoteStages:
    """The stages that other servers do.

    Attributes:
        servers: of each kind; what is not named is done here.
        token_file: file with the bearer token for them; None sends none.
        tls: certificates; None speaks plain text.
        policy: bounds and retries.
    """

    servers: tuple[Servers, ...] = ()
    token_file: Path | None = None
    tls: TlsFiles | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        kinds = [one.kind for one in self.servers]
        if len(set(kinds)) < len(kinds):
            raise UsageError(
                "names a stage twice",
                field="--stage",
                remedy="give all its addresses at once: --stage rig=a:50051,b:50051",
            )

    def of(self, kind: str) -> Servers | None:
        """Who does ``kind``, or None if it is done here."""
        return next((one for one in self.servers if one.kind == kind), None)

    def token(self) -> str | None:
        """The token, read anew so that it can be changed while servers run.

        Raises:
            UsageError: if the file cannot be read or is empty.
        """
        if self.token_file is None:
            return None
        try:
            token = self.token_file.read_text(encoding="utf-8").strip()
        except OSError as cause:
            raise UsageError(f"cannot be read: {cause.strerror}", source=self.token_file) from cause
        if not token:
            raise UsageError("is empty", source=self.token_file)
        return token


def stages_from_options(
    options: Sequence[str],
    *,
    token_file: Path | None = None,
    tls: TlsFiles | None = None,
    deadline_s: float | None = None,
) -> RemoteStages | None:
    """What ``--stage KIND=HOST:PORT[,HOST:PORT]`` options say, or None if there are none.

    Raises:
        UsageError: if one is not of that form, or a kind is unknown or named twice.
    """
    servers: list[Servers] = []
    for option in options:
        kind, equals, addresses = option.partition("=")
        if not equals:
            raise UsageError(
                f"{option!r} is not KIND=HOST:PORT",
                field="--stage",
                remedy="such as --stage reconstruct=gpu-host:50051",
            )
        found = tuple(x.strip() for x in addresses.split(",") if x.strip())
        servers.append(Servers(kind.strip(), found))
    if not servers:
        return None
    policy = RetryPolicy() if deadline_s is None else RetryPolicy(deadline_s=deadline_s)
    return RemoteStages(servers=tuple(servers), token_file=token_file, tls=tls, policy=policy)


def write_stages(data_dir: Path, stages: RemoteStages | None) -> None:
    """Tell the workers of a server; of secrets only the files' names are written."""
    path = data_dir / STAGES_FILE
    if stages is None:
        path.unlink(missing_ok=True)
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(asdict(stages), default=_absolute, indent=1), encoding="utf-8")
    aside.replace(path)


def read_stages(path: Path) -> RemoteStages | None:
    """What :func:`write_stages` wrote, or None if it told that all stages are done here."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    from reel2sim.client.connection import TlsFiles

    record = json.loads(text)
    tls: Mapping[str, Any] | None = record["tls"]
    policy = dict(record["policy"])
    return RemoteStages(
        servers=tuple(Servers(x["kind"], tuple(x["addresses"])) for x in record["servers"]),
        token_file=_path(record["token_file"]),
        tls=None if tls is None else TlsFiles(**{k: _path(v) for k, v in tls.items()}),
        policy=RetryPolicy(**{**policy, "breaker": BreakerPolicy(**policy["breaker"])}),
    )


def _absolute(path: Path) -> str:
    return str(path.absolute())


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
