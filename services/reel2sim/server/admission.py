"""How many calls may be in flight, and which are answered even so."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc

from reel2sim.scene.errors import ExhaustedError
from reel2sim.server.guard import abort_with, handler_parts

_ALWAYS = {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List"}
"""Answered from memory, at once."""
_APART = {"/grpc.health.v1.Health/Watch": 64, "/reel2sim.v1.ServerInfo/GetServerStatus": 16}
"""Limits of their own, for what tells how the server is but lasts, or reads the database."""


class Admission(grpc.aio.ServerInterceptor):
    """Refuses calls beyond a limit, but never those that ask how the server is.

    gRPC's own ``maximum_concurrent_rpcs`` knows no exceptions, so it is not used: it, too, refuses
    a call only after the interceptors have seen it.

    Args:
        limit: calls in flight, watchers of operations and other streams included.
    """

    def __init__(self, limit: int) -> None:
        self._ordinary = _Pool(limit)
        self._apart = {method: _Pool(most) for method, most in _APART.items()}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler of a method."""
        inner: Any = await continuation(handler_call_details)
        method = str(handler_call_details.method)  # type: ignore[attr-defined]
        if inner is None or method in _ALWAYS:
            return inner
        pool = self._apart.get(method, self._ordinary)
        make, behaviour = handler_parts(inner)

        # Whatever the guard wraps is a coroutine function, streams included.
        async def admitted(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            if pool.full:
                await abort_with(context, _refusal(pool.limit))
            with pool.place():
                return await behaviour(request, context)

        return make(
            admitted,
            request_deserializer=inner.request_deserializer,
            response_serializer=inner.response_serializer,
        )


class _Pool:
    """Places for calls; used in the event loop only."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0

    @property
    def full(self) -> bool:
        return self._taken >= self.limit

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


def _refusal(limit: int) -> ExhaustedError:
    return ExhaustedError(
        f"{limit} calls like this are in flight, which is this server's limit",
        remedy="try again later, or end streams that are not needed",
    )
