"""Spans, if somebody collects them; the trace they belong to is passed on in any case.

A trace travels as W3C ``traceparent`` text: in call metadata, in the operation's row, in the order
to a worker. OpenTelemetry is used if a provider was installed here or if the program that embeds
us has set one up; without, a span is nothing but the text it was given.
See https://www.w3.org/TR/trace-context/.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

from reel2sim.scene.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")
SpanKind = Literal["internal", "client", "server", "producer", "consumer"]
TRACEPARENT = "traceparent"
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?\Z")
_FAREWELL_S = 1.0
_NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})
CURRENT: ContextVar[str] = ContextVar("traceparent", default="")
"""The traceparent of the call that this task answers."""
_installed: Any = None


class Span(Protocol):
    """Something that takes time."""

    @property
    def traceparent(self) -> str:
        """What its children are to be given as parent; "" outside of any trace."""
        ...

    def end(
        self,
        *,
        time_ns: int | None = None,
        error: str = "",
        attributes: Mapping[str, Any] = _NO_ATTRIBUTES,
    ) -> None:
        """It is over; with ``error`` it failed. Ending twice does nothing."""
        ...


class _Passing:
    """Stands for a span that nobody collects."""

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def end(
        self,
        *,
        time_ns: int | None = None,
        error: str = "",
        attributes: Mapping[str, Any] = _NO_ATTRIBUTES,
    ) -> None:
        """Nothing."""


class _Collected:
    """A span of OpenTelemetry."""

    def __init__(self, span: Any) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
        )

    def end(
        self,
        *,
        time_ns: int | None = None,
        error: str = "",
        attributes: Mapping[str, Any] = _NO_ATTRIBUTES,
    ) -> None:
        """End it, once."""
        if not self._span.is_recording():
            return
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(name, value)
        if error:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(time_ns)


def checked(traceparent: str | None) -> str:
    """``traceparent`` if it is one, else ""."""
    match = _TRACEPARENT.match(traceparent or "")
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return ""
    return match[0]


def trace_id(traceparent: str) -> str:
    """The 32 hex digits that name the trace; "" outside of any."""
    return traceparent[3:35]


def collecting() -> bool:
    """Whether spans are collected at all."""
    return _provider() is not None


def begin(
    name: str,
    *,
    kind: SpanKind = "internal",
    parent: str | None = None,
    time_ns: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Span:
    """Begin a span.

    Args:
        name: what it is.
        kind: which end of a call it is.
        parent: traceparent of its parent; "" begins a trace; None takes the current span.
        time_ns: when it began, nanoseconds since the epoch; None for now.
        attributes: more about it.
    """
    provider = _provider()
    if provider is None:
        return _Passing(parent or "")
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = None
    if parent is not None:
        context = TraceContextTextMapPropagator().extract({TRACEPARENT: parent}, Context())
    span = provider.get_tracer("reel2sim").start_span(
        name,
        context,
        kind=trace.SpanKind[kind.upper()],
        attributes=attributes,
        start_time=time_ns,
        record_exception=False,
    )
    return _Collected(span)


def traced(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: what the function calls becomes part of one trace, if any are collected."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def within(*args: P.args, **kwargs: P.kwargs) -> T:
            provider = _provider()
            if provider is None:
                return function(*args, **kwargs)
            with provider.get_tracer("reel2sim").start_as_current_span(name):
                return function(*args, **kwargs)

        return within

    return decorate


@contextlib.contextmanager
def installed(provider: Any) -> Iterator[None]:
    """Collect spans with this ``TracerProvider`` until the block ends; None changes nothing."""
    global _installed
    before = _installed
    _installed = provider or before
    try:
        yield
    finally:
        _installed = before


@contextlib.contextmanager
def exporting(endpoint: str | None) -> Iterator[None]:
    """Send spans to an OTLP collector over gRPC until the block ends; None sends nothing.

    The usual ``OTEL_*`` variables say more: service name, sampler, headers, certificates.

    Raises:
        UsageError: if OpenTelemetry is not installed.
    """
    if endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as cause:
        raise UsageError(
            "OpenTelemetry is not installed",
            field="otlp_endpoint",
            remedy="pip install 'reel2sim[otel]'",
        ) from cause
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "reel2sim")}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        with installed(provider):
            yield
    finally:
        # A collector that is away must not hold up the end of the server.
        last = threading.Thread(target=provider.shutdown, name="spans", daemon=True)
        last.start()
        last.join(_FAREWELL_S)


def now_ns() -> int:
    """Nanoseconds since the epoch."""
    return time.time_ns()


def _provider() -> Any:
    """The provider to use, or None. Looks for OpenTelemetry only where it was loaded already."""
    if _installed is not None:
        return _installed
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    # Until the program that embeds us sets one up, the API answers with a stand-in.
    provider = api.get_tracer_provider()
    return None if isinstance(provider, api.ProxyTracerProvider) else provider
