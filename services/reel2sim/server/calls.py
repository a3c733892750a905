"""The interceptor around all others: counts calls, times them, and puts them into their trace."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from reel2sim.observe import tracing
from reel2sim.observe.context import about
from reel2sim.observe.metrics import Metrics
from reel2sim.server.guard import handler_parts

_log = logging.getLogger(__name__)
_UNKNOWN = ("unary", "unknown", "unknown")
_SERVER_FAULTS = {"Internal", "Unknown", "DataLoss"}


class CallObserver(grpc.aio.ServerInterceptor):
    """Put it first: what the others refuse is counted too.

    Handlers are wrapped once for each method, by all interceptors: what differs from call to call
    is in the context of the call.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of a method."""
        path = str(handler_call_details.method)  # type: ignore[attr-defined]
        if (known := self._handlers.get(path)) is not None:
            return known
        inner: Any = await continuation(handler_call_details)
        if inner is None:
            self._metrics.calls_started.labels(*_UNKNOWN).inc()
            self._metrics.calls_handled.labels(*_UNKNOWN, "Unimplemented").inc()
            return inner
        self._handlers[path] = self._wrapped(inner, path)
        return self._handlers[path]

    def _wrapped(self, inner: Any, path: str) -> Any:
        make, behaviour = handler_parts(inner)
        service, _, method = path.lstrip("/").partition("/")
        labels = (_sort_of(inner), service, method)
        counts = _Counts(self._metrics, labels)

        async def observed(request: Any, context: Any) -> Any:
            call = _Call(counts, parent=_parent(context))
            with about(grpc_method=f"{service}/{method}", trace_id=tracing.trace_id(call.trace)):
                token = tracing.CURRENT.set(call.trace)
                try:
                    answer = await behaviour(request, context)
                except asyncio.CancelledError:
                    late = context.time_remaining() == 0
                    call.ended("DeadlineExceeded" if late else "Canceled")
                    raise
                except BaseException:
                    call.ended(_code_of(context, "Unknown"))
                    raise
                finally:
                    tracing.CURRENT.reset(token)
                call.ended(_code_of(context, "OK"))
                return answer

        return make(
            observed,
            request_deserializer=_counted(
                inner.request_deserializer, self._metrics.messages_received.labels(*labels)
            ),
            response_serializer=_counted(
                inner.response_serializer, self._metrics.messages_sent.labels(*labels)
            ),
        )


class _Counts:
    """The counters of one method, looked up once."""

    def __init__(self, metrics: Metrics, labels: tuple[str, str, str]) -> None:
        self.labels = labels
        self.started = metrics.calls_started.labels(*labels)
        self.seconds = metrics.call_seconds.labels(*labels)
        self._handled = metrics.calls_handled
        self._by_code: dict[str, Any] = {}

    def handled(self, code: str) -> Any:
        """The counter of calls that ended with ``code``."""
        if code not in self._by_code:
            self._by_code[code] = self._handled.labels(*self.labels, code)
        return self._by_code[code]


class _Call:
    """One call while it lasts."""

    def __init__(self, counts: _Counts, *, parent: str) -> None:
        self._counts = counts
        self._began_s = time.perf_counter()
        counts.started.inc()
        _, service, method = counts.labels
        self._span = tracing.begin(
            f"{service}/{method}",
            kind="server",
            parent=parent,
            attributes={"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
        )
        self.trace = self._span.traceparent

    def ended(self, code: str) -> None:
        """Count it; logs in the context of the call."""
        seconds = time.perf_counter() - self._began_s
        self._counts.handled(code).inc()
        self._counts.seconds.observe(seconds)
        fault = code in _SERVER_FAULTS
        number = _NUMBERS[code]
        self._span.end(error=code if fault else "", attributes={"rpc.grpc.status_code": number})
        level = logging.WARNING if fault else logging.DEBUG
        if _log.isEnabledFor(level):
            _log.log(level, "call ended", extra={"grpc_code": code, "seconds": round(seconds, 6)})


def _parent(context: Any) -> str:
    """The trace that the caller is in, or ""."""
    metadata: Any = context.invocation_metadata() or ()
    given = next((v for k, v in metadata if k == tracing.TRACEPARENT), "")
    return tracing.checked(given if isinstance(given, str) else "")


def _sort_of(handler: Any) -> str:
    if handler.request_streaming:
        return "bidi_stream" if handler.response_streaming else "client_stream"
    return "server_stream" if handler.response_streaming else "unary"


def _code_of(context: Any, default: str) -> str:
    """The code of a call as Go writes it: ``OK``, ``NotFound``, ``Canceled``."""
    code = context.code()
    if code is None:
        return default
    number = code.value[0] if isinstance(code, grpc.StatusCode) else int(code)
    if number == 0 and default != "OK":
        return default
    return _NAMES.get(number, "Unknown")


def _go_name(code: grpc.StatusCode) -> str:
    if code is grpc.StatusCode.OK:
        return "OK"
    if code is grpc.StatusCode.CANCELLED:
        return "Canceled"
    return "".join(word.capitalize() for word in code.name.split("_"))


_NAMES: dict[int, str] = {code.value[0]: _go_name(code) for code in grpc.StatusCode}
_NUMBERS = {name: number for number, name in _NAMES.items()}


def _counted(convert: Callable[[Any], Any] | None, counter: Any) -> Callable[[Any], Any]:
    """``convert``, counting how often it does."""

    def counting(value: Any) -> Any:
        counter.inc()
        return value if convert is None else convert(value)

    return counting
