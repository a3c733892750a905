"""The interceptor in front of every method: who may call, and how errors are told.

Nothing a handler raises reaches gRPC's own mapping: errors become statuses here, by
:func:`reel2sim.transport.status.status_of`, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from reel2sim.scene.errors import (
    ForbiddenError,
    InputError,
    UnauthenticatedError,
    UnavailableError,
)
from reel2sim.server.callers import ADMIN, EVERYBODY, READ, WRITE, Caller, Callers, set_caller
from reel2sim.transport.status import DETAILS_KEY, grpc_code, status_of

_PUBLIC = "/grpc.health.v1.Health/"
_REFLECTION = "/grpc.reflection."


class _Malformed:
    """Stands for a request whose bytes are not a message."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class Guard(grpc.aio.ServerInterceptor):
    """Finds out who calls, refuses what they may not do, and tells errors.

    Health checks are for everybody.

    Args:
        token: what calls must carry as ``authorization: Bearer …``, the same for all.
        callers: who may call, each with a token or certificate of its own; None for everybody
            that knows ``token``.
        stall_timeout_s: how long a reader of a stream may block its sender.
    """

    def __init__(
        self, *, token: str | None, callers: Callers | None = None, stall_timeout_s: float
    ) -> None:
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._callers = callers
        self._stall_timeout_s = stall_timeout_s

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of a method."""
        inner: Any = await continuation(handler_call_details)
        if inner is None:
            return inner
        make, behaviour = handler_parts(inner)
        method = str(handler_call_details.method)  # type: ignore[attr-defined]

        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                set_caller(self._admitted(method, context))
                return await behaviour(_checked(request), context)
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                await abort_with(context, error)

        async def streaming(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            try:
                set_caller(self._admitted(method, context))
                answer = behaviour(_checked(request), context)
                if not inspect.isasyncgen(answer):
                    await answer
                    return
                # Closed in time whatever happens: it may hold processes.
                async with contextlib.aclosing(answer):
                    async for message in answer:
                        await self._send(context, message)
            except grpc.aio.AbortError:
                raise
            except Exception as error:
                await abort_with(context, error)

        return make(
            streaming if inner.response_streaming else unary,
            request_deserializer=_lenient(inner.request_deserializer),
            response_serializer=inner.response_serializer,
        )

    async def _send(self, context: grpc.aio.ServicerContext[Any, Any], message: Any) -> None:
        try:
            async with asyncio.timeout(self._stall_timeout_s):
                await context.write(message)
        except TimeoutError as cause:
            raise UnavailableError("the reader of this stream stalled") from cause

    def _admitted(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        """Who calls.

        Raises:
            UnauthenticatedError: if nobody knows.
            ForbiddenError: if they may not call this method.
        """
        if method.startswith(_PUBLIC) or (self._expected is None and self._callers is None):
            return EVERYBODY
        metadata: Any = context.invocation_metadata() or ()
        given = next((v for k, v in metadata if k == "authorization"), "")
        raw = given if isinstance(given, bytes) else str(given).encode()
        if self._expected is not None and hmac.compare_digest(raw, self._expected):
            return EVERYBODY
        known = None if self._callers is None else _known(self._callers, raw, context)
        if known is None:
            raise UnauthenticatedError(
                "this server wants a token" if not raw else "the token is wrong",
                remedy="send the server's token as `authorization: Bearer TOKEN`",
            )
        scope = scope_of(method)
        if not known.may(scope):
            raise ForbiddenError(
                f"{known.name!r} may not {scope}",
                source=method.lstrip("/"),
                remedy=f"ask whoever runs the server for the scope {scope!r}",
            )
        return known


def scope_of(method: str) -> str:
    """What a caller needs for a method, called ``/package.Service/Method``.

    Reading is what is known to change nothing; whatever else there will be is writing.
    """
    name = method.rpartition("/")[2]
    if name == "GetServerStatus":
        return ADMIN
    reads = name.startswith(("Get", "List", "Watch", "Wait")) or name == "Download"
    return READ if reads or method.startswith(_REFLECTION) else WRITE


def _known(
    callers: Callers, authorization: bytes, context: grpc.aio.ServicerContext[Any, Any]
) -> Caller | None:
    """Who a token, or else a client's certificate, stands for."""
    if authorization:
        kind, _, token = authorization.decode("utf-8", "replace").partition(" ")
        return callers.by_token(token) if kind == "Bearer" else None
    for name in context.auth_context().get("x509_common_name", ()):
        if (found := callers.by_certificate(name.decode("utf-8", "replace"))) is not None:
            return found
    return None


async def abort_with(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """End a call with the status that tells ``error``."""
    status = status_of(error)
    trailing = ((DETAILS_KEY, status.SerializeToString()),)
    await context.abort(grpc_code(status), status.message, trailing)
    raise AssertionError("abort does not return")


def handler_parts(handler: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The constructor of handlers of this kind, and what the handler does."""
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler, handler.stream_stream
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler, handler.stream_unary
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler, handler.unary_stream
    return grpc.unary_unary_rpc_method_handler, handler.unary_unary


def _lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """``deserialize``, but answering :class:`_Malformed`: gRPC would call it the server's fault."""

    def attempt(data: bytes) -> Any:
        try:
            return deserialize(data)
        except (DecodeError, ValueError) as cause:
            return _Malformed(cause)

    return attempt


def _checked(request: Any) -> Any:
    """``request``, a message or a stream of them, or the reason to refuse it."""
    if isinstance(request, _Malformed):
        raise InputError("the request is not a valid message") from request.cause
    return _checked_stream(request) if hasattr(request, "__aiter__") else request


async def _checked_stream(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _checked(request)
