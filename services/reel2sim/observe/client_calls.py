"""The client's end of a trace: a span for each call, and ``traceparent`` in its metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import grpc

from reel2sim.observe import tracing

_HARMLESS = {grpc.StatusCode.OK, grpc.StatusCode.CANCELLED}


class _Details(NamedTuple):
    """What gRPC wants to know of a call."""

    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class CallTracer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Makes calls children of the current span."""

    def intercept_unary_unary(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        """One message each way."""
        return _traced(continuation, client_call_details, request)

    def intercept_unary_stream(
        self, continuation: Any, client_call_details: Any, request: Any
    ) -> Any:
        """Answered by a stream."""
        return _traced(continuation, client_call_details, request)

    def intercept_stream_unary(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """Asked by a stream."""
        return _traced(continuation, client_call_details, request_iterator)

    def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        """A stream each way."""
        return _traced(continuation, client_call_details, request_iterator)


def traced_channel(channel: grpc.Channel) -> grpc.Channel:
    """``channel`` with :class:`CallTracer` if spans are collected, else as it is."""
    return grpc.intercept_channel(channel, CallTracer()) if tracing.collecting() else channel


def _traced(continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
    path = details.method.decode() if isinstance(details.method, bytes) else str(details.method)
    service, _, method = path.lstrip("/").partition("/")
    span = tracing.begin(
        f"{service}/{method}",
        kind="client",
        attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
    )
    metadata: list[tuple[str, Any]] = list(details.metadata or ())
    if span.traceparent:
        metadata.append((tracing.TRACEPARENT, span.traceparent))

    def ended(call: Any) -> None:
        code = call.code() or grpc.StatusCode.UNKNOWN
        error = "" if code in _HARMLESS else code.name
        span.end(error=error, attributes={"rpc.grpc.status_code": code.value[0]})

    call = continuation(
        _Details(
            details.method,
            details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
            details.compression,
        ),
        request,
    )
    call.add_done_callback(ended)
    return call
