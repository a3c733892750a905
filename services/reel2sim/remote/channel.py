"""Connections to stage servers, and what these tell about themselves."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reel2sim.client.connection import Connection
from reel2sim.remote.config import RemoteStages
from reel2sim.scene.errors import UnauthenticatedError
from reel2sim.v1 import server_info_pb2, server_info_pb2_grpc

# gRPC itself repeats a call at once that a broken connection or a restart has cut: every method
# used here may be repeated. What lasts longer is for the loop around it.
_BLIPS = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@dataclass(frozen=True)
class Facts:
    """What a stage server is.

    Attributes:
        version: of its reel2sim package.
        kinds: jobs it takes.
        devices: devices it has.
        code: digest of the code behind each kind of job.
    """

    version: str
    kinds: tuple[str, ...]
    devices: tuple[str, ...]
    code: Mapping[str, str]


@contextlib.contextmanager
def connected(
    address: str, stages: RemoteStages, *, call_s: float | None = None
) -> Iterator[Connection]:
    """A connection to ``address`` for as long as the block lasts.

    Raises:
        UsageError: if the token or a certificate cannot be read.
    """
    connection = Connection(
        address,
        token=stages.token(),
        tls=stages.tls,
        timeout_s=call_s or stages.policy.call_s,
        retry_s=0.0,
        options=[("grpc.service_config", _BLIPS)],
    )
    try:
        yield connection
    finally:
        connection.close()


def facts_of(connection: Connection) -> Facts:
    """What the server at the other end is.

    Raises:
        UnauthenticatedError: if it wants another token.
    """
    stub = server_info_pb2_grpc.ServerInfoStub(connection.channel)
    try:
        answer = connection.call(stub.GetServerInfo, server_info_pb2.GetServerInfoRequest())
    except UnauthenticatedError as error:
        raise UnauthenticatedError(
            error.message,
            source=connection.address,
            remedy="name the file with its token with --stage-token-file",
        ) from error
    return Facts(answer.version, tuple(answer.kinds), tuple(answer.devices), dict(answer.code))
