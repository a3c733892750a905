"""A channel to a server and how calls on it are made, retried and explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc

from reel2sim.observe.client_calls import traced_channel
from reel2sim.scene.errors import Reel2SimError, UnavailableError, UsageError
from reel2sim.transport.status import error_of_call

T = TypeVar("T")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Certificates for an encrypted connection.

    Attributes:
        ca: PEM authorities to trust; None for those of the system.
        cert: PEM certificate chain of this client, for mTLS.
        key: PEM private key of ``cert``.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Connection:
    """A channel whose calls fail with errors of the project.

    Args:
        address: ``host:port``.
        token: bearer token to send, or None.
        tls: certificates; None speaks plain text.
        timeout_s: deadline of each short call.
        retry_s: how long calls that may be repeated are, while the server is away.
        options: more arguments of the channel, as gRPC names them.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None,
        tls: TlsFiles | None,
        timeout_s: float,
        retry_s: float,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        arguments = [
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 1_000),
            # Channels with equal arguments would share a connection, and its backoff.
            ("grpc.use_local_subchannel_pool", 1),
            *options,
        ]
        self.address = address
        self.channel: grpc.Channel = traced_channel(
            grpc.insecure_channel(address, arguments)
            if tls is None
            else grpc.secure_channel(address, _credentials(tls), arguments)
        )
        self._metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self._timeout_s = timeout_s
        self._retry_s = retry_s

    def close(self) -> None:
        """Close the channel; calls in flight fail."""
        self.channel.close()

    def call(self, method: Callable[..., T], request: Any, *, timeout_s: float | None = None) -> T:
        """Make one call.

        Raises:
            Reel2SimError: of the class the server raised.
        """
        try:
            return method(request, timeout=timeout_s or self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of_call(error) from error

    def stream(
        self, method: Callable[..., Any], request: Any, *, timeout_s: float | None = None
    ) -> Iterator[Any]:
        """Make a call that is answered by a stream; closing the iterator cancels it."""
        call = method(request, timeout=timeout_s, metadata=self._metadata)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of_call(error) from error
        finally:
            call.cancel()

    def converse(self, method: Callable[..., Any], requests: Iterator[Any]) -> Any:
        """Make a call that streams both ways; the call, to iterate over and to cancel."""
        return method(requests, metadata=self._metadata)

    def persist(self, attempt: Callable[[], T]) -> T:
        """The result of ``attempt``, repeated while the server cannot be reached.

        Only for what may be repeated: reads, and writes that the server recognises.

        Raises:
            UnavailableError: if the server stayed away for ``retry_s``.
        """
        patience = Patience(self._retry_s)
        while True:
            try:
                return attempt()
            except UnavailableError as error:
                patience.endure(error)

    def patience(self) -> Patience:
        """How long a loop of this connection endures a server that is away."""
        return Patience(self._retry_s)


class Patience:
    """Counts how long a server has been away, and pauses between attempts."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since_s: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    def endure(self, error: Reel2SimError) -> None:
        """Pause, or raise ``error`` if patience has run out."""
        now = time.monotonic()
        self._since_s = now if self._since_s is None else self._since_s
        if now - self._since_s + self._pause_s > self._limit_s:
            raise error
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def restore(self) -> None:
        """The server has answered."""
        self._since_s, self._pause_s = None, _FIRST_PAUSE_S


def _credentials(tls: TlsFiles) -> grpc.ChannelCredentials:
    try:
        ca, cert, key = (
            None if path is None else path.read_bytes() for path in (tls.ca, tls.cert, tls.key)
        )
    except OSError as cause:
        raise UsageError(f"cannot read: {cause}", source="TlsFiles") from cause
    return grpc.ssl_channel_credentials(ca, key, cert)
